"""Reads interaction, item and user tables, and says what it found.

In goes a table in any of the forms `sources` opens; interactions come out as validated chunks in
the table's row order, item and user tables as one frame. Ids are always text, kept as they are
written (a whole number read as a float, 1.0, is "1"). Missing feedback and event types are unknown;
every other missing or unreadable cell is an error that names row and column.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import polars as pl

from tfhrnn.data.anonymous import SessionTies, note_blanks, read_ties
from tfhrnn.data.cells import (
    Problems,
    check_finite,
    read_ids,
    read_labels,
    read_lists,
    read_numbers,
    row_numbers,
)
from tfhrnn.data.columns import TableKind, map_columns, plain_name
from tfhrnn.data.event_rules import EventRules
from tfhrnn.data.features import FeatureColumn, parse_feature
from tfhrnn.data.sources import CHUNK_ROWS, Source, TableSource, open_source
from tfhrnn.data.timestamps import TimestampParser, TimestampUnit, read_dates
from tfhrnn.errors import DataError

CHUNK_SCHEMA: Final = {
    "user_id": pl.String,
    "item_id": pl.String,
    "timestamp": pl.Int64,
    "feedback": pl.Float32,
    "weight": pl.Float32,
    "event_type": pl.String,
}
MOST_SHOWN: Final = 100  # impressions kept of an event


@dataclass
class ReadReport:
    """What was read, and what became of it.

    Attributes:
      source: the file, or "frame".
      rows_read: rows of the table.
      rows_kept: rows that became events.
      dropped: reason → rows.
      columns: role → column.
      ignored: columns without a use; those of an item table end with " (items)", those of a user
        table likewise.
      timestamp_unit: "s", "ms" or "iso".
      unit_inferred: whether that was read off the data.
      unknown_shown: ids among the impressions that are no item.
      notes: what else the caller should know, a sentence each.
    """

    source: str
    rows_read: int = 0
    rows_kept: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)
    timestamp_unit: str | None = None
    unit_inferred: bool = False
    unknown_shown: int = 0
    notes: list[str] = field(default_factory=list)

    def drop(self, reason: str, rows: int) -> None:
        """Counts rows as dropped for a reason."""
        if rows:
            self.dropped[reason] = self.dropped.get(reason, 0) + rows

    def to_json(self) -> dict[str, Any]:
        """Returns the report as plain values."""
        return asdict(self)


class InteractionReader:
    """Streams a table of interactions; iterate once, then read `report`.

    Made by `read_interactions`. Each chunk is a polars frame with the columns of `CHUNK_SCHEMA`:
    feedback is NaN and the event type "" where unknown, weight 1 where the table has none. Bad rows
    are counted through to the end of the table, then raised. A table with sessions is read twice,
    since a later row may name an earlier one's user (`tfhrnn.data.anonymous`).

    Attributes:
      report: what was read.
      rules: which rows become events.
      ties: whose rows without a user are, once they were read.
    """

    def __init__(
        self,
        source: Source,
        mapping: Mapping[str, str],
        *,
        timestamp_unit: TimestampUnit | None,
        chunk_rows: int,
        rules: EventRules,
    ) -> None:
        rules.require_columns(source.label, mapping)
        self.rules = rules
        self._source = source
        self._mapping = {
            role: mapping[role]
            for role in (*CHUNK_SCHEMA, "session_id", "impressions")
            if role in mapping
        }
        self._chunk_rows = chunk_rows
        self.ties = SessionTies({})
        self._cut = 0
        self._problems = Problems(source.label, source.locate)
        self._times = TimestampParser(timestamp_unit, self._problems, mapping["timestamp"])
        used = set(self._mapping.values())
        self.report = ReadReport(
            source.label,
            columns=dict(self._mapping),
            ignored=[name for name in source.names if name not in used],
        )

    @property
    def has_feedback(self) -> bool:
        """Whether the table has a feedback column."""
        return "feedback" in self._mapping

    @property
    def has_event_types(self) -> bool:
        """Whether the table has a column of event types."""
        return "event_type" in self._mapping

    @property
    def has_impressions(self) -> bool:
        """Whether the table has a column of shown items; chunks then have "impressions", lists."""
        return "impressions" in self._mapping

    def __iter__(self) -> Iterator[pl.DataFrame]:
        """Yields validated chunks.

        Raises:
          DataError: a row that can't be read, or a table without rows.
        """
        report = self.report
        report.rows_read = report.rows_kept = 0
        report.dropped.clear()
        columns = list(dict.fromkeys(self._mapping.values()))
        types: set[str] = set()
        if "session_id" in self._mapping:
            self.ties = read_ties(self._source, self._mapping, self._chunk_rows)
        for chunk in self._source.chunks(columns, self._chunk_rows):
            rows = row_numbers(report.rows_read + 1, chunk.height)
            report.rows_read += chunk.height
            blank = chunk.select(pl.all_horizontal(pl.all().is_null())).to_series()
            if blank.any():
                report.drop("blank line", int(blank.sum()))
                chunk, rows = chunk.filter(~blank), rows.filter(~blank)
            events = self._read(chunk, rows)
            if self.rules:
                types.update(events["event_type"].unique())
                events, left_out = self.rules.apply(events)
                for reason, count in left_out.items():
                    report.drop(reason, count)
            if not self._problems and events.height:
                report.rows_kept += events.height
                yield events
        self._problems.raise_first()
        self.rules.require_types(self._source.label, self._mapping.get("event_type", ""), types)
        if report.rows_kept == 0:
            reasons = [f"{rows} with {reason}" for reason, rows in report.dropped.items()]
            found = f"only rows that are left out: {', '.join(reasons)}" if reasons else "no rows"
            raise DataError(self._source.label, found=found, expected="interactions")
        report.notes += self.ties.notes()
        if self._cut:
            report.notes.append(
                f"{self._cut} rows have more than {MOST_SHOWN} impressions: the first are kept"
            )
        report.timestamp_unit, report.unit_inferred = self._times.unit, self._times.inferred

    def _read(self, chunk: pl.DataFrame, rows: pl.Series) -> pl.DataFrame:
        cells = {role: chunk[column] for role, column in self._mapping.items()}
        read = {
            role: read_ids(cells[role], self._problems, self._mapping[role], rows)
            for role in ("user_id", "item_id")
            if role == "item_id" or "session_id" not in cells
        }
        if "session_id" in cells:
            read["user_id"] = self._owners(cells, rows)
        read["timestamp"] = self._times.parse(cells["timestamp"], rows)
        for role, absent in (("feedback", float("nan")), ("weight", 1.0)):
            if role in cells:
                read[role] = self._numbers(role, cells[role], rows)
            else:
                read[role] = pl.Series([absent], dtype=pl.Float32).new_from_index(0, chunk.height)
        if self.has_event_types:
            column = self._mapping["event_type"]
            read["event_type"] = read_labels(cells["event_type"], self._problems, column, rows)
        else:
            read["event_type"] = pl.Series([""]).new_from_index(0, chunk.height)
        if self.has_impressions:
            shown, cut = read_lists(
                cells["impressions"],
                self._problems,
                self._mapping["impressions"],
                rows,
                most=MOST_SHOWN,
            )
            self._cut += cut
            read["impressions"] = shown
        return pl.DataFrame([column.alias(role) for role, column in read.items()]).select(
            *CHUNK_SCHEMA, *(["impressions"] if self.has_impressions else [])
        )

    def _owners(self, cells: Mapping[str, pl.Series], rows: pl.Series) -> pl.Series:
        """Whose each row is, by its user or by its session."""
        labels = {
            role: read_labels(cells[role], self._problems, self._mapping[role], rows)
            for role in ("user_id", "session_id")
            if role in cells
        }
        sessions = labels["session_id"]
        users = labels.get("user_id", pl.Series([""]).new_from_index(0, len(sessions)))
        owner = self.ties.owners(users, sessions)
        note_blanks(owner, cells, self._mapping, self._problems, rows)
        return owner

    def _numbers(self, role: str, cells: pl.Series, rows: pl.Series) -> pl.Series:
        column = self._mapping[role]
        if role == "feedback":
            numbers = check_finite(cells, self._problems, column, rows)
        else:
            numbers, unreadable = read_numbers(cells)
            bad = unreadable | numbers.is_null() | ~numbers.is_finite() | (numbers < 0)
            expected = "a finite number of 0 or more"
            self._problems.add(column, expected, bad=bad, values=cells, rows=rows)
        return numbers.fill_null(float("nan"))


def read_interactions(
    source: TableSource,
    *,
    columns: Mapping[str, str] | None = None,
    timestamp_unit: TimestampUnit | None = None,
    separator: str | None = None,
    chunk_rows: int = CHUNK_ROWS,
    rules: EventRules | None = None,
) -> InteractionReader:
    """Opens a table of interactions for streaming.

    Args:
      source: CSV (.csv, .tsv, .inter, with .gz too) or Parquet file, a pattern of such files, a
        polars or a pandas frame.
      columns: role → column where names are not known ones; see `columns.ALIASES`.
      timestamp_unit: "s", "ms" or "iso"; None infers it.
      separator: of a CSV file; None takes it from the file's name.
      chunk_rows: rows held at a time.
      rules: which rows become events, and what they count; all of them if left out.

    Returns:
      A reader to iterate once.

    Raises:
      ConfigError: a role or unit that doesn't exist.
      DataError: no such file, no such column, an empty file; rows are checked on iteration.
    """
    opened = open_source(source, separator)
    mapping = map_columns(opened.names, columns=columns, source=opened.label)
    return InteractionReader(
        opened,
        mapping,
        timestamp_unit=timestamp_unit,
        chunk_rows=chunk_rows,
        rules=rules or EventRules(),
    )


@dataclass(frozen=True)
class Table:
    """An item or user table.

    Attributes:
      label: the file, or "frame".
      id_role: "item_id" or "user_id".
      frame: the id under its role's name, "title" for items where known, then the feature
        columns under their plain names.
      features: what to make of the feature columns.
      ignored: columns without a use.
      notes: what else the caller should know, a sentence each.
    """

    label: str
    id_role: str
    frame: pl.DataFrame
    features: tuple[FeatureColumn, ...]
    ignored: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def kind(self) -> TableKind:
        """What it is a table of."""
        return "items" if self.id_role == "item_id" else "users"

    def report_to(self, report: ReadReport) -> None:
        """Adds to a report what became of this table's columns."""
        report.ignored += [f"{name} ({self.kind})" for name in self.ignored]
        report.notes += self.notes


def id_column(
    source: TableSource, id_role: str, columns: Mapping[str, str] | None
) -> dict[str, str]:
    """The part of the interactions' mapping that an item or user table shares.

    Args:
      source: the item or user table.
      id_role: "item_id" or "user_id".
      columns: role → column of the interactions.

    Returns:
      `id_role` → its column where the table has that column too, else nothing.
    """
    mapped = (columns or {}).get(id_role)
    if mapped is None or mapped not in open_source(source).names:
        return {}
    return {id_role: mapped}


def read_table(
    source: TableSource,
    id_role: str = "item_id",
    features: Sequence[str | FeatureColumn] = (),
    *,
    columns: Mapping[str, str] | None = None,
    separator: str | None = None,
) -> Table:
    """Reads an item or user table whole.

    Args:
      source: as for `read_interactions`.
      id_role: "item_id" or "user_id".
      features: columns to use, as "genres:multi-hot", "year:numeric", "title:text" or
        "occupation:categorical", or as `parse_feature` returns them. Dates of a numeric one, in a
        date column or as ISO 8601, become Unix seconds.
      columns: role → column where names are not known ones.
      separator: of a CSV file.

    Returns:
      The table.

    Raises:
      ConfigError: a feature that can't be parsed.
      DataError: a missing column, a missing id, an id that comes twice.
    """
    opened = open_source(source, separator)
    kind: TableKind = "items" if id_role == "item_id" else "users"
    mapping = map_columns(opened.names, kind, columns=columns, source=opened.label)
    plain = {plain_name(name): name for name in reversed(opened.names)}
    wanted = tuple(parse_feature(f) if isinstance(f, str) else f for f in features)
    for feature in wanted:
        if feature.name not in plain and feature.name not in opened.names:
            raise DataError(
                opened.label,
                found=f"no column {feature.name!r} (there are: {', '.join(opened.names)})",
                expected=f"a column for the feature {feature.name}:{feature.kind}",
            )
    chosen = {role: mapping[role] for role in (id_role, "title") if role in mapping}
    chosen |= {f.name: f.name if f.name in opened.names else plain[f.name] for f in wanted}
    needed = list(dict.fromkeys(chosen.values()))
    chunks = list(opened.chunks(needed, CHUNK_ROWS))
    if not chunks or sum(chunk.height for chunk in chunks) == 0:
        raise DataError(opened.label, found="no rows", expected=f"a table of {kind}")
    cells = pl.concat(chunks).with_row_index("row of the table", offset=1)
    cells = cells.filter(~pl.all_horizontal(pl.col(needed).is_null()))
    row_of = cells["row of the table"]
    problems = Problems(opened.label, opened.locate)
    ids = read_ids(cells[chosen[id_role]], problems, chosen[id_role], row_of)
    problems.add(
        chosen[id_role],
        f"each {kind[:-1]} once",
        bad=ids.is_not_null() & ~ids.is_first_distinct(),
        values=cells[chosen[id_role]],
        rows=row_of,
    )
    dates: dict[str, pl.Series] = {}
    for feature in (one for one in wanted if one.kind == "numeric"):
        column = chosen[feature.name]
        seconds = read_dates(cells[column], problems, column, row_of)
        if seconds is not None:
            dates[feature.name] = seconds
        else:
            check_finite(cells[column], problems, column, row_of)
    problems.raise_first()
    others = {name: column for name, column in chosen.items() if name != id_role}
    columns_of = {name: dates.get(name, cells[column]) for name, column in others.items()}
    frame = pl.DataFrame({id_role: ids, **columns_of})
    if "title" in frame.columns:
        frame = frame.with_columns(pl.col("title").cast(pl.String).fill_null(""))
    used = set(chosen.values())
    ignored = tuple(name for name in opened.names if name not in used)
    notes = tuple(f"{name} of {opened.label}: dates, read as Unix seconds" for name in dates)
    return Table(opened.label, id_role, frame, wanted, ignored, notes)
