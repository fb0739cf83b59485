"""Ids stay what they are; problems are counted over all chunks."""

from __future__ import annotations

import polars as pl
import pytest

from tfhrnn.data.cells import Problems, read_ids, read_numbers, row_numbers
from tfhrnn.errors import DataError


def ids_of(cells: pl.Series) -> list[str]:
    problems = Problems("t.csv")
    ids = read_ids(cells, problems, "user_id", row_numbers(1, len(cells)))
    problems.raise_first()
    return ids.to_list()


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (pl.Series(["a,b", ' "q" ', "ü\n", "1.0", "01"]), ["a,b", ' "q" ', "ü\n", "1.0", "01"]),
        (pl.Series([1, -2]), ["1", "-2"]),
        (pl.Series([1.0, 12345678901.0]), ["1", "12345678901"]),
        (pl.Series(["x", "y"], dtype=pl.Categorical), ["x", "y"]),
        (pl.Series([7], dtype=pl.UInt64), ["7"]),
    ],
)
def test_ids_are_kept_as_text(cells: pl.Series, expected: list[str]) -> None:
    assert ids_of(cells) == expected


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (pl.Series(["a", None, "", "b"]), r"row 2, column user_id: got nothing, .* \(1 more row"),
        (pl.Series(["a", ""]), "row 2, column user_id: got ''"),
        (pl.Series([1.0, 1.5]), "row 2, column user_id: got 1.5, expected an id: text or a whole"),
        (pl.Series([1.0, float("nan")]), "row 2, column user_id: got nan, expected an id"),
        (pl.Series([True]), "row 1, column user_id: got True"),
    ],
)
def test_what_is_no_id(cells: pl.Series, message: str) -> None:
    with pytest.raises(DataError, match=message):
        ids_of(cells)


def test_numbers_from_text() -> None:
    numbers, unreadable = read_numbers(pl.Series([" 4 ", "NaN", "", "-1e2", "four"]))
    assert numbers.fill_nan(None).to_list() == [4.0, None, None, -100.0, None]
    assert unreadable.to_list() == [False, False, False, False, True]


def test_dates_are_no_numbers() -> None:
    _, unreadable = read_numbers(pl.Series(["2020-01-01"]).str.to_date())
    assert unreadable.to_list() == [True]


def test_first_problem_of_the_table_wins_and_counts_run_over_chunks() -> None:
    problems = Problems("t.csv")
    for start in (1, 4, 7):
        cells = pl.Series(["x"] * 3)
        rows = row_numbers(start, 3)
        odd = pl.Series([False, True, True])
        problems.add("b", "late", bad=odd, values=cells, rows=rows)
        problems.add("a", "early", bad=~odd, values=cells, rows=rows)
    assert problems
    with pytest.raises(
        DataError, match=r"t\.csv, row 1, column a: got 'x', expected early \(2 more"
    ):
        problems.raise_first()


def test_no_problem_raises_nothing() -> None:
    problems = Problems("t")
    problems.add(
        "a", "b", bad=pl.Series([None, False]), values=pl.Series([1, 2]), rows=row_numbers(1, 2)
    )
    assert not problems
    problems.raise_first()
