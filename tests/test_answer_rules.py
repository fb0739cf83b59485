"""What answers keep to: the numbers that may be, and what they do to answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import tensorflow as tf

from tfhrnn import cli
from tfhrnn.answer_options import AnswerOptions
from tfhrnn.answer_rules import AnswerRules
from tfhrnn.data.item_ages import item_ages
from tfhrnn.errors import ConfigError
from tfhrnn.histories import Histories
from tfhrnn.predictor import Predictor
from tfhrnn.recommender import HRNNRecommender

FILMS = [f"film {n}, é" for n in range(30)]


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"ranking_influence": {"AGE": 1}}, "got AGE, expected POPULARITY, FRESHNESS"),
        ({"ranking_influence": {"FRESHNESS": 1.1}}, "got FRESHNESS=1.1, expected 0 to 1"),
        ({"ranking_influence": {"POPULARITY": float("nan")}}, "POPULARITY=nan, expected 0 to 1"),
        ({"exploration_item_age_cut_off": 0.0}, "got 0.0, expected days, more than 0"),
    ],
)
def test_what_cannot_be_is_refused(rules: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        AnswerRules(**rules)


def table(trained: HRNNRecommender, **asked: Any) -> dict[str, float]:
    found = trained.recommend([FILMS[:3]], k=31, gap=60, **asked)
    return dict(found.select("item", "log_probability").iter_rows())


@pytest.fixture(scope="module")
def facts(trained: HRNNRecommender) -> tuple[dict[str, int], dict[str, float]]:
    """Training events and days of age of each item."""
    assert trained.run is not None and trained.log is not None
    ids = trained.catalogue.ids
    users = trained.run.training_users(trained.log)
    ages = item_ages(trained.log, users, trained.catalogue).tolist()
    counts = trained.run.facts.item_counts.tolist()
    return dict(zip(ids, counts, strict=True)), dict(zip(ids, ages, strict=True))


@pytest.mark.parametrize("retrieval", ["exact", "streaming", "clustered"])
def test_influence_changes_what_is_chosen_and_not_its_log_probability(
    trained: HRNNRecommender, facts: tuple[dict[str, int], dict[str, float]], retrieval: str
) -> None:
    counts, days = facts[0], np.linspace(0.0, 300.0, 30, dtype=np.float32)
    size, ages = sum(counts.values()) + len(counts), dict(zip(counts, days.tolist(), strict=True))

    def answers(popular: float, fresh: float) -> dict[str, float]:
        assert trained.model is not None and trained.run is not None
        rules = AnswerRules(ranking_influence={"POPULARITY": popular, "FRESHNESS": fresh})
        predictor = Predictor(
            trained.model,
            trained.catalogue,
            trained.run.user_features,
            retrieval=retrieval,
            rules=rules,
            ages=days,
        )
        nobody = Histories([""], [[]], [[]], [[]])
        ids, log_p = predictor.answer(nobody, query_time=np.array([10**9]), k=30)
        return dict(zip(ids[0].tolist(), log_p[0].tolist(), strict=True))

    whole = answers(0.0, 0.0)
    assert list(whole.values()) == sorted(whole.values(), reverse=True)
    for popular, fresh in ((1.0, 0.0), (0.0, 0.5), (0.3, 0.2)):
        found = answers(popular, fresh)
        np.testing.assert_allclose([found[x] for x in whole], list(whole.values()), atol=1e-5)
        keys = {
            item: log_p
            + popular * np.log((counts[item] + 1) / size)
            - fresh * np.log(1 + ages[item])
            for item, log_p in whole.items()
        }
        assert list(found) == sorted(keys, key=lambda item: -keys[item])
        assert list(found) != list(whole)


def test_a_new_item_is_unpopular_and_fresh(
    trained: HRNNRecommender, facts: tuple[dict[str, int], dict[str, float]]
) -> None:
    new = pl.DataFrame({"item_id": ["new"], "genres": ["Drama"]})
    counts, ages = facts
    whole, size = table(trained, cold_items=new), sum(counts.values()) + len(counts)
    influence = {"POPULARITY": 0.5, "FRESHNESS": 1.0}
    found = table(trained, cold_items=new, ranking_influence=influence)
    keys = {
        item: log_p
        + 0.5 * np.log((counts.get(item, 0) + 1) / size)
        - np.log(1 + ages.get(item, 0.0))
        for item, log_p in whole.items()
    }
    assert list(found) == sorted(keys, key=lambda item: -keys[item])
    np.testing.assert_allclose([found[x] for x in whole], list(whole.values()), atol=1e-5)


def test_items_past_the_cut_off_do_not_explore(
    trained: HRNNRecommender, facts: tuple[dict[str, int], dict[str, float]]
) -> None:
    _, ages = facts
    whole, cut_off = table(trained), float(np.median(list(ages.values())))
    explored = {"exploration": 3.0, "seed": 5}
    free = table(trained, **explored)
    found = table(trained, **explored, exploration_item_age_cut_off=cut_off)
    young = [item for item in whole if ages[item] <= cut_off]
    old = [item for item in whole if ages[item] > cut_off]
    assert 5 < len(young) < 25
    # Old ones among themselves stand by log-probability, young ones as without a cut-off.
    assert [item for item in found if item in old] == old
    assert [item for item in found if item in young] == [item for item in free if item in young]
    assert list(found) not in (list(free), list(whole))
    assert list(table(trained, exploration_item_age_cut_off=cut_off)) == list(whole)


def test_rules_that_read_ages_want_them(trained: HRNNRecommender) -> None:
    assert trained.model is not None
    rules = AnswerRules(exploration_item_age_cut_off=3.0)
    with pytest.raises(ConfigError, match="ages: got none, expected days of each item"):
        Predictor(trained.model, trained.catalogue, rules=rules)


def test_an_export_and_the_command_line_keep_to_the_same_rules(
    trained: HRNNRecommender, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert trained.run is not None and trained.log is not None
    run = ["--run", str(trained.run.path)]
    rules = ["--ranking-influence", "popularity=0.9", "--ranking-influence", "FRESHNESS=0.4"]
    assert cli.main(["export", *run, "--out", str(tmp_path / "m"), *rules]) == 0
    everyone = ["recommend-all", *run, "--out", str(tmp_path / "all.parquet"), "-k", "8", *rules]
    assert cli.main(everyone) == 0
    served = tf.saved_model.load(str(tmp_path / "m" / "1")).signatures["recommend"]
    for row in pl.read_parquet(tmp_path / "all.parquet")[::13].iter_rows(named=True):
        user = trained.log.user_index(row["user"])
        assert user is not None
        asked = inputs(trained, user, row["query_time"])
        found = served(**asked)
        ids = [item.decode() for item in found["items"].numpy()[0]]
        assert ids == row["items"]
        np.testing.assert_allclose(
            found["log_probabilities"].numpy()[0], row["log_probabilities"], atol=1e-5
        )
    capsys.readouterr()
    assert cli.main([*everyone, "--ranking-influence", "AGE=1"]) == 2
    assert "got AGE, expected POPULARITY, FRESHNESS" in capsys.readouterr().err


def inputs(trained: HRNNRecommender, user: int, query_time: int) -> dict[str, Any]:
    """What a client sends for a user of the log."""
    assert trained.log is not None
    predictor, when = trained.predictor, np.array([query_time])
    arrays = predictor.inputs(
        Histories.from_log(trained.log, [user]), AnswerOptions(k=8), query_time=when
    )
    return {
        name: tf.constant(arrays[name], spec.dtype) for name, spec in predictor.signature().items()
    }
