"""Metrics from log-probabilities and ranks, pure functions of arrays.

Ranks count from 0; a target at rank r is a hit at k where r < k. With one target a step, recall is
the hit rate and the ideal DCG is 1, so NDCG is 1 / log2(r + 2).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]


def perplexity(log_p: Floats, weight: Floats | None = None) -> float:
    """Exp of the weighted mean of −log p.

    >>> round(perplexity(np.log([0.5, 0.125])), 6)
    4.0
    """
    return float(np.exp(-np.average(np.asarray(log_p, np.float64), weights=weight)))


def hit_rate(ranks: Ints, k: int, weight: Floats | None = None) -> float:
    """Share of targets among the first k.

    >>> hit_rate(np.array([0, 9, 10, 50]), 10)
    0.5
    """
    return float(np.average(ranks < k, weights=weight))


def ndcg(ranks: Ints, k: int, weight: Floats | None = None) -> float:
    """Mean of 1 / log2(rank + 2) for targets among the first k, else 0.

    >>> ndcg(np.array([0, 2, 10]), 10)
    0.5
    """
    return float(np.average(np.where(ranks < k, 1 / np.log2(ranks + 2.0), 0.0), weights=weight))


def mrr(ranks: Ints, k: int, weight: Floats | None = None) -> float:
    """Mean of 1 / (rank + 1) for targets among the first k, else 0.

    >>> mrr(np.array([0, 3, 10, 1]), 10)
    0.4375
    """
    return float(np.average(np.where(ranks < k, 1 / (ranks + 1.0), 0.0), weights=weight))


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
