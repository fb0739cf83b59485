"""Items that were shown beside the chosen one: explicit negatives.

Events hold their impressions as a ragged array: those of event e stand from offsets[e] to
offsets[e + 1]. The chosen item is not among them, nor is an id that is no item of the catalogue:
what has neither an event nor a row in the item table cannot be scored.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfhrnn.data.disk_arrays import slices, write_npy
from tfhrnn.data.encoding import EncodedEvents

if TYPE_CHECKING:
    from tfhrnn.data.event_log import EventLog

_EVENTS_AT_ONCE = 100_000


class Written(NamedTuple):
    """What was written.

    Attributes:
      impressions: of all events.
      most: of one event.
      unknown: ids that are no item and were left out.
    """

    impressions: int
    most: int
    unknown: int


def write_impressions(
    folder: Path, events: EncodedEvents, item: NDArray[np.int32], index: NDArray[np.int32]
) -> Written:
    """Writes shown_offsets.npy and shown.npy.

    Args:
      folder: where to.
      events: sorted.
      item: `[events]` indices of the chosen items.
      index: `[shown ids]` item indices of `events.shown_ids`, negative where it is no item.
    """
    total = most = 0
    for counts, _ in _blocks(events, item, index):
        total += int(counts.sum())
        most = max(most, int(counts.max(initial=0)))
    size = len(events.shown_count)
    write_npy(
        folder / "shown.npy", np.int32, total, (kept for _, kept in _blocks(events, item, index))
    )
    write_npy(folder / "shown_offsets.npy", np.int64, size + 1, _offsets(events, item, index))
    return Written(total, most, int((index < 0).sum()))


def padded_rows(
    shown: NDArray[np.int32], offsets: NDArray[np.int64], events: slice, most: int
) -> NDArray[np.int32]:
    """Some events' impressions, int32 `[events, most]`; 0 where there are fewer.

    >>> offsets = np.array([0, 2, 2, 3])
    >>> padded_rows(np.array([7, 8, 9], np.int32), offsets, slice(0, 3), 2).tolist()
    [[7, 8], [0, 0], [9, 0]]
    """
    bounds = np.asarray(offsets[events.start : events.stop + 1])
    counts = np.minimum(np.diff(bounds), most)
    rows = np.zeros((len(counts), most), np.int32)
    place = np.arange(most) < counts[:, None]
    rows[place] = np.asarray(shown[_within(bounds[:-1], counts)])
    return rows


def has_impressions(log: EventLog, users: NDArray[np.integer]) -> bool:
    """Whether any event of some users has impressions."""
    begin, end = log.offsets[users], log.offsets[np.asarray(users) + 1]
    return bool(np.any(log.shown_offsets[end] > log.shown_offsets[begin]))


def _within(begin: NDArray[np.int64], counts: NDArray[np.integer]) -> NDArray[np.int64]:
    """Places begin[e], begin[e] + 1, … of each event, one after the other."""
    counts = counts.astype(np.int64)
    first = np.repeat(begin - (np.cumsum(counts) - counts), counts)
    return first + np.arange(len(first))


def _blocks(
    events: EncodedEvents, item: NDArray[np.int32], index: NDArray[np.int32]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int32]]]:
    """How many impressions each event of a block keeps, and their item indices."""
    for part in slices(len(events.shown_count), _EVENTS_AT_ONCE):
        counts = np.asarray(events.shown_count[part])
        shown = index[events.shown[_within(np.asarray(events.shown_begin[part]), counts)]]
        owner = np.repeat(np.arange(len(counts)), counts)
        keep = (shown >= 0) & (shown != np.asarray(item[part])[owner])
        yield np.bincount(owner[keep], minlength=len(counts)), shown[keep]


def _offsets(
    events: EncodedEvents, item: NDArray[np.int32], index: NDArray[np.int32]
) -> Iterator[NDArray[np.int64]]:
    before = 0
    yield np.zeros(1, np.int64)
    for counts, _ in _blocks(events, item, index):
        yield before + np.cumsum(counts)
        before += int(counts.sum())
