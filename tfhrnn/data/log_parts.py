"""Facts of an event log that is larger than memory, from a part of its users at a time.

All are exact: what `numpy` says of the whole arrays. Quantiles take two passes, the second over the
values near the ranks that are wanted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from tfhrnn.data.disk_arrays import slices
from tfhrnn.data.sessions import Parts, gap_levels
from tfhrnn.data.sorting import part_starts

if TYPE_CHECKING:
    from tfhrnn.data.event_log import EventLog

PART_EVENTS: Final = 2_000_000
_LOW_BITS: Final = 16  # gaps end below 2 to the 32, so that either half has 65,536 values


def user_parts(log: EventLog, events: int = PART_EVENTS) -> Iterator[tuple[int, int]]:
    """Neighbouring users (first, one after the last) of at most so many events, one at least."""
    starts = part_starts(np.diff(log.offsets), events)
    yield from zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True)


def gap_parts(log: EventLog, events: int = PART_EVENTS) -> Iterator[NDArray[np.int64]]:
    """The gaps within users in seconds, in the log's order, a part of the users at a time."""
    for first, last in user_parts(log, events):
        begin, end = int(log.offsets[first]), int(log.offsets[last])
        within = np.ones(end - begin, np.bool_)
        starts = log.offsets[first:last]
        within[starts[starts < end] - begin] = False
        yield np.diff(log.time[begin:end])[within[1:]]


def level_counts(parts: Parts, thresholds: Sequence[int]) -> NDArray[np.int64]:
    """Gaps in each level, int64 `[len(thresholds) + 1]`."""
    counts = np.zeros(len(thresholds) + 1, np.int64)
    for part in parts():
        counts += np.bincount(gap_levels(part, thresholds), minlength=len(counts))
    return counts


def exact_quantiles(parts: Parts, quantiles: Sequence[float]) -> dict[float, float]:
    """Quantiles as `np.quantile` has them, without holding the values.

    Args:
      parts: gives the values, from 0 to 2³² − 1, anew each time.
      quantiles: 0 to 1.

    Returns:
      Quantile → value; empty where there are no values.

    >>> exact_quantiles(lambda: [np.array([0, 10]), np.array([20])], (0.5, 0.75))
    {0.5: 10.0, 0.75: 15.0}
    """
    size = 1 << _LOW_BITS
    high = np.zeros(size, np.int64)
    for part in parts():
        high += np.bincount(part >> _LOW_BITS, minlength=size)
    total = int(high.sum())
    if total == 0:
        return {}
    places = [quantile * (total - 1) for quantile in quantiles]
    ranks = sorted({rank for at in places for rank in (int(at), min(int(at) + 1, total - 1))})
    below = np.concatenate([[0], np.cumsum(high)])
    bins = [int(np.searchsorted(below, rank, side="right")) - 1 for rank in ranks]
    low = {one: np.zeros(size, np.int64) for one in bins}
    for part in parts():
        for one, counts in low.items():
            counts += np.bincount(part[part >> _LOW_BITS == one] & (size - 1), minlength=size)
    values = {}
    for rank, one in zip(ranks, bins, strict=True):
        within = np.searchsorted(np.cumsum(low[one]), rank - below[one], side="right")
        values[rank] = (one << _LOW_BITS) + int(within)
    return {
        quantile: float(
            np.quantile([values[int(at)], values[min(int(at) + 1, total - 1)]], at - int(at))
        )
        for quantile, at in zip(quantiles, places, strict=True)
    }


def repeated_events(log: EventLog, events: int = PART_EVENTS) -> int:
    """How many events are of an item that the same user had before."""
    repeats = 0
    for first, last in user_parts(log, events):
        begin, end = int(log.offsets[first]), int(log.offsets[last])
        user = np.repeat(np.arange(last - first), np.diff(log.offsets[first : last + 1]))
        pairs = user * (log.num_items + 2) + log.item[begin:end]
        repeats += len(pairs) - len(np.unique(pairs))
    return repeats


def feedback_moments(log: EventLog) -> tuple[float, float] | None:
    """Mean and standard deviation of the known feedback, None where none is known."""
    count, total = 0, 0.0
    for part in slices(log.num_events):
        known = _known(log, part)
        count, total = count + len(known), total + float(known.sum())
    if count == 0:
        return None
    mean, squares = total / count, 0.0
    for part in slices(log.num_events):
        squares += float(np.square(_known(log, part) - mean).sum())
    return mean, float(np.sqrt(squares / count))


def events_with_impressions(log: EventLog) -> int:
    """How many events have impressions beside the chosen item."""
    if not log.most_shown:
        return 0
    return sum(
        int((np.diff(log.shown_offsets[part.start : part.stop + 1]) > 0).sum())
        for part in slices(log.num_events)
    )


def events_of_no_weight(log: EventLog) -> int:
    """How many events are history alone."""
    return sum(int((log.weight[part] == 0).sum()) for part in slices(log.num_events))


def event_type_counts(log: EventLog) -> dict[str, int]:
    """Type → events ("": unknown), in natural order; empty without types."""
    if not log.event_types:
        return {}
    counts = counts_of(log.event_type, len(log.event_types) + 1)
    named = zip(("", *log.event_types), counts.tolist(), strict=True)
    return {name: count for name, count in named if count}


def counts_of(values: NDArray[np.integer], size: int) -> NDArray[np.int64]:
    """How often each of 0 to `size` − 1 stands in an array, int64 `[size]`."""
    counts = np.zeros(size, np.int64)
    for part in slices(len(values)):
        counts += np.bincount(values[part], minlength=size)
    return counts


def _known(log: EventLog, part: slice) -> NDArray[np.float64]:
    feedback = np.asarray(log.feedback[part], np.float64)
    return feedback[~np.isnan(feedback)]
