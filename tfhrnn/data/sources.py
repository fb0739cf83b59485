"""Opens a table, wherever it is, as chunks of its columns.

In goes a CSV file (also tab separated or gzipped), a Parquet file, several of them by a pattern, a
polars or a pandas frame; out go polars frames of a bounded number of rows, in the table's order.
CSV is cut into blocks at line ends outside quotes and every field is kept as text, so a file is
never held whole and no id is rewritten by a guess at its type.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Final, NamedTuple, cast

import numpy as np
import polars as pl

from tfhrnn.data.file_sets import is_pattern, open_files
from tfhrnn.errors import DataError

TableSource = str | Path | pl.DataFrame | pl.LazyFrame | Any  # the last: a pandas frame

CHUNK_ROWS: Final = 1_000_000
_BYTES_PER_ROW: Final = 32  # a line of ratings; sets the size of a CSV block
_TAB_SUFFIXES: Final = (".tsv", ".tab", ".inter", ".item", ".user")
_UNQUOTED_SUFFIXES: Final = (".inter", ".item", ".user")  # RecBole writes quotes as they are
_SEPARATOR_NAMES: Final = {"\t": "tab"}


class Source(NamedTuple):
    """A table that is open for reading.

    Attributes:
      label: what to call it in messages.
      names: its columns.
      chunks: given columns and a number of rows, the frames in order.
      locate: given a row, counted from 1, where it stands: the file and the row there; None where
        that is `label` and the row itself.
    """

    label: str
    names: tuple[str, ...]
    chunks: Callable[[Sequence[str], int], Iterator[pl.DataFrame]]
    locate: Callable[[int], tuple[str, int]] | None = None


def table_name(source: TableSource) -> str:
    """What to call a data set of that table: the file's name, or "frame".

    >>> table_name("logs/part-*.parquet"), table_name("logs/*.csv"), table_name("ratings.csv")
    ('part', 'logs', 'ratings')
    """
    if not isinstance(source, (str, Path)):
        return "frame"
    path = Path(source)
    if not is_pattern(path):
        return path.stem
    names = (re.sub(r"[^\w ]*[*?\[].*", "", part) for part in (path.name, *path.parts[-2::-1]))
    return next((name for name in names if name), "files")


def open_source(source: TableSource, separator: str | None = None) -> Source:
    """Opens a table.

    Args:
      source: a path or a pattern of paths, a polars frame (eager or lazy) or a pandas frame, or a
        table that is open; it is only read.
      separator: of a CSV file; None takes it from the file's name (tab for .tsv, .tab and
        RecBole's .inter, .item and .user, otherwise a comma).

    Returns:
      The table, its columns known, no row read.

    Raises:
      DataError: no such file, a folder, an empty file, or one of another kind.
    """
    if isinstance(source, Source):
        return source
    if isinstance(source, pl.DataFrame):
        return _from_frame(source)
    if isinstance(source, pl.LazyFrame):
        return _from_lazy(source)
    if isinstance(source, (str, Path)):
        path = Path(source)
        if is_pattern(path):
            files, first = open_files(path, lambda file: open_source(file, separator))
            return Source(str(path), first.names, files.chunks, files.locate)
        if path.is_dir():
            raise DataError(
                path,
                found="a folder",
                expected=f"a CSV or Parquet file, or a pattern such as '{path}/*.parquet'",
            )
        if not path.exists():
            raise DataError(path, found="no such file", expected="a CSV or Parquet file")
        if path.stat().st_size == 0:
            raise DataError(path, found="an empty file", expected="a header and rows")
        if path.suffix.lower() in (".parquet", ".pq"):
            return _from_parquet(path)
        return _from_csv(path, separator)
    if type(source).__module__.split(".")[0] == "pandas" and hasattr(source, "columns"):
        frame = source
        names = tuple(str(name) for name in frame.columns)
        return Source("frame", names, lambda c, n: _pandas_chunks(frame, c, n))
    raise DataError(
        "table",
        found=type(source).__name__,
        expected="a path, a polars frame or a pandas frame",
    )


def _from_frame(frame: pl.DataFrame) -> Source:
    return Source("frame", tuple(frame.columns), lambda c, n: frame.select(c).iter_slices(n))


def _from_lazy(frame: pl.LazyFrame) -> Source:
    """Streams a query; its result is never held whole."""

    def chunks(columns: Sequence[str], rows: int) -> Iterator[pl.DataFrame]:
        for batch in frame.select(columns).collect_batches(chunk_size=rows, maintain_order=True):
            yield from batch.iter_slices(rows)

    return Source("frame", tuple(frame.collect_schema().names()), chunks)


def _from_parquet(path: Path) -> Source:
    try:
        lazy = pl.scan_parquet(path)
        names = tuple(lazy.collect_schema().names())
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(path, found="no Parquet data", expected="a Parquet file") from error

    def chunks(columns: Sequence[str], rows: int) -> Iterator[pl.DataFrame]:
        start = 0
        while True:
            try:
                chunk = lazy.select(columns).slice(start, rows).collect()
            except (pl.exceptions.PolarsError, OSError) as error:
                raise DataError(
                    path, found="a damaged file", expected="readable Parquet data", row=start + 1
                ) from error
            if chunk.height == 0:
                return
            yield chunk
            start += chunk.height

    return Source(str(path), names, chunks)


def _pandas_chunks(frame: Any, columns: Sequence[str], rows: int) -> Iterator[pl.DataFrame]:
    """Copies slices of a pandas frame; object columns become text, whatever they mix."""
    where = {str(name): at for at, name in enumerate(frame.columns)}
    for start in range(0, len(frame), rows):
        part = frame.iloc[start : start + rows]
        yield pl.DataFrame(
            {name: _pandas_column(name, part.iloc[:, where[name]]) for name in columns}
        )


def _pandas_column(name: str, column: Any) -> pl.Series:
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "iufbM":
        return pl.Series(name, column.to_numpy().copy())
    # nullable integers too: as floats, large ids would be rounded
    cells = [_as_text(value) for value in column.astype(object).to_numpy()]
    return pl.Series(name, cells, dtype=pl.String)


def _as_text(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return None
    if isinstance(value, float):
        if value != value:
            return None
        return str(int(value)) if value.is_integer() else str(value)
    return str(value)


class _CsvFormat(NamedTuple):
    path: Path
    names: tuple[str, ...]
    separator: str
    quote: str | None
    header_end: int  # bytes before the first row

    def parse(self, block: bytes, first_row: int) -> pl.DataFrame:
        """Reads whole lines as text columns; told where in the table they start."""
        try:
            block.decode("utf-8")
        except UnicodeDecodeError as error:
            before = block[: error.start].decode("utf-8")
            rows = sum(1 for _ in self._rows(before + "x"))
            raise DataError(
                self.path,
                found=f"the byte 0x{block[error.start]:02x}",
                expected="UTF-8 text",
                row=first_row + rows - 1,
            ) from error
        try:
            return pl.read_csv(
                io.BytesIO(block),
                has_header=False,
                schema=dict.fromkeys(self.names, pl.String),
                separator=self.separator,
                quote_char=self.quote,
                infer_schema=False,
            )
        except pl.exceptions.NoDataError:
            return pl.DataFrame(schema=dict.fromkeys(self.names, pl.String))
        except pl.exceptions.PolarsError as error:
            for row, fields in enumerate(self._rows(block.decode("utf-8")), start=first_row):
                if len(fields) > len(self.names):
                    raise DataError(
                        self.path,
                        found=f"{len(fields)} fields",
                        expected=f"{len(self.names)} as in the header",
                        row=row,
                    ) from error
            raise DataError(
                self.path,
                found=f"a stray quote in or after row {first_row}",
                expected="fields in double quotes, a quote inside them doubled",
            ) from error

    def _rows(self, text: str) -> Iterator[list[str]]:
        if self.quote is None:
            return (line.split(self.separator) for line in text.splitlines())
        return csv.reader(io.StringIO(text, newline=""), delimiter=self.separator)


def _from_csv(path: Path, separator: str | None) -> Source:
    kind = Path(path.stem).suffix.lower() if path.suffix.lower() == ".gz" else path.suffix.lower()
    quote = None if kind in _UNQUOTED_SUFFIXES else '"'
    separator = separator or ("\t" if kind in _TAB_SUFFIXES else ",")
    with _open(path) as file:
        start = _read(path, file, 1 << 20)
    header_end = _line_end(start, quote)
    try:
        text = start[:header_end].decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise DataError(path, found="a header in another encoding", expected="UTF-8") from error
    form = _CsvFormat(path, (), separator, quote, header_end)
    names = tuple(next(form._rows(text), []))
    if not any(names):
        raise DataError(path, found="no header", expected="column names in the first line")
    others = [other for other in (";", "\t", "|", ",") if other != separator and other in text]
    if len(names) == 1 and others:
        name = _SEPARATOR_NAMES.get(others[0], others[0])
        raise DataError(
            path,
            found=f"the single column {text!r}",
            expected=f"several columns; is the separator {name!r}? "
            f"(--separator {name!r}, in Python: separator={others[0]!r})",
        )
    for name in names:
        if names.count(name) > 1:
            raise DataError(path, found=f"two columns named {name!r}", expected="one of each name")
    form = form._replace(names=names)
    return Source(str(path), names, lambda c, n: _csv_chunks(form, c, n))


def _csv_chunks(form: _CsvFormat, columns: Sequence[str], rows: int) -> Iterator[pl.DataFrame]:
    row, rest = 1, b""
    with _open(form.path) as file:
        _read(form.path, file, form.header_end)
        while True:
            block = _read(form.path, file, rows * _BYTES_PER_ROW)
            rest += block
            end = _last_line_end(rest, form.quote) if block else len(rest)
            if end:
                chunk = form.parse(rest[:end], row)
                row += chunk.height
                rest = rest[end:]
                yield from chunk.select(columns).iter_slices(rows)
            if not block:
                return


def _open(path: Path) -> IO[bytes]:
    try:
        if path.suffix.lower() == ".gz":
            return cast("IO[bytes]", gzip.open(path, "rb"))
        return path.open("rb")
    except OSError as error:
        raise DataError(path, found=str(error.strerror), expected="a readable file") from error


def _read(path: Path, file: IO[bytes], size: int) -> bytes:
    try:
        return file.read(size)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(path, found="a damaged file", expected="gzipped text") from error
    except OSError as error:
        raise DataError(path, found=str(error.strerror), expected="a readable file") from error


def _line_end(block: bytes, quote: str | None) -> int:
    """Returns the end of the first line, or of the block; line ends in quotes don't count."""
    end = block.find(b"\n") + 1
    while quote and end and block.count(b'"', 0, end) % 2:
        end = block.find(b"\n", end) + 1
    return end or len(block)


def _last_line_end(block: bytes, quote: str | None) -> int:
    """Returns where the last whole line ends, 0 for nowhere; line ends in quotes don't count."""
    end = block.rfind(b"\n") + 1
    while quote and end and block.count(b'"', 0, end) % 2:
        end = block.rfind(b"\n", 0, block.rfind(b'"', 0, end)) + 1
    return end
