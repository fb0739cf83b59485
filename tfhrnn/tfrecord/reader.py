"""Reads TFRecord files of `tf.train.Example` as tables; see `schema`.

Events come as an open table, a chunk at a time, to be prepared like any other: columns are known or
mapped by their names, rows are validated, and a bad one is told by its file and the number of its
Example there.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, Final, NamedTuple

import polars as pl
import tensorflow as tf
from google.protobuf.message import DecodeError

from tfhrnn.data.cells import show_value
from tfhrnn.data.file_sets import matching_files
from tfhrnn.data.sources import Source
from tfhrnn.errors import DataError
from tfhrnn.tfrecord.schema import EVENTS, ITEMS, USERS, Schema, read_schema

_LOOKED_AT: Final = 100  # Examples that tell which columns there are


class Examples(NamedTuple):
    """What a folder or a pattern holds.

    Attributes:
      events: an open table, a row an event.
      items: a row an item; None without.
      users: a row a user; None without.
      schema: what schema.json says; None without.
    """

    events: Source
    items: pl.DataFrame | None
    users: pl.DataFrame | None
    schema: Schema | None


def open_examples(path: str | Path) -> Examples:
    """Opens what `export_examples` wrote, or files of the same kind from elsewhere.

    Args:
      path: a folder with events-*.tfrecord, or a pattern of files of events, or one file.

    Returns:
      The tables; events are read when they are iterated over.

    Raises:
      DataError: no such file, or one that is no TFRecord of Examples.
      RunError: a schema.json that is not ours.
    """
    path = Path(path)
    if not path.is_dir():
        files = [path] if path.is_file() else matching_files(path)
        return Examples(open_events(files, str(path)), None, None, None)
    events = open_events(matching_files(path / EVENTS), str(path))
    items, users = (
        _entities(path / name) if (path / name).exists() else None for name in (ITEMS, USERS)
    )
    return Examples(events, items, users, read_schema(path))


def open_events(files: Sequence[Path], label: str) -> Source:
    """Opens files of events as one table.

    Args:
      files: in order.
      label: what to call the table.

    Raises:
      DataError: a file that is no TFRecord of Examples, or no Example at all.
    """
    names: dict[str, None] = {}
    for at, (_, _, features) in enumerate(_examples(files)):
        names |= dict.fromkeys(sorted(features))
        if at + 1 == _LOOKED_AT:
            break
    if not names:
        raise DataError(label, found="no Example", expected="TFRecord files of tf.train.Example")
    table = _Events(files)
    return Source(label, tuple(names), table.chunks, table.locate)


class _Events:
    """Rows of all files, and where each came from."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = files
        self._starts: list[int] = []  # rows before each Example
        self._places: list[tuple[str, int]] = []  # its file and number there

    def chunks(self, columns: Sequence[str], rows: int) -> Iterator[pl.DataFrame]:
        """Yields frames of at most `rows` rows."""
        self._starts, self._places, before, held = [], [], 0, 0
        cells: dict[str, list[Any]] = {name: [] for name in columns}
        for path, number, features in _examples(self._files):
            length = _extend(cells, path, number, features)
            self._starts.append(before)
            self._places.append((str(path), number))
            before, held = before + length, held + length
            if held >= rows:
                yield from _frame(cells).iter_slices(rows)
                cells, held = {name: [] for name in columns}, 0
        if held:
            yield _frame(cells)

    def locate(self, row: int) -> tuple[str, int]:
        """The file and the number of the Example that holds a row, both counted from 1."""
        return self._places[bisect_right(self._starts, row - 1) - 1]


def _examples(files: Sequence[Path]) -> Iterator[tuple[Path, int, dict[str, list[Any]]]]:
    """Each Example's file, number from 1, and values by feature."""
    for path in files:
        number = 0
        try:
            for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
                number += 1
                example = tf.train.Example.FromString(record)
                features = {n: _values(f) for n, f in example.features.feature.items()}
                yield path, number, _with_lists(features, path, number)
        except (tf.errors.DataLossError, DecodeError, UnicodeDecodeError) as error:
            raise DataError(
                path,
                found="text that is not UTF-8"
                if isinstance(error, UnicodeDecodeError)
                else "a damaged record or none at all",
                expected="a TFRecord file of tf.train.Example",
                row=number + (not isinstance(error, (DecodeError, UnicodeDecodeError))),
            ) from error


def _with_lists(features: dict[str, list[Any]], path: Path, number: int) -> dict[str, list[Any]]:
    """An Example's features, its impressions cut into a list an event."""
    if "impressions_count" not in features:
        return features
    counts, shown = features.pop("impressions_count"), features.get("impressions", [])
    if sum(counts) != len(shown) or min(counts, default=0) < 0:
        raise DataError(
            path,
            found=f"{len(shown)} impressions, of which the counts tell {sum(counts)}",
            expected="as many as the counts add up to",
            row=number,
            column="impressions_count",
        )
    ends = list(accumulate(counts))
    lists = [shown[end - count : end] for end, count in zip(ends, counts, strict=True)]
    return {**features, "impressions": lists}


def _values(feature: tf.train.Feature) -> list[Any]:
    kind = feature.WhichOneof("kind")
    if kind is None:
        return []
    values = list(getattr(feature, kind).value)
    return [value.decode() for value in values] if kind == "bytes_list" else values


def _extend(
    cells: dict[str, list[Any]], path: Path, number: int, features: dict[str, list[Any]]
) -> int:
    """Adds an Example's events; what stands once counts for all of them, what is not is unknown."""
    length = max((len(features.get(name, ())) for name in cells), default=0)
    for name, column in cells.items():
        values = features.get(name) or [None]
        if len(values) not in (1, length):
            raise DataError(
                path,
                found=f"{len(values)} values ({show_value(values[0])} the first)",
                expected=f"{length}, as many as the Example has events, or 1 for all of them",
                row=number,
                column=name,
            )
        column += values if len(values) == length else values * length
    return length


def _frame(cells: dict[str, list[Any]]) -> pl.DataFrame:
    return pl.DataFrame([pl.Series(name, values, strict=False) for name, values in cells.items()])


def _entities(path: Path) -> pl.DataFrame:
    """Items or users, a row each; columns that hold several values somewhere are lists."""
    rows = [features for _, _, features in _examples([path])]
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {}
    for name in names:
        cells = [row.get(name, []) for row in rows]
        several = any(len(values) > 1 for values in cells)
        columns[name] = pl.Series(
            name, cells if several else [values[0] if values else None for values in cells]
        )
    return pl.DataFrame(columns)
