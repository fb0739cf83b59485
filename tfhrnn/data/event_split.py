"""Splits events instead of users: the last ones of each user, or all from a point of time on.

`Part` values int8 `[events]`, in the log's order. Within a user parts never fall: what trains comes
first, then what validates, then what tests, so that the earlier events of a user are the history
that later ones are asked after. Each split is a pure function of the events; none draws, so a seed
changes nothing. What each leaks is said with it.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tfhrnn.data.files import save_table
from tfhrnn.data.split import Part
from tfhrnn.errors import DataError, RunError

SHARE: Final = 0.1
_COLUMNS: Final = ("train", "validation", "test")


def split_last(offsets: NDArray[np.integer], share: float = SHARE) -> NDArray[np.int8]:
    """Holds out the last share of each user's events, and of the rest the last share again.

    Of n events the last ⌈share · n⌉ are test, and the last ⌈share · rest⌉ of those in front
    validation; one event of each user always trains, so a user of one event has no other part. A
    cut may fall within equal times, which keep the input's order.

    Leaks: one user's training events may be later than another's test events (tomorrow's
    favourites), and every user judged has been trained on.

    Args:
      offsets: `[users + 1]` of an event log.
      share: of each user's events, in (0, 1).

    Returns:
      int8 `[events]` of `Part` values.

    >>> split_last(np.array([0, 10, 13, 14])).tolist()
    [0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 0, 1, 2, 0]
    """
    sizes = np.diff(offsets)
    test = np.minimum(_ceil(share * sizes), np.maximum(sizes - 1, 0))
    rest = sizes - test
    return _from_the_end(offsets, test, np.minimum(_ceil(share * rest), np.maximum(rest - 1, 0)))


def split_leave_one_out(offsets: NDArray[np.integer]) -> NDArray[np.int8]:
    """Holds out each user's last event for the test, and the one before it for validation.

    A user of two events has none for validation, a user of one event only trains. Of several events
    at a user's last time the last one in the input's order is the target.

    Leaks: as `split_last`; other users' training events after a target's time are many, and orders
    of models found here need not hold where time is kept.

    Args:
      offsets: `[users + 1]` of an event log.

    Returns:
      int8 `[events]` of `Part` values.

    Source: for what it leaks, Ji et al. 2020, "A critical study on data leakage in recommender
    system offline evaluation".

    >>> split_leave_one_out(np.array([0, 4, 6, 7])).tolist()
    [0, 0, 1, 2, 0, 2, 0]
    """
    sizes = np.diff(offsets)
    return _from_the_end(offsets, (sizes > 1).astype(np.int64), (sizes > 2).astype(np.int64))


def split_time(
    time: NDArray[np.integer], share: float | None = None, point: int | None = None
) -> NDArray[np.int8]:
    """Parts all events at one point of time: what lies before trains, the rest is test.

    Events at the very point are test, so that equal times stay together. Of what lies before, the
    last tenth (or the share) is validation by the same rule. Users stand on both sides of a point.

    Leaks: nothing of the future reaches training. The item table is whole, though, and holds items
    that appear only later.

    Args:
      time: `[events]` Unix seconds.
      share: of the events that are test, at least; the point is then the latest such time. A tenth
        if neither is given.
      point: Unix seconds instead.

    Returns:
      int8 `[events]` of `Part` values.

    >>> split_time(np.array([10, 20, 20, 30, 10, 30]), point=30).tolist()
    [0, 1, 1, 2, 0, 2]
    >>> split_time(np.array([10, 20, 20, 30, 10, 30]), share=0.5).tolist()  # 4 of 6 from 20 on
    [0, 2, 2, 2, 0, 2]
    """
    time = np.asarray(time)
    parts = np.full(len(time), Part.TRAIN, np.int8)
    test = time >= (_point(time, share or SHARE) if point is None else point)
    before = time[~test]
    # Where all that lies before is of one time, it trains.
    if len(before) and (validation := _point(before, share or SHARE)) > before.min():
        parts[time >= validation] = Part.VALIDATION
    parts[test] = Part.TEST
    return parts


def write_event_split(
    path: str | Path,
    user_ids: list[str],
    offsets: NDArray[np.integer],
    parts: NDArray[np.int8],
) -> None:
    """Writes how many of each user's events are of each part, which come in this order.

    Args:
      path: a Parquet table of `user_id`, `train`, `validation` and `test`.
      user_ids: `[users]`.
      offsets: `[users + 1]`.
      parts: `[events]`.

    Raises:
      RunError: the file can't be written.
    """
    owner = np.repeat(np.arange(len(user_ids)), np.diff(offsets))
    counts = np.bincount(owner * 3 + parts, minlength=3 * len(user_ids)).reshape(-1, 3)
    columns = {name: counts[:, part] for part, name in enumerate(_COLUMNS)}
    frame = pl.DataFrame({"user_id": user_ids, **columns}, schema_overrides={"user_id": pl.String})
    save_table(frame, path)


def read_event_split(
    path: str | Path, user_ids: list[str], offsets: NDArray[np.integer]
) -> NDArray[np.int8]:
    """Reads what `write_event_split` wrote, for the same log.

    Raises:
      RunError: no such file, or none of ours.
      DataError: a user whose counts are not those of the log.
    """
    try:
        frame = pl.read_parquet(path, columns=["user_id", *_COLUMNS])
    except (OSError, pl.exceptions.PolarsError) as error:
        raise RunError(
            f"{path}: got no split of events, expected Parquet with user_id, {', '.join(_COLUMNS)}"
        ) from error
    joined = pl.DataFrame({"user_id": user_ids}, schema={"user_id": pl.String}).join(
        frame, on="user_id", how="left", maintain_order="left"
    )
    counts = joined.select(_COLUMNS).fill_null(0).to_numpy().astype(np.int64)
    sizes = np.diff(offsets)
    wrong = np.flatnonzero(counts.sum(axis=1) != sizes)
    if len(wrong):
        user = int(wrong[0])
        raise DataError(
            path,
            found=f"{counts[user].sum()} events of the user {user_ids[user]!r}",
            expected=f"{sizes[user]}, as in the event log",
            more=len(wrong) - 1,
        )
    return np.repeat(np.tile(np.arange(3, dtype=np.int8), len(user_ids)), counts.ravel())


def _from_the_end(
    offsets: NDArray[np.integer], test: NDArray[np.integer], validation: NDArray[np.integer]
) -> NDArray[np.int8]:
    """Parts of events from how many of each user's last ones are test and validation."""
    sizes = np.diff(offsets)
    left = np.repeat(offsets[1:], sizes) - np.arange(int(offsets[-1]))  # 1 at a user's last event
    test, held_out = np.repeat(test, sizes), np.repeat(test + validation, sizes)
    return np.where(left <= test, Part.TEST, np.where(left <= held_out, 1, 0)).astype(np.int8)


def _ceil(value: NDArray[np.floating]) -> NDArray[np.int64]:
    """The next whole number, but 3 of 3.0000000000000004: the share 0.1 is no tenth in binary."""
    return np.ceil(value - 1e-9).astype(np.int64)


def _point(time: NDArray[np.integer], share: float) -> int:
    """The latest time from which on there is at least a share of the events."""
    at = len(time) - math.ceil(share * len(time) - 1e-9)
    return int(np.partition(time, at)[at])
