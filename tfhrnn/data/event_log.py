"""The encoded events of a data set, in a folder of memory-mapped arrays.

`write_event_log` reads tables and writes the folder: offsets.npy, item.npy, time.npy, feedback.npy,
weight.npy, users.parquet, items.parquet, meta.json and, where events have types, event_type.npy,
where they have impressions, shown_offsets.npy and shown.npy.
`EventLog.open` maps it. Events are
contiguous by user, sorted by time, equal times in the table's row order. The folder appears under
its name only when it is complete.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tfhrnn.data.catalogue import FIRST_ITEM, Catalogue
from tfhrnn.data.disk_arrays import slices, write_npy
from tfhrnn.data.encoding import (
    ARRAYS,
    EVENT_TYPE,
    SHOWN,
    EncodedEvents,
    encode_events,
    fingerprint,
)
from tfhrnn.data.entities import join_items, join_users
from tfhrnn.data.event_rules import EventRules
from tfhrnn.data.features import FeatureSet
from tfhrnn.data.files import whole_folder, write_parquet
from tfhrnn.data.impressions import write_impressions
from tfhrnn.data.sessions import DEFAULT_THRESHOLDS, check_thresholds
from tfhrnn.data.sources import CHUNK_ROWS, TableSource
from tfhrnn.data.tables import (
    InteractionReader,
    ReadReport,
    Table,
    id_column,
    read_interactions,
    read_table,
)
from tfhrnn.data.timestamps import TimestampUnit
from tfhrnn.errors import RunError

FORMAT: Final = "tfhrnn event log"
VERSION: Final = 1


@dataclass(frozen=True, eq=False)
class EventLog:
    """Events of all users; user u owns events offsets[u] to offsets[u + 1].

    Attributes:
      offsets: int64 `[users + 1]`.
      item: int32 `[events]`, item indices, the first real item being `FIRST_ITEM`.
      time: int64 `[events]`, Unix seconds, never falling within a user.
      feedback: float32 `[events]`, NaN where unknown.
      weight: float32 `[events]`, 1 where the table had none.
      catalogue: the items.
      user_features: how user columns became `user_matrix`, None without.
      user_matrix: float32 `[users, width]`, width 0 without features.
      fingerprint: SHA-256 of arrays and ids; the same data has the same one by any route.
      meta: name, thresholds, report and counts as they were written.
      user_frame: a row a user, `user_id` and the raw feature columns; ids in natural order (as
        integers if every one is written as one).
      directory: where it stands.
      event_type: int16 `[events]`, 0 where unknown, else 1 + the position in `event_types`.
      shown_offsets: int64 `[events + 1]`; the impressions of event e, without the chosen item,
        stand from shown_offsets[e] to shown_offsets[e + 1].
      shown: int32 `[impressions]`, item indices.
    """

    offsets: NDArray[np.int64]
    item: NDArray[np.int32]
    time: NDArray[np.int64]
    feedback: NDArray[np.float32]
    weight: NDArray[np.float32]
    catalogue: Catalogue
    user_features: FeatureSet | None
    user_matrix: NDArray[np.float32]
    fingerprint: str
    meta: dict[str, Any]
    user_frame: pl.DataFrame
    directory: Path
    event_type: NDArray[np.int16]
    shown_offsets: NDArray[np.int64]
    shown: NDArray[np.int32]

    @property
    def num_users(self) -> int:
        """Users with at least one event."""
        return self.user_frame.height

    @property
    def num_items(self) -> int:
        """Real items, cold ones included."""
        return self.catalogue.num_items

    @property
    def num_events(self) -> int:
        """Events of all users."""
        return len(self.item)

    @property
    def has_feedback(self) -> bool:
        """Whether any event's feedback is known."""
        return bool(self.meta["has_feedback"])

    @property
    def most_shown(self) -> int:
        """Most impressions of one event, 0 where none has any."""
        return int(self.meta.get("most_shown", 0))

    @property
    def event_types(self) -> tuple[str, ...]:
        """The types of events in natural order, none where the table had no such column."""
        return tuple(self.meta.get("event_types", ()))

    def event_types_of(self, user: int) -> list[str]:
        """Returns the types of a user's events, "" where unknown."""
        names = ("", *self.event_types)
        return [names[index] for index in self.event_type[self.events_of(user)]]

    @property
    def name(self) -> str:
        """The data set's name."""
        return str(self.meta["name"])

    @property
    def thresholds(self) -> tuple[int, ...]:
        """Gap thresholds in seconds, as they were given when the log was written."""
        return tuple(self.meta["thresholds"])

    @property
    def columns(self) -> dict[str, str]:
        """Role → column of the tables that were read, for further ones of the same data."""
        # Logs of earlier versions tell only those of the last table.
        return dict(self.meta.get("columns") or self.report.columns)

    @property
    def rules(self) -> EventRules:
        """Which rows of the tables became events, and what they count, for further tables."""
        return EventRules.from_json(self.meta.get("event_rules"))

    @property
    def report(self) -> ReadReport:
        """What was read, and what became of it."""
        return ReadReport(**self.meta["report"])

    @cached_property
    def user_ids(self) -> list[str]:
        """The users' ids as text, made when first asked for: about 65 bytes each."""
        return self.user_frame["user_id"].to_list()

    @cached_property
    def _users(self) -> dict[str, int]:
        return {user: index for index, user in enumerate(self.user_ids)}

    def user_index(self, user: str) -> int | None:
        """Returns a user's index, None for an id without events."""
        return self._users.get(user)

    def events_of(self, user: int) -> slice:
        """Returns where the events of the user with index `user` stand in the arrays."""
        return slice(int(self.offsets[user]), int(self.offsets[user + 1]))

    @classmethod
    def open(cls, directory: str | Path) -> EventLog:
        """Maps an event log's arrays.

        Args:
          directory: what `write_event_log` wrote.

        Returns:
          The log; its arrays are read only.

        Raises:
          RunError: no such folder, none of ours, incomplete, or of a later version.
        """
        directory = Path(directory)
        if not directory.is_dir():
            raise RunError(f"{directory}: got no such folder, expected an event log")
        meta = read_meta(directory)
        if meta is None:
            raise RunError(
                f"{directory}: got a folder without our meta.json, expected an event log"
            )
        if meta["version"] != VERSION:
            raise RunError(
                f"{directory}: got version {meta['version']}, expected {VERSION}; prepare it anew"
            )
        try:
            names = (*ARRAYS, EVENT_TYPE) if meta.get("event_types") else ARRAYS
            # Still read from the disk as needed; slices of the subclass cost ten times a view's.
            if meta.get("most_shown"):
                names = (*names, *SHOWN)
            arrays = {n: np.asarray(np.load(directory / f"{n}.npy", mmap_mode="r")) for n in names}
            users = pl.read_parquet(directory / "users.parquet")
            items = pl.read_parquet(directory / "items.parquet")
        except (OSError, ValueError, EOFError, pl.exceptions.PolarsError) as error:
            raise RunError(f"{directory}: got a damaged event log; prepare it anew") from error
        events = int(arrays["offsets"][-1])
        lengths = {"offsets": users.height + 1, "shown_offsets": events + 1}
        if "shown" in arrays:
            lengths["shown"] = int(arrays["shown_offsets"][-1])
        if any(len(array) != lengths.get(name, events) for name, array in arrays.items()):
            raise RunError(f"{directory}: got arrays of unlike lengths; prepare it anew")
        # A log without types, or from before there were any, is one whose types are all unknown.
        arrays.setdefault(EVENT_TYPE, np.broadcast_to(np.int16(0), events))
        arrays.setdefault("shown_offsets", np.broadcast_to(np.int64(0), events + 1))
        arrays.setdefault("shown", np.zeros(0, np.int32))
        item_features = _features(meta["item_features"])
        user_features = _features(meta["user_features"])
        return cls(
            **arrays,
            catalogue=Catalogue.from_frame(items, item_features),
            user_features=user_features,
            user_matrix=(user_features or FeatureSet(())).encode(users, source="users"),
            fingerprint=meta["fingerprint"],
            meta=meta,
            user_frame=users,
            directory=directory,
        )


def write_event_log(
    interactions: TableSource | InteractionReader,
    out: str | Path,
    *,
    items: TableSource | Table | None = None,
    users: TableSource | Table | None = None,
    item_features: Sequence[str] = (),
    user_features: Sequence[str] = (),
    columns: Mapping[str, str] | None = None,
    timestamp_unit: TimestampUnit | None = None,
    separator: str | None = None,
    name: str = "",
    origin: str | None = None,
    thresholds: Sequence[int] = DEFAULT_THRESHOLDS,
    keep_duplicates: bool = False,
    chunk_rows: int = CHUNK_ROWS,
    rules: EventRules | None = None,
) -> EventLog:
    """Reads tables and writes an event log.

    Args:
      interactions: a table (see `read_interactions`), or a reader of one.
      out: the folder to write; an event log that stands there is replaced once the new one is
        complete, anything else is refused.
      items: a table of items, or what `read_table` returned.
      users: a table of users, likewise.
      item_features: columns to use, as "genres:multi-hot"; for an `items` that is not yet read.
      user_features: columns to use; for a `users` that is not yet read.
      columns: role → column of the interactions; item and user tables with a column of that name
        share it.
      timestamp_unit: "s", "ms" or "iso"; None infers it.
      separator: of the interactions as CSV.
      name: the data set's, for reports.
      origin: where the data come from, for reports; None for the interactions' file.
      thresholds: gap thresholds in seconds that go with the data.
      keep_duplicates: whether rows identical in user, item, time, feedback and event type stay.
      chunk_rows: rows held as text at a time.
      rules: which rows become events, and what they count; all of them if left out.

    Returns:
      The log, opened.

    Raises:
      ConfigError: a feature, role, unit or thresholds that can't be.
      DataError: a table that can't be read, or fewer than two users or items.
      RunError: `out` is something else, or can't be written; nothing stays of it.
    """
    thresholds = check_thresholds(thresholds)
    out = Path(out)
    require_replaceable(out)
    reader = interactions
    if not isinstance(reader, InteractionReader):
        reader = read_interactions(
            interactions,
            columns=columns,
            timestamp_unit=timestamp_unit,
            separator=separator,
            chunk_rows=chunk_rows,
            rules=rules,
        )
    item_table = _table(items, "item_id", item_features, columns)
    user_table = _table(users, "user_id", user_features, columns)
    with whole_folder(out) as folder:
        events = encode_events(reader, folder, keep_duplicates=keep_duplicates)
        item_frame, item_set = join_items(events.item_ids, item_table, reader.report)
        user_frame, user_set = join_users(events.user_ids, user_table, reader.report)
        reader.report.source = origin or reader.report.source
        save_events(
            folder,
            events,
            items=(item_frame, item_set),
            users=(user_frame, user_set),
            name=name,
            thresholds=thresholds,
            report=reader.report,
            rules=reader.rules,
        )
    return EventLog.open(out)


def save_events(
    folder: Path,
    events: EncodedEvents,
    *,
    items: tuple[pl.DataFrame, FeatureSet | None],
    users: tuple[pl.DataFrame, FeatureSet | None],
    name: str,
    thresholds: Sequence[int],
    report: ReadReport,
    rules: EventRules,
    columns: Mapping[str, str] | None = None,
) -> None:
    """Writes the files of an event log.

    Args:
      folder: an empty one; see `whole_folder`.
      events: sorted, with ids of their own.
      items: a row an item in catalogue order, and its features.
      users: a row a user in the order of `events.user_ids`, and its features.
      name: the data set's.
      thresholds: gap thresholds in seconds.
      report: what was read.
      rules: that rows became events by, for further tables.
      columns: role → column that a further table is looked for under; by default the report's.

    Raises:
      OSError: they can't be written.
    """
    (item_frame, item_set), (user_frame, user_set) = items, users
    place = pl.DataFrame({"item_id": events.item_ids}).join(
        item_frame.select("item_id").with_row_index("row"),
        on="item_id",
        how="left",
        maintain_order="left",
    )
    rows = place["row"].to_numpy().astype(np.int32) + np.int32(FIRST_ITEM)
    size = len(events.time)
    streams: dict[str, Iterable[NDArray[Any]]] = {
        "item": (rows[events.item[part]] for part in slices(size)),
        "time": (events.time[part] for part in slices(size)),
        "feedback": (events.feedback[part] for part in slices(size)),
        "weight": (events.weight[part] for part in slices(size)),
    }
    if events.event_types:
        streams[EVENT_TYPE] = (events.event_type[part] for part in slices(size))
    np.save(folder / "offsets.npy", events.offsets)
    for key, blocks in streams.items():
        write_npy(folder / f"{key}.npy", getattr(events, key).dtype, size, blocks)
    names = ["offsets", *streams]
    most_shown = 0
    if events.shown_ids:
        most_shown = _save_impressions(folder, events, item_frame, report)
        names += SHOWN if most_shown else []
    arrays = {key: np.load(folder / f"{key}.npy", mmap_mode="r") for key in names}
    write_parquet(user_frame, folder / "users.parquet")
    write_parquet(item_frame, folder / "items.parquet")
    meta = {
        "format": FORMAT,
        "version": VERSION,
        "name": name,
        "thresholds": list(thresholds),
        "users": user_frame.height,
        "items": item_frame.height,
        "events": len(events.time),
        "has_feedback": any(np.isfinite(events.feedback[part]).any() for part in slices(size)),
        "event_types": events.event_types,
        "most_shown": most_shown,
        "item_features": item_set.to_json() if item_set else None,
        "user_features": user_set.to_json() if user_set else None,
        "event_rules": rules.to_json() if rules else None,
        "columns": dict(report.columns if columns is None else columns),
        "report": report.to_json(),
        "fingerprint": fingerprint(
            arrays, events.user_ids, item_frame["item_id"].to_list(), events.event_types
        ),
    }
    text = json.dumps(meta, indent=2, ensure_ascii=False)
    (folder / "meta.json").write_text(text, encoding="utf-8")


def _save_impressions(
    folder: Path, events: EncodedEvents, item_frame: pl.DataFrame, report: ReadReport
) -> int:
    """Writes the impressions if any are left; returns the most of one event."""
    index = {item: at for at, item in enumerate(item_frame["item_id"], FIRST_ITEM)}
    shown = np.array([index.get(item, -1) for item in events.shown_ids], np.int32)
    written = write_impressions(folder, events, np.load(folder / "item.npy", mmap_mode="r"), shown)
    report.unknown_shown = written.unknown
    if written.unknown:
        report.notes.append(
            f"{written.unknown} ids among the impressions have neither an event nor a row in the "
            "item table: they are left out"
        )
    if not written.impressions:
        for name in SHOWN:
            (folder / f"{name}.npy").unlink()
    return written.most


def require_replaceable(out: Path) -> None:
    """Refuses a place that holds something other than an event log.

    Raises:
      RunError: it does.
    """
    if out.exists() and not _replaceable(out):
        raise RunError(f"{out}: got something that is no event log; choose another folder")


def read_meta(directory: Path) -> dict[str, Any] | None:
    """Returns an event log's meta.json, None where the folder has none of ours."""
    try:
        meta = json.loads((directory / "meta.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return meta if isinstance(meta, dict) and meta.get("format") == FORMAT else None


def _replaceable(out: Path) -> bool:
    return out.is_dir() and (read_meta(out) is not None or not any(out.iterdir()))


def _table(
    source: TableSource | Table | None,
    id_role: str,
    features: Sequence[str],
    columns: Mapping[str, str] | None,
) -> Table | None:
    if source is None or isinstance(source, Table):
        return source
    return read_table(source, id_role, features, columns=id_column(source, id_role, columns))


def _features(values: list[dict[str, Any]] | None) -> FeatureSet | None:
    return None if values is None else FeatureSet.from_json(values)
