"""Writes an event log as TFRecord files of `tf.train.Example`; see `schema`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
import tensorflow as tf

from tfhrnn.data.catalogue import FIRST_ITEM
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.features import FeatureSet
from tfhrnn.data.files import whole_folder
from tfhrnn.data.log_parts import user_parts
from tfhrnn.errors import ConfigError, RunError
from tfhrnn.tfrecord.schema import (
    EVENT_COLUMNS,
    ITEMS,
    SCHEMA,
    USERS,
    Schema,
    read_schema,
    stated,
    write_schema,
)

EVENTS_A_FILE: Final = 2_000_000


def export_examples(log: EventLog, out: str | Path, *, files: int | None = None) -> list[Path]:
    """Writes a log's events, items and users.

    Args:
      log: the events.
      out: the folder to write; one of ours is replaced, anything else refused.
      files: of events, at most; by default one for each 2 million events.

    Returns:
      The files of events.

    Raises:
      ConfigError: fewer than one file.
      RunError: `out` is something else, or can't be written; nothing stays of it.
    """
    if files is not None and files < 1:
        raise ConfigError(f"files: got {files}, expected 1 or more")
    out = Path(out)
    if out.exists() and not _replaceable(out):
        raise RunError(f"{out}: got something that holds no examples; choose another folder")
    most = EVENTS_A_FILE if files is None else -(-log.num_events // files)
    parts = list(user_parts(log, most))
    names = [f"events-{at:05d}-of-{len(parts):05d}.tfrecord" for at in range(len(parts))]
    tables = {
        ITEMS: (log.catalogue.frame, log.catalogue.features),
        USERS: (log.user_frame, log.user_features),
    }
    with whole_folder(out) as folder:
        kinds: dict[str, Any] = {"events": _event_kinds(log)}
        try:
            for name, (first, last) in zip(names, parts, strict=True):
                _write(folder / name, (_sequence(log, user) for user in range(first, last)))
            for name, (frame, features) in tables.items():
                if name == USERS and features is None:
                    continue
                columns = _column_kinds(frame, features)
                kinds[name.removesuffix(".tfrecord")] = columns
                _write(folder / name, (_entity(row, columns) for row in _rows(frame, features)))
        except tf.errors.OpError as error:  # TensorFlow's own, such as a full disk
            raise OSError(error.message) from error
        write_schema(folder, _schema_of(log), {"columns": kinds, **_facts(log)})
    return [out / name for name in names]


def _schema_of(log: EventLog) -> Schema:
    features = (log.catalogue.features, log.user_features)
    return Schema(
        log.name, log.thresholds, *(tuple(stated(f.specs)) if f else () for f in features)
    )


def _facts(log: EventLog) -> dict[str, Any]:
    return {
        "events": log.num_events,
        "users": log.num_users,
        "items": log.num_items,
        "fingerprint": log.fingerprint,
    }


def _replaceable(out: Path) -> bool:
    if not out.is_dir():
        return False
    return not any(out.iterdir()) or ((out / SCHEMA).exists() and read_schema(out) is not None)


def _write(path: Path, examples: Iterable[tf.train.Example]) -> None:
    with tf.io.TFRecordWriter(str(path)) as writer:
        for example in examples:
            writer.write(example.SerializeToString(deterministic=True))


def _event_kinds(log: EventLog) -> dict[str, str]:
    left_out = {"feedback"} if not log.has_feedback else set()
    left_out |= {"event_type"} if not log.event_types else set()
    left_out |= {"impressions", "impressions_count"} if not log.most_shown else set()
    return {name: kind for name, kind in EVENT_COLUMNS.items() if name not in left_out}


def _sequence(log: EventLog, user: int) -> tf.train.Example:
    """One user's events, oldest first."""
    where = log.events_of(user)
    ids = log.catalogue.ids
    bounds = np.asarray(log.shown_offsets[where.start : where.stop + 1])
    columns: dict[str, Any] = {
        "user_id": [log.user_ids[user]],
        "item_id": [ids[item - FIRST_ITEM] for item in log.item[where].tolist()],
        "timestamp": log.time[where],
        "feedback": log.feedback[where],
        "weight": log.weight[where],
        "event_type": log.event_types_of(user) if log.event_types else (),
        "impressions": [
            ids[item - FIRST_ITEM] for item in log.shown[bounds[0] : bounds[-1]].tolist()
        ],
        "impressions_count": np.diff(bounds),
    }
    return _example({name: (kind, columns[name]) for name, kind in _event_kinds(log).items()})


def _column_kinds(frame: pl.DataFrame, features: FeatureSet | None) -> dict[str, str]:
    """The id, the title and the features, each with the kind of its list."""
    kinds = {spec.name: spec.kind for spec in (features.specs if features else ())}
    columns = {}
    for name in frame.columns:
        if kinds.get(name) == "numeric":
            columns[name] = "int64" if frame[name].dtype.is_integer() else "float"
        elif name in kinds or name in (frame.columns[0], "title"):
            columns[name] = "bytes"
    return columns


def _rows(frame: pl.DataFrame, features: FeatureSet | None) -> Iterable[Mapping[str, Any]]:
    """Rows whose cells are lists of values."""
    specs = {spec.name: spec for spec in (features.specs if features else ())}
    for row in frame.iter_rows(named=True):
        found: dict[str, list[Any]] = {}
        for name, value in row.items():
            spec = specs.get(name)
            if value is None or value == "":
                found[name] = []
            elif isinstance(value, list):
                found[name] = [part for part in value if part is not None]
            elif spec is not None and spec.kind == "multi-hot":
                found[name] = [part for part in str(value).split(spec.separator) if part]
            elif spec is not None and spec.kind == "numeric":
                found[name] = [number] if np.isfinite(number := float(value)) else []
            else:
                found[name] = [value]
        yield found


def _entity(row: Mapping[str, Any], columns: Mapping[str, str]) -> tf.train.Example:
    return _example({name: (kind, row[name]) for name, kind in columns.items()})


def _example(columns: Mapping[str, tuple[str, Any]]) -> tf.train.Example:
    features = {}
    for name, (kind, values) in columns.items():
        if kind == "bytes":
            encoded = [str(value).encode() for value in values]
            features[name] = tf.train.Feature(bytes_list=tf.train.BytesList(value=encoded))
        elif kind == "int64":
            whole = [int(value) for value in values]
            features[name] = tf.train.Feature(int64_list=tf.train.Int64List(value=whole))
        else:
            features[name] = tf.train.Feature(float_list=tf.train.FloatList(value=values))
    return tf.train.Example(features=tf.train.Features(feature=features))
