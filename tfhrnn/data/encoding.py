"""Turns a stream of interactions into integer columns, contiguous by user and sorted by time.

In go validated chunks; ids become provisional integers in order of appearance, appended to files in
a scratch folder, so that neither text nor events are ever held whole. A stable sort by user and
time follows, a part of the users at a time: equal times keep the table's row order. Identical rows
(user, item, time, feedback and event type alike) are dropped but for the first, unless they are
asked for.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tfhrnn.data.disk_arrays import append, slices, whole
from tfhrnn.data.features import natural_order
from tfhrnn.data.sorting import PART_EVENTS, count_users, deal, part_starts, sorted_parts
from tfhrnn.data.tables import InteractionReader, ReadReport
from tfhrnn.errors import DataError

ARRAYS: Final = ("offsets", "item", "time", "feedback", "weight")
EVENT_TYPE: Final = "event_type"  # one more array, of logs with event types
SHOWN: Final = ("shown_offsets", "shown")  # two more, of logs with impressions
MAX_EVENT_TYPES: Final = 1000  # more are no types: an id, a time or a text was mapped by mistake
_COLUMNS: Final[dict[str, np.dtype[Any]]] = {
    "user": np.dtype(np.int32),
    "item": np.dtype(np.int32),
    "time": np.dtype(np.int64),
    "feedback": np.dtype(np.float32),
    "weight": np.dtype(np.float32),
    "event_type": np.dtype(np.int16),
}
# where an event's impressions begin among all of them, and how many there are
_SHOWN: Final[dict[str, np.dtype[Any]]] = {
    "shown_begin": np.dtype(np.int64),
    "shown_count": np.dtype(np.int32),
}
_SHOWN_ID: Final = np.dtype(np.int32)


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
      shown_begin: int64 `[events]`, where an event's impressions begin in `shown`; all 0 without.
      shown_count: int32 `[events]`, how many they are.
      shown: int32 `[impressions]`, positions in `shown_ids`, in no order of use.
      shown_ids: ids that were shown, with events or not.
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
    shown_begin: NDArray[np.int64]
    shown_count: NDArray[np.int32]
    shown: NDArray[np.int32]
    shown_ids: list[str]


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
    part_events: int = PART_EVENTS,
    impressions: bool = False,
) -> EncodedEvents:
    """Encodes and sorts a stream of interactions.

    Args:
      reader: the interactions; its report is completed.
      scratch: an existing folder for temporary files, 80 bytes an event at most; they are removed,
        the arrays of a large table being mapped from files that have no name any more.
      before: chunks of events that stand in front of the reader's; they all stay.
      keep_duplicates: whether identical rows stay.
      part_events: rows sorted at once.
      impressions: whether `before` has impressions.

    Returns:
      The sorted events.

    Raises:
      DataError: bad rows, fewer than two users or two items, or too many event types.
    """
    ids = _Numbers(_Ids(), _Ids(), _Ids(), _Ids())
    impressions = impressions or reader.has_impressions
    columns = _COLUMNS | _SHOWN if impressions else _COLUMNS
    given, rows = _write_raw(reader, scratch, before, ids, columns)
    for kind, table in (("user", ids.users), ("item", ids.items)):
        if table.frame.height < 2:
            raise DataError(
                reader.report.source,
                found=f"a single {kind}, {table.frame['id'][0]!r}",
                expected=f"at least 2 {kind}s",
                column=reader.report.columns.get(f"{kind}_id", "session_id"),
            )
    user_ids, user_of = _renumber(ids.users)
    item_ids, item_of = _renumber(ids.items)
    event_types, type_of = _renumber(ids.types)
    type_of = np.append(0, type_of + 1)  # 0 is unknown
    # events of each user, by its place, among all rows and among those that are given
    place = np.argsort(user_of)
    counts, known = (
        count_users(scratch, _COLUMNS["user"], len(user_ids), among)[place]
        for among in (rows, given)
    )
    starts = part_starts(counts, part_events)
    bounds = deal(scratch, columns, user_of, counts, starts)
    given_of = np.add.reduceat(known, starts[:-1])  # they stand first in each part
    dropped, counts = 0, np.zeros(len(user_ids), np.int64)
    with ExitStack() as stack:
        out = {
            name: stack.enter_context((scratch / f"{name}.sorted").open("wb"))
            for name in columns
            if name != "user"
        }
        for part, found, order in sorted_parts(scratch, columns, user_of, bounds):
            if not keep_duplicates:
                alike = (found[name] for name in ("user", "time", "item", "feedback", "event_type"))
                same = _repeated_rows(*alike) & (order >= given_of[part])
                dropped += int(same.sum())
                found = {name: values[~same] for name, values in found.items()}
            first, last = int(starts[part]), int(starts[part + 1])
            counts[first:last] = np.bincount(found.pop("user") - first, minlength=last - first)
            found["item"] = item_of[found["item"]]
            found["event_type"] = type_of[found["event_type"]]
            for name, values in found.items():
                append(out[name], values, columns[name])
    reader.report.drop("identical row", dropped)
    reader.report.rows_kept -= dropped
    arrays = {name: whole(scratch / f"{name}.sorted", columns[name]) for name in out}
    arrays["shown"] = whole(scratch / "shown.raw", _SHOWN_ID)
    for name in _SHOWN:
        arrays.setdefault(name, np.broadcast_to(np.int32(0), int(counts.sum())))
    for file in (*(f"{name}.raw" for name in (*columns, "shown")), *(f"{n}.sorted" for n in out)):
        (scratch / file).unlink()
    return EncodedEvents(
        user_ids=user_ids,
        item_ids=item_ids,
        offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        dropped=dropped,
        event_types=event_types,
        shown_ids=ids.shown.frame["id"].to_list(),
        **arrays,
    )


class _Numbers(NamedTuple):
    """Provisional numbers of what is written as text."""

    users: _Ids
    items: _Ids
    types: _Ids
    shown: _Ids


def _write_raw(
    reader: InteractionReader,
    scratch: Path,
    before: Iterable[pl.DataFrame],
    ids: _Numbers,
    columns: Mapping[str, np.dtype[Any]],
) -> tuple[int, int]:
    """Writes a file a column; returns how many rows are of `before`, and how many there are."""
    given = rows = shown = 0
    with ExitStack() as stack:
        files = {
            name: stack.enter_context((scratch / f"{name}.raw").open("wb"))
            for name in (*columns, "shown")
        }
        for own, chunk in chain(((False, c) for c in before), ((True, c) for c in reader)):
            given += 0 if own else chunk.height
            rows += chunk.height
            values: dict[str, NDArray[Any]] = {
                "user": ids.users.encode(chunk["user_id"]),
                "item": ids.items.encode(chunk["item_id"]),
                "time": chunk["timestamp"].to_numpy(),
                "feedback": _one_nan(chunk["feedback"].to_numpy()),
                "weight": chunk["weight"].to_numpy(),
                "event_type": _encode_types(ids.types, chunk["event_type"], reader.report),
            }
            if "shown_count" in columns:
                lists = _impressions(chunk)
                count = lists.list.len().to_numpy().astype(np.int64)
                values["shown_begin"] = shown + np.cumsum(count) - count
                values["shown_count"] = count
                shown += int(count.sum())
                each = ids.shown.encode(lists.explode(empty_as_null=False))
                append(files["shown"], each, _SHOWN_ID)
            for name, column in values.items():
                append(files[name], column, columns[name])
    return given, rows


def _impressions(chunk: pl.DataFrame) -> pl.Series:
    """A chunk's lists of shown ids, empty ones where it has none."""
    if "impressions" in chunk.columns:
        return chunk["impressions"]
    return pl.Series([[]], dtype=pl.List(pl.String)).new_from_index(0, chunk.height)


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
      arrays: by name, those of `ARRAYS`, where there are event types `EVENT_TYPE`, and where there
        are impressions those of `SHOWN`.
      user_ids: `[users]`.
      item_ids: `[items]`.
      event_types: without them the fingerprint is that of a table without such a column.
    """
    digest = hashlib.sha256()
    optional = [EVENT_TYPE] if event_types else []
    for name in (*ARRAYS, *optional, *(name for name in SHOWN if name in arrays)):
        array = arrays[name]
        little = array.dtype.newbyteorder("<")
        digest.update(f"{name} {little.str} {len(array)}\n".encode())
        for rows in slices(len(array)):
            digest.update(np.ascontiguousarray(array[rows], little).data)
    for ids in (user_ids, item_ids, event_types) if event_types else (user_ids, item_ids):
        digest.update(json.dumps(list(ids), ensure_ascii=True).encode())
    return digest.hexdigest()
