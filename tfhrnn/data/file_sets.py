"""Several files as one table: `part-*.parquet`.

In goes a pattern; out comes the files' rows in the natural order of their names (part-2 before
part-10), a chunk at a time. All files need the same columns, in any order. A row is told by its
file and its number there.
"""

from __future__ import annotations

import glob
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tfhrnn.errors import DataError

if TYPE_CHECKING:
    import polars as pl

    from tfhrnn.data.sources import Source


def is_pattern(path: Path) -> bool:
    """Whether a path is a pattern rather than the name of a file that is there."""
    return glob.has_magic(str(path)) and not path.exists()


def matching_files(pattern: Path) -> list[Path]:
    """Files that a pattern matches, in the natural order of their paths; "**" is any folders.

    Raises:
      DataError: there is none.
    """
    found = [Path(name) for name in glob.glob(str(pattern), recursive=True)]
    files = sorted((path for path in found if path.is_file()), key=_natural)
    if not files:
        raise DataError(pattern, found="no such file", expected="files that match the pattern")
    return files


def _natural(path: Path) -> list[tuple[int, int | str]]:
    # every other part is a number, so that parts in one place are of one kind
    parts = re.split(r"(\d+)", str(path))
    return [(1, int(part)) if at % 2 else (0, part) for at, part in enumerate(parts)]


class FileSet:
    """Tables of the same columns, one after the other.

    Args:
      tables: at least one.

    Raises:
      DataError: one lacks a column of the first, or has another one.
    """

    def __init__(self, tables: Sequence[Source]) -> None:
        first, *others = tables
        for table in others:
            missing = [name for name in first.names if name not in table.names]
            further = [name for name in table.names if name not in first.names]
            if missing or further:
                found = f"no column {missing[0]!r}" if missing else f"the column {further[0]!r} too"
                raise DataError(
                    table.label,
                    found=f"{found} (there are: {', '.join(table.names)})",
                    expected=f"the columns of {first.label}: {', '.join(first.names)}",
                )
        self._tables = tables
        self._starts: list[int] = []  # rows before each table that was begun

    def chunks(self, columns: Sequence[str], rows: int) -> Iterator[pl.DataFrame]:
        """Yields the tables' chunks; files without rows have none."""
        self._starts, before = [], 0
        for table in self._tables:
            self._starts.append(before)
            for chunk in table.chunks(columns, rows):
                before += chunk.height
                yield chunk

    def locate(self, row: int) -> tuple[str, int]:
        """Says in which file a row of the whole stands, and where there, counted from 1."""
        at = bisect_right(self._starts, row - 1) - 1
        return self._tables[at].label, row - self._starts[at]


def open_files(pattern: Path, open_file: Callable[[Path], Source]) -> tuple[FileSet, Source]:
    """Opens all files that a pattern matches.

    Args:
      pattern: such as "data/part-*.parquet".
      open_file: opens one.

    Returns:
      The set, and its first file.

    Raises:
      DataError: no file, or one that can't be opened or has other columns.
    """
    tables = [open_file(path) for path in matching_files(pattern)]
    return FileSet(tables), tables[0]
