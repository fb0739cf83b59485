"""Two systems on the same targets: figures as `figures` gives them, and whose targets are whose."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tfhrnn.errors import DataError
from tfhrnn.evaluation.comparison import (
    averaged_by_users,
    compare,
    intervals,
    mean_figures,
    target_values,
)
from tfhrnn.evaluation.evaluate import figures
from tfhrnn.evaluation.statistics import bootstrap_interval


def judged(seed: int, users: int = 30, better: float = 0.0) -> pl.DataFrame:
    """Rows of a system; the targets are the same for every seed."""
    sizes = np.random.default_rng(99).integers(1, 12, users)
    whose = np.repeat(np.arange(users), sizes)
    rng = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "user": whose,
            "position": np.concatenate([np.arange(size) for size in sizes]),
            "item": np.arange(len(whose)) % 7 + 2,
            "log_p": -rng.exponential(2, len(whose)) + better,
            "rank": rng.integers(0, 20, len(whose)),
        }
    )


def test_values_average_to_the_figures() -> None:
    rows = judged(0)
    found, means = figures(rows, 5), mean_figures(rows, 5)
    assert means == {
        "perplexity": pytest.approx(found["perplexity"]),
        "hit_rate_at_5": pytest.approx(found["hit_rate"]),
        "ndcg_at_5": pytest.approx(found["ndcg"]),
        "mrr_at_5": pytest.approx(found["mrr"]),
    }
    assert set(target_values(rows.drop("log_p"), 5)) == {"hit_rate", "ndcg", "mrr"}


def test_over_users_a_user_of_many_targets_counts_as_one_of_few() -> None:
    rows = pl.DataFrame(
        {"user": [4, 4, 4, 9], "log_p": np.log([0.5, 0.5, 0.5, 0.125]), "rank": [0, 0, 0, 20]}
    )
    found = averaged_by_users(rows)
    assert found["perplexity"] == pytest.approx(4)  # the geometric mean of 2 and 8
    assert found["hit_rate"] == found["ndcg"] == found["mrr"] == 0.5


def test_intervals_hold_their_figures_and_perplexity_is_no_mean() -> None:
    rows = judged(1)
    found, ends = figures(rows, 10), intervals(rows)
    for name, (low, high) in ends.items():
        assert low < found[name] < high
    nats = bootstrap_interval(-rows["log_p"].to_numpy(), rows["user"].to_numpy())
    assert ends["perplexity"] == pytest.approx([np.exp(nats.low), np.exp(nats.high)])


def test_the_change_is_of_the_second_against_the_first() -> None:
    first, second = judged(0), judged(0, better=0.5)
    rows = {row["metric"]: row for row in compare(first, second, k=5, samples=200)}
    assert set(rows) == {"perplexity", "HR@5", "NDCG@5", "MRR@5"}
    perplexity = rows["perplexity"]
    # Every target's log p is half a nat higher: so is every draw's mean.
    assert perplexity["change"] == pytest.approx([np.exp(-0.5)] * 3)
    assert perplexity["change_is"] == "ratio"
    assert perplexity["second"][0] == pytest.approx(np.exp(-0.5) * perplexity["first"][0])
    assert (perplexity["users_first"], perplexity["users_second"]) == (0, 30)
    assert perplexity["permutation_p"] == pytest.approx(1 / 201)
    assert rows["HR@5"]["change"] == [0, 0, 0] and rows["HR@5"]["bootstrap_p"] == 1
    turned = compare(second, first, k=5, samples=200)[0]
    assert (turned["users_first"], turned["users_second"]) == (30, 0)


def test_better_users_are_those_with_higher_rank_metrics() -> None:
    first = judged(0).with_columns(rank=pl.lit(3))
    second = first.with_columns(rank=pl.when(pl.col("user") < 4).then(0).otherwise(pl.col("rank")))
    (row,) = (row for row in compare(first, second, k=10) if row["metric"] == "MRR@10")
    assert (row["users_first"], row["users_second"]) == (0, 4)
    assert row["change"][0] > 0 and row["first"][0] == pytest.approx(1 / 4)


def test_a_system_without_probabilities_is_compared_by_ranks() -> None:
    rows = compare(judged(0), judged(2).drop("log_p"), samples=100)
    assert [row["metric"] for row in rows] == ["HR@10", "NDCG@10", "MRR@10"]


def test_other_targets_are_refused() -> None:
    rows = judged(0)
    for other in (rows.head(5), rows.reverse(), rows.with_columns(item=pl.col("item") + 1)):
        with pytest.raises(DataError, match="expected the same ones in the same order"):
            compare(rows, other)
