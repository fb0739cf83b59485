"""Reads the cells of a column, and counts what is wrong with them, so one error can tell it all.

In go cells as the caller wrote them, chunk by chunk; out come ids and labels (text) and numbers,
and in the end a `DataError` that names the first bad row of the whole table, the value found, what
was expected, and how many more rows fail like it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import polars as pl

from tfhrnn.errors import DataError

LISTS: Final = "ids with '|' between them, a list of ids, or nothing"


class _Problem(NamedTuple):
    row: int
    found: str
    rows: int


def show_value(value: object) -> str:
    """Shows a cell in a message: text quoted, long text cut, nothing called nothing.

    >>> show_value("2021-13-01"), show_value(None), show_value(-3)
    ("'2021-13-01'", 'nothing', '-3')
    """
    if value is None:
        return "nothing"
    value = value.to_list() if isinstance(value, pl.Series) else value
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 80 else text[:77] + "..."


class Problems:
    """What is wrong with one table so far.

    Args:
      source: the file, or what to call a frame that came from memory.
      locate: from a row of the table to the file and its row there, for tables of several files.
    """

    def __init__(
        self, source: str | Path, locate: Callable[[int], tuple[str, int]] | None = None
    ) -> None:
        self.source = source
        self._locate = locate
        self._found: dict[tuple[str, str], _Problem] = {}

    def __bool__(self) -> bool:
        return bool(self._found)

    def add(
        self,
        column: str,
        expected: str,
        *,
        bad: pl.Series,
        values: pl.Series,
        rows: pl.Series,
        beside: str = "",
    ) -> None:
        """Notes the bad rows of one chunk.

        Args:
          column: the column's name in the caller's table.
          expected: what was expected instead.
          bad: boolean, `[rows]`; null counts as not bad.
          values: the cells as the caller wrote them, `[rows]`.
          rows: the rows' 1-based numbers in the table, `[rows]`.
          beside: words to put after the value.
        """
        where = bad.fill_null(False).arg_true()
        if len(where) == 0:
            return
        seen = self._found.get((column, expected))
        if seen is not None:
            self._found[column, expected] = seen._replace(rows=seen.rows + len(where))
            return
        at = int(where[0])
        found = show_value(values[at]) + beside
        self._found[column, expected] = _Problem(int(rows[at]), found, len(where))

    def raise_first(self) -> None:
        """Raises the problem that stands first in the table, if there is any.

        Raises:
          DataError: a row could not be read.
        """
        if not self._found:
            return
        (column, expected), problem = min(self._found.items(), key=lambda pair: pair[1].row)
        source, row = self.source, problem.row
        if self._locate is not None:
            source, row = self._locate(row)
        raise DataError(
            source,
            found=problem.found,
            expected=expected,
            row=row,
            column=column,
            more=problem.rows - 1,
        )


def read_ids(cells: pl.Series, problems: Problems, column: str, rows: pl.Series) -> pl.Series:
    """Reads a column of ids as text.

    Args:
      cells: `[rows]` of text, whole numbers, or floats that are whole (1.0 is "1").
      problems: where missing and other ids are noted.
      column: the column's name in the caller's table.
      rows: the rows' 1-based numbers in the table, `[rows]`.

    Returns:
      `[rows]` strings, text kept as it is, spaces included; null where a problem was noted.
    """
    ids, unfit = _texts(cells)
    if not unfit.any():
        empty = ids.is_null() | (ids == "")
        problems.add(column, "an id", bad=empty, values=cells, rows=rows)
    problems.add(column, "an id: text or a whole number", bad=unfit, values=cells, rows=rows)
    return ids


def read_labels(cells: pl.Series, problems: Problems, column: str, rows: pl.Series) -> pl.Series:
    """Reads a column of labels as text, as `read_ids` does ids, but a label may be missing.

    Returns:
      `[rows]` strings, "" where there is none or a problem was noted.
    """
    labels, unfit = _texts(cells)
    expected = "text or a whole number, or nothing where it is unknown"
    problems.add(column, expected, bad=unfit, values=cells, rows=rows)
    return labels.fill_null("")


def _texts(cells: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Cells as text, null where missing, and whether each is neither text nor a whole number."""
    dtype = cells.dtype
    unfit = pl.Series([False], dtype=pl.Boolean).new_from_index(0, len(cells))
    if dtype.is_float():
        whole = cells.floor().cast(pl.Int64, strict=False)
        unfit = (cells.is_not_nan() & ((whole != cells) | whole.is_null())).fill_null(False)
        return whole.cast(pl.String), unfit
    if dtype == pl.String or dtype.is_integer() or isinstance(dtype, (pl.Categorical, pl.Enum)):
        return cells.cast(pl.String), unfit
    return pl.Series([None], dtype=pl.String).new_from_index(0, len(cells)), cells.is_not_null()


def read_lists(
    cells: pl.Series, problems: Problems, column: str, rows: pl.Series, *, most: int
) -> tuple[pl.Series, int]:
    """Reads a column of lists of ids.

    Args:
      cells: `[rows]` of text such as "a|b|c", or of lists; each may be missing.
      problems: where other cells are noted.
      column: the column's name in the caller's table.
      rows: the rows' 1-based numbers in the table, `[rows]`.
      most: ids that are kept of a cell, the first ones.

    Returns:
      `[rows]` lists of strings without repeats or blanks, and how many cells were cut.

    >>> lists, _ = read_lists(
    ...     pl.Series(["a|b|a", None]), Problems("t"), "c", row_numbers(1, 2), most=9
    ... )
    >>> lists.to_list()
    [['a', 'b'], []]
    """
    dtype = cells.dtype
    if isinstance(dtype, pl.List) and (dtype.inner == pl.String or dtype.inner.is_integer()):
        lists = cells.cast(pl.List(pl.String))
    elif isinstance(dtype, pl.List):
        lists = pl.Series([None], dtype=pl.List(pl.String)).new_from_index(0, len(cells))
        problems.add(column, LISTS, bad=cells.list.len() > 0, values=cells, rows=rows)
    else:
        texts, unfit = _texts(cells)
        problems.add(column, LISTS, bad=unfit, values=cells, rows=rows)
        lists = texts.str.split("|")
    blank = pl.element().is_null() | (pl.element() == "")
    lists = lists.list.eval(pl.element().filter(~blank)).list.unique(maintain_order=True)
    empty = pl.Series([[]], dtype=pl.List(pl.String)).new_from_index(0, len(lists))
    lists = lists.zip_with(lists.is_not_null(), empty)
    return lists.list.head(most), int((lists.list.len() > most).sum())


def read_numbers(cells: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Reads a column of numbers.

    Args:
      cells: `[rows]` of numbers, or of text, where an empty one or "nan" is missing.

    Returns:
      Float32 `[rows]`, null or NaN where missing or unreadable, and boolean `[rows]`, true where a
      cell holds something that is no number.

    >>> numbers, unreadable = read_numbers(pl.Series(["4.5", "", None, "good"]))
    >>> numbers.to_list(), unreadable.to_list()
    ([4.5, None, None, None], [False, False, False, True])
    """
    if cells.dtype == pl.String:
        text = cells.str.strip_chars()
        numbers = text.cast(pl.Float64, strict=False)
        missing = text.is_null() | (text == "") | (text.str.to_lowercase() == "nan")
    elif cells.dtype.is_numeric() or cells.dtype in (pl.Boolean, pl.Null):
        numbers = cells.cast(pl.Float64, strict=False)
        missing = cells.is_null()
    else:
        numbers = pl.Series([None], dtype=pl.Float64).new_from_index(0, len(cells))
        missing = cells.is_null()
    return numbers.cast(pl.Float32), numbers.is_null() & ~missing


def check_finite(cells: pl.Series, problems: Problems, column: str, rows: pl.Series) -> pl.Series:
    """Reads a column of numbers that may be missing, but not infinite; see `read_numbers`."""
    numbers, unreadable = read_numbers(cells)
    problems.add(
        column,
        "a finite number, or nothing where it is unknown",
        bad=unreadable | numbers.is_infinite(),
        values=cells,
        rows=rows,
    )
    return numbers


def row_numbers(start: int, rows: int) -> pl.Series:
    """Returns the 1-based numbers of `rows` rows, the first of them `start`."""
    return pl.int_range(start, start + rows, eager=True)
