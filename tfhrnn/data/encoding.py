"""Turns a stream of interactions into integer columns, contiguous by user and sorted by time.

In go validated chunks; ids become provisional integers in order of appearance, appended to files in
a scratch folder, so that text is never held whole. One stable sort by user and time follows: equal
times keep the table's row order. Identical rows (user, item, time, feedback and event type alike)
are dropped but for the first, unless they are asked for.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tfhrnn.data.features import natural_order
from tfhrnn.data.tables import InteractionReader, ReadReport
from tfhrnn.errors import DataError

ARRAYS: Final = ("offsets", "item", "time", "feedback", "weight")
EVENT_TYPE: Final = "event_type"  # one more array, of logs with event types
MAX_EVENT_TYPES: Final = 1000  # more are no types: an id, a time or a text was mapped by mistake
_COLUMNS: Final[dict[str, np.dtype[Any]]] = {
    "user": np.dtype(np.int32),
    "item": np.dtype(np.int32),
    "time": np.dtype(np.int64),
    "feedback": np.dtype(np.float32),
    "weight": np.dtype(np.float32),
    "event_type": np.dtype(np.int16),
}


class EncodedEvents(NamedTuple):
    """Sorted events.

    Attributes:
      user_ids: ids in natural order.
      item_ids: ids of the items with events, in natural order.
      offsets: int64 `[users + 1]`; user u owns events offsets[u] to offsets[u + 1].
      item: int32 `[events]`, positions in `item_ids`.
      time: int64 `[events]`, Unix seconds.
      feedback: float32 `[events]`, NaN where unknown.
      weight: float32 `[events]`.
      dropped: identical rows that were dropped.
      event_type: int16 `[events]`, 0 where unknown, else 1 + the position in `event_types`.
      event_types: the types there are, in natural order.
    """

    user_ids: list[str]
    item_ids: list[str]
    offsets: NDArray[np.int64]
    item: NDArray[np.int32]
    time: NDArray[np.int64]
    feedback: NDArray[np.float32]
    weight: NDArray[np.float32]
    dropped: int
    event_type: NDArray[np.int16]
    event_types: list[str]


class _Ids:
    """Ids seen so far, numbered in order of appearance."""

    def __init__(self) -> None:
        self.frame = pl.DataFrame(schema={"id": pl.String, "index": pl.Int32})

    def encode(self, ids: pl.Series) -> NDArray[np.int32]:
        found = self._find(ids)
        if found.has_nulls():
            new = ids.filter(found.is_null()).unique(maintain_order=True).alias("id")
            start = self.frame.height
            indices = pl.int_range(start, start + len(new), dtype=pl.Int32, eager=True)
            self.frame = self.frame.vstack(pl.DataFrame({"id": new, "index": indices}))
            found = self._find(ids)
        return found.to_numpy()

    def _find(self, ids: pl.Series) -> pl.Series:
        known = self.frame
        return ids.replace_strict(known["id"], known["index"], default=None, return_dtype=pl.Int32)


def encode_events(
    reader: InteractionReader,
    scratch: Path,
    *,
    before: Iterable[pl.DataFrame] = (),
    keep_duplicates: bool = False,
) -> EncodedEvents:
    """Encodes and sorts a stream of interactions.

    Args:
      reader: the interactions; its report is completed.
      scratch: an existing folder for temporary files, 26 bytes an event; they are removed.
      before: chunks of events that stand in front of the reader's; they all stay.
      keep_duplicates: whether identical rows stay.

    Returns:
      The sorted events.

    Raises:
      DataError: bad rows, fewer than two users or two items, or too many event types.
    """
    users, items, types = _Ids(), _Ids(), _Ids()
    given = 0
    files = {name: (scratch / f"{name}.raw").open("wb") for name in _COLUMNS}
    try:
        for own, chunk in chain(((False, c) for c in before), ((True, c) for c in reader)):
            given += 0 if own else chunk.height
            columns = {
                "user": users.encode(chunk["user_id"]),
                "item": items.encode(chunk["item_id"]),
                "time": chunk["timestamp"].to_numpy(),
                "feedback": _one_nan(chunk["feedback"].to_numpy()),
                "weight": chunk["weight"].to_numpy(),
                "event_type": _encode_types(types, chunk["event_type"], reader.report),
            }
            for name, values in columns.items():
                files[name].write(np.ascontiguousarray(values, _COLUMNS[name]).data)
    finally:
        for file in files.values():
            file.close()
    for kind, table in (("user", users), ("item", items)):
        if table.frame.height < 2:
            raise DataError(
                reader.report.source,
                found=f"a single {kind}, {table.frame['id'][0]!r}",
                expected=f"at least 2 {kind}s",
                column=reader.report.columns.get(f"{kind}_id", "session_id"),
            )
    raw = {
        name: np.memmap(scratch / f"{name}.raw", dtype, mode="r")
        for name, dtype in _COLUMNS.items()
    }
    user_ids, user_of = _renumber(users)
    item_ids, item_of = _renumber(items)
    event_types, type_of = _renumber(types)
    user = user_of[raw["user"]]
    # one key for both sorts three times as fast; times end in 2100, below 2 to the 32
    order = np.argsort((user.astype(np.int64) << 32) | raw["time"], kind="stable")
    dropped = 0
    if not keep_duplicates:
        alike = ("time", "item", "feedback", "event_type")
        same = _repeated_rows(user[order], *(raw[name][order] for name in alike))
        same &= order >= given
        dropped = int(same.sum())
        order = order[~same]
        reader.report.drop("identical row", dropped)
        reader.report.rows_kept -= dropped
    counts = np.bincount(user[order], minlength=len(user_ids))
    encoded = EncodedEvents(
        user_ids,
        item_ids,
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        item_of[raw["item"][order]],
        raw["time"][order],
        raw["feedback"][order],
        raw["weight"][order],
        dropped,
        np.append(np.int16(0), type_of.astype(np.int16) + np.int16(1))[raw["event_type"][order]],
        event_types,
    )
    raw.clear()
    for name in _COLUMNS:
        (scratch / f"{name}.raw").unlink()
    return encoded


def _encode_types(types: _Ids, labels: pl.Series, report: ReadReport) -> NDArray[np.int16]:
    """Numbers a chunk's event types in order of appearance from 1; "" is 0."""
    numbers = np.zeros(len(labels), np.int16)
    known = labels != ""
    if known.any():
        found = types.encode(labels.filter(known))
        if types.frame.height > MAX_EVENT_TYPES:
            raise DataError(
                report.source,
                found=f"more than {MAX_EVENT_TYPES:,} different values",
                expected="the few types of events that there are, such as click and purchase",
                column=report.columns["event_type"],
            )
        numbers[known.to_numpy()] = found + 1
    return numbers


def _one_nan(feedback: NDArray[np.float32]) -> NDArray[np.float32]:
    """Writes every NaN with the same bits, and −0 as 0, so that equal tables are equal bytes."""
    return np.where(np.isnan(feedback), np.float32("nan"), feedback + np.float32(0))


def _renumber(ids: _Ids) -> tuple[list[str], NDArray[np.int32]]:
    """Returns ids in natural order, and each provisional number's place in it."""
    seen = ids.frame["id"].to_list()
    order = natural_order(seen)
    place = np.empty(len(seen), np.int32)
    place[order] = np.arange(len(seen), dtype=np.int32)
    return [seen[at] for at in order], place


def _repeated_rows(
    user: NDArray[np.int32],
    time: NDArray[np.int64],
    item: NDArray[np.int32],
    feedback: NDArray[np.float32],
    event_type: NDArray[np.int16],
) -> NDArray[np.bool_]:
    """Marks rows that are identical to an earlier one; sorted by user and time, `[events]`."""
    repeated = np.zeros(len(user), np.bool_)
    new_time = np.ones(len(user), np.bool_)
    new_time[1:] = (user[1:] != user[:-1]) | (time[1:] != time[:-1])
    moment = np.cumsum(new_time)
    tied = np.flatnonzero(~new_time | ~np.append(new_time[1:], True))
    if len(tied) == 0:
        return repeated
    keys = [moment[tied], item[tied], feedback[tied].view(np.int32), event_type[tied]]
    order = np.lexsort(keys[::-1])  # stable: the first of identical rows stays the first
    same = np.ones(len(tied) - 1, np.bool_)
    for key in keys:
        same &= key[order[1:]] == key[order[:-1]]
    repeated[tied[order[1:][same]]] = True
    return repeated


def fingerprint(
    arrays: Mapping[str, NDArray[Any]],
    user_ids: Sequence[str],
    item_ids: Sequence[str],
    event_types: Sequence[str] = (),
) -> str:
    """Returns the SHA-256, in hexadecimal, of an event log's arrays and ids.

    Args:
      arrays: by name, those of `ARRAYS` and, where there are event types, `EVENT_TYPE`.
      user_ids: `[users]`.
      item_ids: `[items]`.
      event_types: without them the fingerprint is that of a table without such a column.
    """
    digest = hashlib.sha256()
    for name in (*ARRAYS, EVENT_TYPE) if event_types else ARRAYS:
        little = np.ascontiguousarray(arrays[name], arrays[name].dtype.newbyteorder("<"))
        digest.update(f"{name} {little.dtype.str} {len(little)}\n".encode())
        digest.update(little.data)
    for ids in (user_ids, item_ids, event_types) if event_types else (user_ids, item_ids):
        digest.update(json.dumps(list(ids), ensure_ascii=True).encode())
    return digest.hexdigest()
