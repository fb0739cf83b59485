"""What counting says of bets: how far plain counts of the training sequences come.

p(item | first) is how often the item was met in training sequences that began with `first`, plus
a · p(item), over their sum (Dirichlet smoothing; MacKay and Peto 1995), with the a that suits the
validation sequences best. It shows what so many sequences hold for whoever is not told that 7 and 8
stand side by side.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import polars as pl

from tfhrnn.data.simulate_bets import HIGHEST, Bets
from tfhrnn.evaluation.metrics import Floats, perplexity
from tfhrnn.experiments.bet_bounds import bet_joint
from tfhrnn.experiments.bounds import best_predictor, compare, require_no_leak

NAME: Final = "user, by counts"
SMOOTHING: Final = (0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0, 40.0)


def smoothed_counts(counts: Floats, smoothing: float) -> Floats:
    """Log p `[firsts, items]` of counts of the same shape.

    Args:
      counts: how often each item was met after each first one; any may be 0.
      smoothing: a, above 0.

    >>> np.exp(smoothed_counts(np.array([[1.0, 0.0], [0.0, 0.0]]), 2.0)).round(3).tolist()
    [[0.778, 0.222], [0.667, 0.333]]
    """
    of_all = counts.sum(axis=0) + 1.0
    share = of_all / of_all.sum()
    return np.log((counts + smoothing * share) / (counts.sum(axis=1, keepdims=True) + smoothing))


def counted_row(bets: Bets, train: int, validation: int) -> dict[str, Any]:
    """The row of counts, in the form of `tfhrnn.experiments.simulated.run_rows`.

    Args:
      bets: of which the sequences after the first `train + validation` are judged, all their bets.
      train: how many sequences are counted.
      validation: how many come next and choose the smoothing.

    Returns:
      The row; nothing of it depends on a seed of training.

    Raises:
      RunError: it is better than the best predictor.
    """
    told = bets.interactions.select(
        sequence=pl.col("user_id").cast(pl.Int64),
        item=pl.col("item_id").cast(pl.Int64),
        first=pl.col("item_id").first().over("user_id").cast(pl.Int64),
    )
    sequence, item, first = (told[name].to_numpy() for name in told.columns)
    trained, tested = sequence < train, sequence >= train + validation
    chooses = ~trained & ~tested
    counts = np.zeros((HIGHEST + 1, HIGHEST + 1))
    np.add.at(counts, (first[trained], item[trained]), 1.0)
    answers = [smoothed_counts(counts, smoothing)[first, item] for smoothing in SMOOTHING]
    log_p = max(answers, key=lambda answer: float(answer[chooses].mean()))[tested]
    best = best_predictor(bet_joint("user"))
    best_log_p = best.log_p[first, item][tested]
    found = compare(log_p, best_log_p, sequence[tested])
    require_no_leak(NAME, found)
    return {
        "name": NAME,
        "seeds": 1,
        "perplexity": perplexity(log_p),
        "bound": best.perplexity,
        "sample_bound": perplexity(best_log_p),
        "over_bound": float(np.expm1(found.excess)),
        "over_bound_error": found.standard_error,
        "epochs": 0.0,
        "seconds_per_epoch": 0.0,
    }
