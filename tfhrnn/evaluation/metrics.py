"""Metrics from log-probabilities and ranks, pure functions of arrays.

Ranks count from 0; a target at rank r is a hit at k where r < k. With one target a step, recall is
the hit rate, precision a k-th of it, average precision the reciprocal rank, and the ideal DCG is 1,
so NDCG is 1 / log2(r + 2). Several relevant items a list: `list_metrics`.

Means are over targets; with `user_weights` as weights they are over users, of each user's mean.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]
TieRule = Literal["catalogue", "optimistic", "pessimistic", "mean"]


def perplexity(log_p: Floats, weight: Floats | None = None) -> float:
    """Exp of the weighted mean of −log p.

    >>> round(perplexity(np.log([0.5, 0.125])), 6)
    4.0
    """
    return float(np.exp(-np.average(np.asarray(log_p, np.float64), weights=weight)))


def rank_values(ranks: Floats | Ints, k: int) -> dict[str, npt.NDArray[np.float64]]:
    """What each target is worth by each rank metric at k, `[targets]`.

    Args:
      ranks: `[targets]`, from 0.
      k: how many places count.

    Returns:
      `hit_rate`, 1 within k; `ndcg`, 1 / log2(rank + 2) there; `mrr`, 1 / (rank + 1) there; else 0.

    >>> {name: values.tolist() for name, values in rank_values(np.array([2, 10]), 10).items()}
    {'hit_rate': [1.0, 0.0], 'ndcg': [0.5, 0.0], 'mrr': [0.3333333333333333, 0.0]}
    """
    within = ranks < k
    return {
        "hit_rate": within.astype(np.float64),
        "ndcg": np.where(within, 1 / np.log2(ranks + 2.0), 0.0),
        "mrr": np.where(within, 1 / (ranks + 1.0), 0.0),
    }


def hit_rate(ranks: Floats | Ints, k: int, weight: Floats | None = None) -> float:
    """Share of targets among the first k.

    >>> hit_rate(np.array([0, 9, 10, 50]), 10)
    0.5
    """
    return float(np.average(rank_values(ranks, k)["hit_rate"], weights=weight))


def ndcg(ranks: Floats | Ints, k: int, weight: Floats | None = None) -> float:
    """Mean of 1 / log2(rank + 2) for targets among the first k, else 0.

    >>> ndcg(np.array([0, 2, 10]), 10)
    0.5
    """
    return float(np.average(rank_values(ranks, k)["ndcg"], weights=weight))


def mrr(ranks: Floats | Ints, k: int, weight: Floats | None = None) -> float:
    """Mean of 1 / (rank + 1) for targets among the first k, else 0.

    >>> mrr(np.array([0, 3, 10, 1]), 10)
    0.4375
    """
    return float(np.average(rank_values(ranks, k)["mrr"], weights=weight))


def user_weights(users: Ints) -> npt.NDArray[np.float64]:
    """Weights under which every user counts alike: one over the number of the user's targets.

    Args:
      users: `[targets]` whose target each is.

    >>> user_weights(np.array([7, 7, 3, 7])).round(3).tolist()
    [0.333, 0.333, 1.0, 0.333]
    """
    _, group, counts = np.unique(users, return_inverse=True, return_counts=True)
    return 1.0 / counts[group]


def ranks_of(scores: Floats, target: Ints, ties: TieRule = "catalogue") -> npt.NDArray[np.float64]:
    """The target's rank among all candidates, from 0.

    Args:
      scores: `[rows, candidates]`, no NaN.
      target: `[rows]` columns.
      ties: what of candidates with the target's own score stands in front of it: those of earlier
        columns ("catalogue", the rule of our protocols), none ("optimistic"), all ("pessimistic")
        or half of them ("mean", the middle of the ranks that it could have).

    Returns:
      `[rows]`.

    Raises:
      ValueError: a NaN, which compares with nothing and would stand first.

    >>> scores, target = np.array([[2.0, 3.0, 2.0, 2.0]]), np.array([2])
    >>> rules: list[TieRule] = ["optimistic", "catalogue", "mean", "pessimistic"]
    >>> [float(ranks_of(scores, target, rule)[0]) for rule in rules]
    [1.0, 2.0, 2.0, 3.0]
    """
    if np.isnan(scores).any():
        row, column = np.argwhere(np.isnan(scores))[0]
        raise ValueError(f"scores: got NaN in row {row}, column {column}, expected numbers")
    own = np.take_along_axis(scores, np.asarray(target)[:, np.newaxis], axis=1)
    equal = scores == own
    earlier = np.arange(scores.shape[1]) < np.asarray(target)[:, np.newaxis]
    others = equal.sum(axis=1) - 1
    in_front = {
        "catalogue": (equal & earlier).sum(axis=1),
        "optimistic": np.zeros(len(scores)),
        "pessimistic": others,
        "mean": others / 2,
    }[ties]
    return (scores > own).sum(axis=1) + in_front.astype(np.float64)


def rmse(predicted: Floats, feedback: Floats, weight: Floats | None = None) -> float:
    """Root of the weighted mean squared difference.

    >>> round(rmse(np.array([3.0, 5.0]), np.array([4.0, 3.0])), 6)
    1.581139
    """
    error = np.asarray(predicted, np.float64) - np.asarray(feedback, np.float64)
    return float(np.sqrt(np.average(error**2, weights=weight)))


def mae(predicted: Floats, feedback: Floats, weight: Floats | None = None) -> float:
    """Weighted mean of the absolute differences.

    >>> mae(np.array([3.0, 5.0]), np.array([4.0, 3.0]))
    1.5
    """
    error = np.asarray(predicted, np.float64) - np.asarray(feedback, np.float64)
    return float(np.average(np.abs(error), weights=weight))


def precision(scores: Floats, relevant: npt.NDArray[np.bool_], k: int) -> float:
    """Share of relevant ones among the k best, mean over the rows that have any.

    Args:
      scores: `[rows, candidates]`; equal ones rank in the order of the columns.
      relevant: `[rows, candidates]`.
      k: how many are looked at; those that a short row lacks count as misses.

    >>> relevant = np.array([[True, False, True], [False, False, False]])
    >>> precision(np.array([[3.0, 2.0, 1.0], [1.0, 2.0, 3.0]]), relevant, 2)
    0.5
    """
    rows = relevant.any(axis=1)
    best = np.argsort(-scores[rows], axis=1, kind="stable")[:, :k]
    return float(np.take_along_axis(relevant[rows], best, axis=1).sum(axis=1).mean() / k)


def random_precision(relevant: npt.NDArray[np.bool_], k: int) -> float:
    """What `precision` is to be expected of candidates in random order.

    Each of the min(k, candidates) that are looked at is relevant with the share that are.

    >>> round(random_precision(np.array([[True, False, True, False], [False] * 4]), 3), 6)
    0.5
    """
    share = relevant[relevant.any(axis=1)].mean()
    return float(share * min(k, relevant.shape[1]) / k)


def standard_error(log_p: Floats, users: Ints) -> float:
    """Standard error of the log of the perplexity, users being the unit that is drawn.

    Args:
      log_p: `[targets]`.
      users: `[targets]` whose target each is.

    Returns:
      Nats; multiply by the perplexity for its own error. 0 with a single user.
    """
    _, group = np.unique(users, return_inverse=True)
    counts = np.bincount(group).astype(np.float64)
    if len(counts) < 2:
        return 0.0
    residual = np.bincount(group, weights=-log_p) - counts * (-log_p).mean()
    return float(np.sqrt((residual**2).sum() * len(counts) / (len(counts) - 1)) / counts.sum())
