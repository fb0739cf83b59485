"""What ranked lists show of the catalogue, whether right or wrong: breadth and popularity.

Lists are `[lists, places]` columns of the item matrix, negative where a list is shorter. Popularity
is an item's share of some events, each count raised by 1, so that an item without events has one.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.integer]


def shown_counts(lists: Ints, num_items: int) -> npt.NDArray[np.int64]:
    """How often each item is shown, `[items]`.

    >>> shown_counts(np.array([[0, 2], [2, -1]]), 4).tolist()
    [1, 0, 2, 0]
    """
    return np.bincount(lists[lists >= 0], minlength=num_items).astype(np.int64)


def coverage(lists: Ints, num_items: int) -> float:
    """Share of the catalogue that any list shows.

    >>> coverage(np.array([[0, 2], [2, -1]]), 4)
    0.5
    """
    return float((shown_counts(lists, num_items) > 0).mean())


def gini(lists: Ints, num_items: int) -> float:
    """Gini index of how often each item of the catalogue is shown.

    0 where all are shown alike, 1 − 1 / items where one is all that is shown: half the mean
    difference of two items' counts over their mean.

    >>> gini(np.array([[0], [0], [0], [0]]), 4), gini(np.array([[3, 1], [0, 2]]), 4)
    (0.75, 0.0)
    """
    counts = np.sort(shown_counts(lists, num_items))
    place = 2 * np.arange(1, num_items + 1) - num_items - 1
    return float((place * counts).sum() / (num_items * max(int(counts.sum()), 1)))


def mean_log_popularity(lists: Ints, counts: Ints) -> float:
    """Mean natural log of the popularity of what is shown; higher is more of the same.

    Args:
      lists: what is shown.
      counts: `[items]` events of each item.

    >>> found = mean_log_popularity(np.array([[0, 1]]), np.array([3, 0, 5]))
    >>> round(float(np.exp(found)), 4)  # the root of 4/11 · 1/11
    0.1818
    """
    share = (counts + 1.0) / (counts + 1.0).sum()
    return float(np.log(share)[lists[lists >= 0]].mean())


def novelty(lists: Ints, counts: Ints) -> float:
    """Mean −log2 popularity of what is shown, in bits: `mean_log_popularity` turned around.

    Source: Vargas and Castells 2011, "Rank and relevance in novelty and diversity metrics".

    >>> novelty(np.array([[0, 1]]), np.array([1, 1, 1, 1]))
    2.0
    """
    return -mean_log_popularity(lists, counts) / float(np.log(2))


def exposure(lists: Ints, counts: Ints) -> dict[str, float]:
    """All of these figures by name."""
    num_items = len(counts)
    return {
        "coverage": coverage(lists, num_items),
        "gini": gini(lists, num_items),
        "novelty_bits": novelty(lists, counts),
        "mean_log_popularity": mean_log_popularity(lists, counts),
    }
