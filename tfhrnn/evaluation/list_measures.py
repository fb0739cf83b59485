"""What recommended lists are like: how popular, how diverse in genres, how near to the last event.

The paper says of longer gaps that "the recommendation genres tend to be more diverse, i.e., move
toward the base popularity" (appendix A); these are the numbers behind such a sentence. Every
measure is one a list, so that means, intervals and paired differences over users can follow.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from tfhrnn.data.event_log import EventLog

Values = npt.NDArray[np.float64]
Items = npt.NDArray[np.integer]
Flags = npt.NDArray[np.bool_]

MEASURES: Final = {
    "log_popularity_1": "log-popularity of the first",
    "log_popularity_k": "mean log-popularity of the list",
    "genres_k": "distinct genres in the list",
    "genre_distance_k": "mean Jaccard distance of genres between two of the list",
    "likeness_1": "Jaccard likeness of genres, the first and the last event",
}


def genres_of(log: EventLog) -> npt.NDArray[np.float32]:
    """The columns of multi-hot item features, `[items, width]`, each feature of length 1."""
    chosen = log.catalogue.features
    places = [] if chosen is None else zip(chosen.specs, chosen.slices.values(), strict=True)
    genres = [place for spec, place in places if spec.kind == "multi-hot"]
    matrix = log.catalogue.feature_matrix
    return np.concatenate([matrix[:, :0], *(matrix[:, place] for place in genres)], axis=1)


def log_popularity(counts: npt.NDArray[np.integer]) -> Values:
    """Log of each item's share of events, one added to each count, `[items]`."""
    more = np.asarray(counts, np.float64) + 1
    return np.asarray(np.log(more / more.sum()), np.float64)


def likeness(first: Flags, second: Flags) -> Values:
    """Jaccard likeness of sets of genres, |A ∩ B| / |A ∪ B|; 1 where both are empty.

    Args:
      first: `[..., genres]`.
      second: likewise.

    >>> likeness(np.array([True, True, False]), np.array([False, True, True])).round(3)
    np.float64(0.333)
    """
    both = (first & second).sum(axis=-1)
    either = (first | second).sum(axis=-1)
    return np.where(either == 0, 1.0, both / np.maximum(either, 1))[()]


def measure_lists(
    lists: Items, last: Items, popularity: Values, genres: Flags
) -> dict[str, Values]:
    """All of `MEASURES` of many lists.

    Args:
      lists: `[..., users, k]` rows of the catalogue, best first; k of 1 has no distances (NaN).
      last: `[users]` rows of the last events' items.
      popularity: `[items]`, see `log_popularity`.
      genres: `[items, genres]`.

    Returns:
      `[..., users]` each.
    """
    sets, k = genres[lists], lists.shape[-1]
    one, other = np.triu_indices(k, 1)
    distances = 1 - likeness(sets[..., one, :], sets[..., other, :])
    shares = popularity[lists]
    return {
        "log_popularity_1": shares[..., 0],
        "log_popularity_k": shares.mean(axis=-1),
        "genres_k": sets.any(axis=-2).sum(axis=-1).astype(np.float64),
        "genre_distance_k": distances.mean(axis=-1)
        if k > 1
        else np.full(shares.shape[:-1], np.nan),
        "likeness_1": likeness(sets[..., 0, :], genres[last]),
    }
