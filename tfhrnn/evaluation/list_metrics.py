"""Rank metrics of lists with several relevant items each, a value a list.

A list is what was answered, best first; `hits` says which of its places hold a relevant item, and
`relevant` how many there were to find, in the list or not. Equal scores are the list's to order:
whoever makes it breaks ties, ours in catalogue order. A list with nothing to find is worth 0 by
every metric; leave it out by its weight. Average over lists with `numpy.average`, over users with
`metrics.user_weights`.

Source: the definitions of trec_eval (`success`, `P`, `recall`, `ndcg_cut`, `recip_rank` and
`map_cut`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]
Hits = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.integer]


def hits_of(lists: Ints, relevant: Sequence[Collection[int]]) -> tuple[Hits, npt.NDArray[np.int64]]:
    """Which places of ranked lists hold relevant items.

    Args:
      lists: `[lists, places]` items, best first, negative where a list is shorter; an item that
        comes twice counts at its first place.
      relevant: `[lists]` the items to find, each counted once.

    Returns:
      `[lists, places]` hits and `[lists]` how many there were to find.

    >>> hits, relevant = hits_of(np.array([[4, 7, 4, -1]]), [[4, 9]])
    >>> hits.tolist(), relevant.tolist()
    ([[True, False, False, False]], [2])
    """
    hits = np.zeros(lists.shape, np.bool_)
    wanted = [set(items) for items in relevant]
    for row, items in enumerate(lists.tolist()):
        left = set(wanted[row])
        for place, item in enumerate(items):
            if item >= 0 and item in left:
                hits[row, place] = True
                left.discard(item)
    return hits, np.array([len(items) for items in wanted], np.int64)


def hit(hits: Hits, relevant: Ints, k: int) -> Values:
    """1 where any of the first k is relevant, else 0.

    >>> hit(np.array([[False, True], [False, False]]), np.array([2, 1]), 2).tolist()
    [1.0, 0.0]
    """
    return np.asarray(hits[:, :k].any(axis=1), np.float64)


def precision(hits: Hits, relevant: Ints, k: int) -> Values:
    """Share of relevant ones among the first k places; those that a list lacks are misses.

    >>> precision(np.array([[True, False, True]]), np.array([2]), 4).tolist()
    [0.5]
    """
    return np.asarray(hits[:, :k].sum(axis=1) / k, np.float64)


def recall(hits: Hits, relevant: Ints, k: int) -> Values:
    """Share of what there was to find that is among the first k.

    >>> recall(np.array([[True, False, True]]), np.array([4]), 3).tolist()
    [0.5]
    """
    return np.asarray(hits[:, :k].sum(axis=1) / np.maximum(relevant, 1), np.float64)


def ndcg(hits: Hits, relevant: Ints, k: int) -> Values:
    """Sum of 1 / log2(place + 1) over hits, over that of a list that begins with all relevant ones.

    >>> ndcg(np.array([[True, False, True]]), np.array([2]), 3).round(4).tolist()  # 1.5 / 1.6309
    [0.9197]
    """
    gain = 1 / np.log2(np.arange(2, k + 2))
    found = hits[:, :k] @ gain[: hits.shape[1]]
    ideal = np.concatenate([[0.0], np.cumsum(gain)])[np.minimum(relevant, k)]
    return np.asarray(np.where(ideal > 0, found / np.maximum(ideal, 1.0), 0.0), np.float64)


def reciprocal_rank(hits: Hits, relevant: Ints, k: int) -> Values:
    """One over the place of the first hit among the first k, 0 without one.

    >>> reciprocal_rank(np.array([[False, True], [False, False]]), np.array([1, 1]), 2).tolist()
    [0.5, 0.0]
    """
    within = hits[:, :k]
    return np.where(within.any(axis=1), 1 / (within.argmax(axis=1) + 1.0), 0.0)


def average_precision(hits: Hits, relevant: Ints, k: int) -> Values:
    """Sum of the precision at each hit's place among the first k, over what there was to find.

    >>> average_precision(np.array([[True, False, True]]), np.array([2]), 3).round(4).tolist()
    [0.8333]
    """
    within = hits[:, :k]
    at_place = np.cumsum(within, axis=1) / np.arange(1, within.shape[1] + 1)
    return (within * at_place).sum(axis=1) / np.maximum(relevant, 1)


# As papers print them, to be followed by "@k".
LIST_METRICS: Final[dict[str, Callable[[Hits, Ints, int], Values]]] = {
    "HR": hit,
    "Recall": recall,
    "Precision": precision,
    "NDCG": ndcg,
    "MRR": reciprocal_rank,
    "MAP": average_precision,
}
