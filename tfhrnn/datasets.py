"""Event logs as the data sets of other libraries, to compare them on the same events.

*RecBole* reads a folder of atomic files, tab-separated text with a type in each column's name
(https://recbole.io/docs/user_guide/data/atomic_files.html): `NAME.inter`, `NAME.item`,
`NAME.user`. *RecTools* takes a frame of interactions with the names of `rectools.Columns`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from tfhrnn.data.catalogue import FIRST_ITEM
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.features import FeatureSet
from tfhrnn.data.files import whole_folder
from tfhrnn.errors import DataError, RunError

_ROWS: Final = 1_000_000  # of events, held as text at a time
# What pandas, by which RecBole reads, takes for a missing cell even in a column of text.
_MISSING: Final = frozenset(
    "|#N/A|#N/A N/A|#NA|-1.#IND|-1.#QNAN|-NaN|-nan|1.#IND|1.#QNAN|<NA>|N/A|NA|NULL|NaN|None|n/a|nan"
    "|null".split("|")
)
_KINDS: Final = {
    "multi-hot": "token_seq",
    "categorical": "token",
    "numeric": "float",
    "text": "token_seq",
}


def to_recbole(log: EventLog | str | Path, out: str | Path, name: str | None = None) -> Path:
    r"""Writes RecBole's atomic files: `OUT/NAME/NAME.inter`, `.item` and, with features, `.user`.

    `user_id:token`, `item_id:token`, `timestamp:float`, and where the log has them `rating:float`
    (feedback, blank where unknown), `weight:float` (other than 1) and `event_type:token`. Features
    are a `token` (categorical), `float` (numeric) or `token_seq` (multi-hot, text, titles), whose
    values are separated by spaces: a space within a value becomes "_". RecBole's files know no
    quotes: tabs and line ends in titles and features become spaces, and `"` becomes `'`. Events
    come by user and in the order of time, which RecBole keeps where its float32 cannot tell two
    times apart.

    Args:
      log: an event log, or its folder.
      out: the folder of data sets, RecBole's `data_path`.
      name: the data set's, RecBole's `dataset`; by default the log's.

    Returns:
      The folder of the files.

    Raises:
      DataError: an id that RecBole would read as another one or as missing.
      RunError: no such log, or the folder exists already or can't be written; nothing stays of it.
    """
    log = log if isinstance(log, EventLog) else EventLog.open(log)
    name = name or log.name or "data"
    folder = Path(out) / name
    if folder.exists():
        raise RunError(f"{folder}: got a path that exists, expected a new one")
    _check_ids(log.user_ids, "user_id")
    _check_ids(log.catalogue.ids, "item_id")
    items = _entities(log.catalogue.frame, log.catalogue.features)
    users = _entities(log.user_frame, log.user_features)
    with whole_folder(folder) as new:
        weighted = bool((log.weight != 1).any())
        events = (part if weighted else part.drop("weight") for part in _events(log))
        _write(new / f"{name}.inter", map(_typed, events))
        if items.width > 1:
            _write(new / f"{name}.item", iter((items,)))
        if users.width > 1:
            _write(new / f"{name}.user", iter((users,)))
    return folder


def to_rectools(log: EventLog | str | Path) -> pl.DataFrame:
    """All events as RecTools' interactions, by user and in the order of time.

    Args:
      log: an event log, or its folder.

    Returns:
      `user_id`, `item_id` (text), `weight` (float64, the event's weight), `datetime` (UTC without a
      zone, to the second) and, where known to the log, `feedback` and `event_type`. RecTools wants
      pandas: `Dataset.construct(frame.to_pandas())`.

    Raises:
      RunError: no such log.
    """
    log = log if isinstance(log, EventLog) else EventLog.open(log)
    return (
        pl.concat(_events(log))
        .with_columns(
            pl.col("weight").cast(pl.Float64),
            pl.from_epoch("timestamp", "s").cast(pl.Datetime("ns")).alias("datetime"),
        )
        .select("user_id", "item_id", "weight", "datetime", *_known(log))
    )


def _known(log: EventLog) -> list[str]:
    """The columns that only some logs have."""
    return ["feedback"] * log.has_feedback + ["event_type"] * bool(log.event_types)


def _events(log: EventLog) -> Iterator[pl.DataFrame]:
    """Rows of events with raw ids, some at a time; feedback and types are null where unknown."""
    users, items = pl.Series(log.user_ids), pl.Series(log.catalogue.ids)
    types = pl.Series([None, *log.event_types], dtype=pl.String)
    for start in range(0, log.num_events, _ROWS):
        rows = slice(start, min(start + _ROWS, log.num_events))
        user = np.searchsorted(log.offsets, np.arange(rows.start, rows.stop), side="right") - 1
        yield pl.DataFrame(
            {
                "user_id": users.gather(user),
                "item_id": items.gather(log.item[rows].astype(np.int64) - FIRST_ITEM),
                "timestamp": log.time[rows],
                "feedback": pl.Series(log.feedback[rows]).fill_nan(None),
                "weight": log.weight[rows],
                "event_type": types.gather(log.event_type[rows].astype(np.int64)),
            }
        ).select("user_id", "item_id", "timestamp", "weight", *_known(log))


def _typed(events: pl.DataFrame) -> pl.DataFrame:
    """Events under RecBole's names."""
    names = {
        "user_id": "user_id:token",
        "item_id": "item_id:token",
        "feedback": "rating:float",
        "timestamp": "timestamp:float",
        "weight": "weight:float",
        "event_type": "event_type:token",
    }
    present = [column for column in names if column in events.columns]
    return events.select(
        _plain(pl.col(column)).alias(names[column])
        if column == "event_type"
        else pl.col(column).alias(names[column])
        for column in present
    )


def _entities(frame: pl.DataFrame, features: FeatureSet | None) -> pl.DataFrame:
    """Items or users with typed columns: the id, the title if any item has one, the features."""
    key = frame.columns[0]
    columns = [pl.col(key).alias(f"{key}:token")]
    titled = "title" in frame.columns and bool((frame["title"].fill_null("") != "").any())
    if titled:
        columns.append(_plain(pl.col("title")).alias("title:token_seq"))
    for spec in features.specs if features else ():
        if titled and spec.name == "title":
            continue
        cell = pl.col(spec.name)
        if spec.kind == "numeric":
            cell = cell.cast(pl.Float64)
        elif spec.kind == "multi-hot":
            cell = _values(cell, frame[spec.name].dtype, spec.separator)
        else:
            cell = _plain(cell.cast(pl.String))
        field = spec.name.translate(str.maketrans(":\t \n", "____"))
        columns.append(cell.alias(f"{field}:{_KINDS[spec.kind]}"))
    return frame.select(columns)


def _values(cell: pl.Expr, kind: pl.DataType, separator: str) -> pl.Expr:
    """Values of a multi-hot cell, separated by spaces."""
    lists = cell if isinstance(kind, pl.List) else cell.cast(pl.String).str.split(separator)
    value = _plain(pl.element().cast(pl.String)).str.strip_chars().str.replace_all(r"\s+", "_")
    return lists.list.eval(value).list.join(" ")


def _plain(text: pl.Expr) -> pl.Expr:
    """Text without what would need quotes."""
    return text.str.replace_all(r"[\t\r\n]", " ").str.replace_all('"', "'", literal=True)


def _check_ids(ids: list[str], column: str) -> None:
    """Refuses ids that could not be read back as they are."""
    wrong = [i for i in ids if i in _MISSING or i != i.strip() or any(c in i for c in '\t\r\n"')]
    if wrong:
        raise DataError(
            "RecBole",
            column=column,
            found=repr(wrong[0]),
            expected="an id without tabs, line ends, quotes and outer spaces that pandas does not "
            "take for a missing value",
            more=len(wrong) - 1,
        )


def _write(path: Path, frames: Iterator[pl.DataFrame]) -> None:
    with path.open("wb") as file:
        for at, frame in enumerate(frames):
            frame.write_csv(file, separator="\t", quote_style="never", include_header=at == 0)
