"""Joins new events, items and users to an event log, as a new log beside the old one.

Events are those of the old log and then the new table's, sorted as ever: the result is the log that
both tables in one would have given. Features keep the encoding of the old log, so that what a model
has learned of them stays true; values that it does not know are ignored, and the report says so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tfhrnn.data.anonymous import PREFIX, SessionTies
from tfhrnn.data.catalogue import FIRST_ITEM, Catalogue
from tfhrnn.data.columns import remembered_columns
from tfhrnn.data.encoding import EncodedEvents, encode_events
from tfhrnn.data.entities import extend_entities
from tfhrnn.data.event_log import EventLog, require_replaceable, save_events
from tfhrnn.data.features import FeatureColumn, FeatureSet
from tfhrnn.data.files import whole_folder
from tfhrnn.data.sources import CHUNK_ROWS, TableSource, open_source
from tfhrnn.data.tables import ReadReport, Table, id_column, read_interactions, read_table
from tfhrnn.data.timestamps import TimestampUnit
from tfhrnn.errors import DataError, RunError

_EVENTS_A_CHUNK: Final = 1_000_000


@dataclass(frozen=True)
class Replay:
    """What goes into the epochs of an update.

    Attributes:
      known: `[users]` events of each user of the log that the model was trained with before.
      share: of an epoch's events that are known; 0 replays no one.
    """

    known: NDArray[np.int64]
    share: float


def append_events(
    log: EventLog,
    interactions: TableSource,
    out: str | Path,
    *,
    items: TableSource | None = None,
    users: TableSource | None = None,
    columns: Mapping[str, str] | None = None,
    timestamp_unit: TimestampUnit | None = None,
    separator: str | None = None,
    keep_duplicates: bool = False,
    chunk_rows: int = CHUNK_ROWS,
    required: Collection[str] = (),
) -> EventLog:
    """Writes a log of a log's events and new ones.

    An event older than the last one known of its user takes its place by time, after known ones of
    the same second; the report counts such events. A new row identical to an event in front of it
    is dropped. Rules of events stay those of the log. Event types that the log does not know count
    as unknown. A row of the item or user
    table replaces the one known; a table that lacks known items or users leaves them as they are.

    Args:
      log: the events of before; it is only read.
      interactions: the new events.
      out: the folder to write, as for `write_event_log`.
      items: a table of items with the columns of the log's item features, if it has any; items
        without an event become cold ones.
      users: a table of users, likewise; users without an event are left out.
      columns: role → column, as for `write_event_log`; a role left out is looked for under the
        column that the log's own table had, then under known names.
      timestamp_unit: "s", "ms" or "iso"; None infers it.
      separator: of the interactions as CSV.
      keep_duplicates: whether identical new rows stay.
      chunk_rows: rows held as text at a time.
      required: roles beside user, item and time that the table must have a column for.

    Returns:
      The new log, opened, with the name and thresholds of `log`, and the new table's report.

    Raises:
      ConfigError: a role or unit that can't be.
      DataError: a table that can't be read or lacks a required column, or no event that the log
        does not hold yet.
      RunError: `out` is something else, `log` itself, or can't be written; nothing stays of it.
    """
    out = Path(out)
    require_replaceable(out)
    if out.resolve() == log.directory.resolve():
        raise RunError(f"{out}: got the place of the event log that is to be appended to")
    names = open_source(interactions, separator).names
    reader = read_interactions(
        interactions,
        columns=remembered_columns(names, columns, log.columns),
        timestamp_unit=timestamp_unit,
        separator=separator,
        chunk_rows=chunk_rows,
        rules=log.rules,
    )
    report = reader.report
    _check_roles(log, names, report, required)
    known = {**log.columns, **(columns or {})}
    item_set, user_set = log.catalogue.features, log.user_features
    item_table = table_like(items, "item_id", item_set, known)
    user_table = table_like(users, "user_id", user_set, known)
    with whole_folder(out) as folder:
        events = encode_events(
            reader,
            folder,
            before=event_chunks(log),
            keep_duplicates=keep_duplicates,
            impressions=log.most_shown > 0,
        )
        events = _known_types(log, events, report)
        if len(events.time) == log.num_events:
            raise DataError(
                report.source,
                found="only events that the log holds already",
                expected="at least one new one",
            )
        late = _late(log, events)
        if late:
            report.notes.append(
                f"{late} new events are older than the last one known of their user; they take "
                "their place by time"
            )
        report.notes += _named_since(log, reader.ties)
        item_frame = extend_entities(
            log.catalogue.frame, item_set, events.item_ids, item_table, report
        )
        user_frame = extend_entities(log.user_frame, user_set, events.user_ids, user_table, report)
        user_frame = user_frame.filter(pl.col("user_id").is_in(events.user_ids))
        save_events(
            folder,
            events,
            items=(item_frame, item_set),
            users=(user_frame, user_set),
            name=log.name,
            thresholds=log.thresholds,
            report=report,
            rules=log.rules,
            columns={**report.columns, **known},
        )
    return EventLog.open(out)


def table_like(
    source: TableSource | None,
    id_role: str,
    features: FeatureSet | None,
    columns: Mapping[str, str] | None,
) -> Table | None:
    """Reads an item or user table with the columns of features that are fitted already.

    Args:
      source: the table, or None for none.
      id_role: "item_id" or "user_id".
      features: the fitted ones.
      columns: role → column of the interactions, whose id column the table may share.

    Raises:
      DataError: a table that can't be read, or that lacks a column.
    """
    if source is None:
        return None
    specs = features.specs if features else ()
    wanted = [FeatureColumn(spec.name, spec.kind, spec.separator) for spec in specs]
    return read_table(source, id_role, wanted, columns=id_column(source, id_role, columns))


def event_chunks(log: EventLog, kept: NDArray[np.bool_] | None = None) -> Iterator[pl.DataFrame]:
    """A log's events as the chunks of an `InteractionReader`, in the log's order.

    Args:
      log: the events.
      kept: `[events]` which of them; all of them if left out.
    """
    user_ids, item_ids = pl.Series(log.user_ids), pl.Series(log.catalogue.ids)
    types = pl.Series(["", *log.event_types])
    owner = np.repeat(np.arange(log.num_users), np.diff(log.offsets))
    for begin in range(0, log.num_events, _EVENTS_A_CHUNK):
        part = np.arange(begin, min(begin + _EVENTS_A_CHUNK, log.num_events))
        if kept is not None:
            part = part[kept[part]]
        if len(part):
            chunk = pl.DataFrame(
                {
                    "user_id": user_ids.gather(owner[part]),
                    "item_id": item_ids.gather(log.item[part] - FIRST_ITEM),
                    "timestamp": log.time[part],
                    "feedback": log.feedback[part],
                    "weight": log.weight[part],
                    "event_type": types.gather(log.event_type[part]),
                }
            )
            if log.most_shown:
                rows = [log.shown[slice(*log.shown_offsets[e : e + 2])].tolist() for e in part]
                lists = [[log.catalogue.id_of(item) for item in row] for row in rows]
                column = pl.Series("impressions", lists, dtype=pl.List(pl.String))
                chunk = chunk.with_columns(column)
            yield chunk


def rows_before(catalogue: Catalogue, grown: Catalogue) -> NDArray[np.int64]:
    """Where each item of a grown catalogue stood before, `[items of grown]`; -1 for new ones.

    Raises:
      RunError: an item of before is missing.
    """
    rows = np.array([catalogue.index_of(item) - FIRST_ITEM for item in grown.ids], np.int64)
    if np.sum(rows >= 0) != catalogue.num_items:
        raise RunError(
            f"got a catalogue that holds {np.sum(rows >= 0)} of {catalogue.num_items} items of "
            "before, expected all of them"
        )
    return rows


def recoded(log: EventLog, grown: Catalogue) -> EventLog:
    """A log's own events, their items counted as in a grown catalogue; nothing is written."""
    rows = rows_before(log.catalogue, grown)
    place = np.zeros(log.num_items, np.int32)
    place[rows[rows >= 0]] = np.flatnonzero(rows >= 0)
    item = place[np.asarray(log.item) - FIRST_ITEM] + np.int32(FIRST_ITEM)
    shown = place[np.asarray(log.shown) - FIRST_ITEM] + np.int32(FIRST_ITEM)
    return replace(log, item=item, shown=shown, catalogue=grown)


def known_events(log: EventLog, grown: EventLog) -> NDArray[np.int64]:
    """How many events of each user of a grown log were known before, `[users of grown]`."""
    index = users_before(log, grown.user_ids)
    return np.where(index < 0, 0, np.diff(log.offsets)[index])


def users_before(log: EventLog, user_ids: list[str]) -> NDArray[np.int64]:
    """The index that each user had before, `[users]`; -1 for new ones."""
    return np.array([-1 if (at := log.user_index(u)) is None else at for u in user_ids], np.int64)


def _check_roles(
    log: EventLog, names: Sequence[str], report: ReadReport, required: Collection[str]
) -> None:
    """Refuses a table without a required column; notes one that the log has and it has not."""
    for role, had in (("feedback", log.has_feedback), ("event_type", bool(log.event_types))):
        if role in report.columns:
            continue
        if role in required:
            raise DataError(
                report.source,
                found=f"no column for {role} (there are: {', '.join(names)})",
                expected=f"one, for the model reads it: --map {role}=COLUMN (in Python: "
                f"columns={{{role!r}: 'COLUMN'}}); its cells may be blank",
            )
        if had:
            report.notes.append(
                f"no column of {report.source} is {role}: it is unknown of the new events, while "
                f"known ones have it (--map {role}=COLUMN)"
            )


def _named_since(log: EventLog, ties: SessionTies) -> list[str]:
    """A note on sessions that are users of the log and have a user's name in the new table."""
    named = [s for s in ties.users if log.user_index(PREFIX + s) is not None]
    if not named:
        return []
    return [
        f"{len(named)} sessions that had no user in the log have one now; their known events stay "
        f"those of {PREFIX + named[0]!r} and so on (prepare all tables as one to join them)"
    ]


def _known_types(log: EventLog, events: EncodedEvents, report: ReadReport) -> EncodedEvents:
    """Events of types that the log does not know, as events of unknown type."""
    place = {name: at for at, name in enumerate(log.event_types, 1)}
    unknown = [name for name in events.event_types if name not in place]
    if unknown:
        report.notes.append(
            f"{len(unknown)} event types that the log does not know count as unknown, "
            f"{unknown[0]!r} the first"
        )
    number = np.array([0, *(place.get(name, 0) for name in events.event_types)], np.int16)
    return events._replace(event_type=number[events.event_type], event_types=list(log.event_types))


def _late(log: EventLog, events: EncodedEvents) -> int:
    """New events that are older than the last known one of their user."""
    index = users_before(log, events.user_ids)
    last = np.asarray(log.time)[log.offsets[1:] - 1]
    bound = np.where(index < 0, 0, last[index])
    older = int(np.sum(events.time < np.repeat(bound, np.diff(events.offsets))))
    return older - int(np.sum(np.asarray(log.time) < np.repeat(last, np.diff(log.offsets))))
