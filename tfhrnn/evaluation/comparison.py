"""Two systems on the same targets: each one's figures with intervals, and whether they differ.

Rows are those of `evaluate.judge`, or of `list_reader.read_lists`, which have no log-probability.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from tfhrnn.errors import DataError
from tfhrnn.evaluation.metrics import rank_values, user_weights
from tfhrnn.evaluation.statistics import (
    LEVEL,
    SAMPLES,
    Interval,
    bootstrap_interval,
    paired_test,
)

_SHOWN = {"hit_rate": "HR@{}", "ndcg": "NDCG@{}", "mrr": "MRR@{}"}


def target_values(judged: pl.DataFrame, k: int) -> dict[str, npt.NDArray[np.float64]]:
    """What each target is worth by each figure, `[targets]`.

    Returns:
      `perplexity`, which is −log p and where there is one, `hit_rate`, `ndcg` and `mrr`.
    """
    values = {}
    if "log_p" in judged.columns:
        values["perplexity"] = -judged["log_p"].to_numpy().astype(np.float64)
    return values | rank_values(judged["rank"].to_numpy(), k)


def intervals(judged: pl.DataFrame, k: int = 10, *, seed: int = 0) -> dict[str, list[float]]:
    """The low and high end of each figure's interval, users being drawn.

    Args:
      judged: rows of one model.
      k: cut-off of the rank metrics.
      seed: of the draws.
    """
    users = judged["user"].to_numpy()
    found = {
        name: _shown(name, bootstrap_interval(values, users, seed=seed))
        for name, values in target_values(judged, k).items()
    }
    return {name: [interval.low, interval.high] for name, interval in found.items()}


def averaged_by_users(judged: pl.DataFrame, k: int = 10) -> dict[str, float]:
    """The figures as means over users, each one's targets averaged first: all count alike."""
    return _means(judged, k, user_weights(judged["user"].to_numpy()))


def mean_figures(judged: pl.DataFrame, k: int = 10) -> dict[str, float]:
    """The figures alone, named as rows of experiments name them."""
    means = _means(judged, k)
    return {name if name == "perplexity" else f"{name}_at_{k}": v for name, v in means.items()}


def _means(
    judged: pl.DataFrame, k: int, weight: npt.NDArray[np.float64] | None = None
) -> dict[str, float]:
    means = {
        name: float(np.average(values, weights=weight))
        for name, values in target_values(judged, k).items()
    }
    if "perplexity" in means:
        means["perplexity"] = float(np.exp(means["perplexity"]))
    return means


def compare(
    first: pl.DataFrame,
    second: pl.DataFrame,
    *,
    k: int = 10,
    samples: int = SAMPLES,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Figures of two systems beside each other, and their difference, target by target.

    Args:
      first: judged rows of one.
      second: of the other, of the same targets in the same order.
      k: cut-off of the rank metrics.
      samples: draws of the bootstrap and of the permutation.
      seed: of both.

    Returns:
      A record a figure that both have: `metric`; `first` and `second`, [value, low, high];
      `change`, likewise, of `change_is` "ratio" (second over first, of perplexities) or
      "difference"; `bootstrap_p`, `permutation_p`; `users_first`, `users_second`, how many users
      are better off with one or the other.

    Raises:
      DataError: the rows are not of the same targets.
    """
    same = ["user", "position", "item"]
    if not first.select(same).equals(second.select(same)):
        raise DataError(
            "judged targets",
            found=f"{first.height} of one system and other {second.height} of the other",
            expected="the same ones in the same order",
        )
    users = first["user"].to_numpy()
    values, others = target_values(first, k), target_values(second, k)
    rows = []
    for name in (name for name in values if name in others):
        test = paired_test(values[name], others[name], users, samples=samples, seed=seed)
        lower, higher = test.first_better, test.second_better  # by the mean, which is to be high
        if name == "perplexity":
            lower, higher = higher, lower
        rows.append(
            {
                "metric": _SHOWN.get(name, name).format(k),
                **{
                    side: list(
                        _shown(
                            name, bootstrap_interval(own[name], users, samples=samples, seed=seed)
                        )
                    )
                    for side, own in (("first", values), ("second", others))
                },
                "change": list(_shown(name, test.difference)),
                "change_is": "ratio" if name == "perplexity" else "difference",
                "bootstrap_p": test.bootstrap_p,
                "permutation_p": test.permutation_p,
                "users_first": lower,
                "users_second": higher,
                "level": LEVEL,
            }
        )
    return rows


def _shown(name: str, found: Interval) -> Interval:
    """Perplexity from −log p (and their ratio from a difference); all else as it is."""
    return Interval(*map(float, np.exp(found))) if name == "perplexity" else found
