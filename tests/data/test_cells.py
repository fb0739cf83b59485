"""Ids stay what they are; problems are counted over all chunks."""

from __future__ import annotations

import math

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfhrnn.data.cells import (
    LISTS,
    Problems,
    check_finite,
    read_ids,
    read_labels,
    read_lists,
    read_numbers,
    row_numbers,
    show_value,
)
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


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "nothing"),
        ("", "''"),
        (3, "3"),
        (pl.Series([1, 2]), "[1, 2]"),
        ("x" * 78, repr("x" * 78)),  # 80 with its quotes
        ("x" * 79, "'" + "x" * 76 + "..."),
    ],
)
def test_a_value_is_shown_as_it_was_and_a_long_one_cut(value: object, shown: str) -> None:
    assert show_value(value) == shown and len(show_value(value)) <= 80


def test_words_may_stand_behind_the_value() -> None:
    problems = Problems("t")
    values = pl.Series(["x"])
    problems.add(
        "a", "b", bad=pl.Series([True]), values=values, rows=row_numbers(5, 1), beside=" of y"
    )
    with pytest.raises(DataError, match="t, row 5, column a: got 'x' of y, expected b"):
        problems.raise_first()


def test_a_row_of_several_files_is_told_by_its_own_file() -> None:
    problems = Problems("t-*.csv", lambda row: (f"t-{row // 10}.csv", row % 10))
    problems.add(
        "a", "b", bad=pl.Series([False, True]), values=pl.Series([1, 2]), rows=row_numbers(26, 2)
    )
    with pytest.raises(DataError, match=r"t-2\.csv, row 7, column a: got 2, expected b"):
        problems.raise_first()


def labels_of(cells: pl.Series) -> list[str]:
    problems = Problems("t.csv")
    labels = read_labels(cells, problems, "event_type", row_numbers(1, len(cells)))
    problems.raise_first()
    return labels.to_list()


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (pl.Series(["buy", None, "", " view "]), ["buy", "", "", " view "]),
        (pl.Series([1, None]), ["1", ""]),
        (pl.Series([2.0, None, math.nan]), ["2", "", ""]),
        (pl.Series([None, None]), ["", ""]),
    ],
)
def test_labels_may_be_missing(cells: pl.Series, expected: list[str]) -> None:
    assert labels_of(cells) == expected


@pytest.mark.parametrize(
    "cells", [pl.Series([0.5]), pl.Series([True]), pl.Series([math.inf]), pl.Series([["a"]])]
)
def test_what_is_no_label(cells: pl.Series) -> None:
    with pytest.raises(DataError, match="expected text or a whole number, or nothing where it is"):
        labels_of(cells)


def lists_of(cells: pl.Series, most: int = 9) -> tuple[list[list[str]], int]:
    problems = Problems("t.csv")
    lists, cut = read_lists(cells, problems, "shown", row_numbers(1, len(cells)), most=most)
    problems.raise_first()
    return lists.to_list(), cut


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (pl.Series(["a|b", "a||b|a", "", None]), [["a", "b"], ["a", "b"], [], []]),
        (pl.Series([["a", "b"], ["", None, "a"], None, []]), [["a", "b"], ["a"], [], []]),
        (pl.Series([[1, 2, 1], [3]]), [["1", "2"], ["3"]]),
        (pl.Series([7, None]), [["7"], []]),
        (pl.Series([None, None]), [[], []]),
    ],
)
def test_lists_are_text_with_bars_or_lists(cells: pl.Series, expected: list[list[str]]) -> None:
    assert lists_of(cells) == (expected, 0)


def test_lists_are_cut_to_the_first_ids_and_cuts_are_counted() -> None:
    cells = pl.Series(["a|b|c", "a|a|b", "c"])
    assert lists_of(cells, most=2) == ([["a", "b"], ["a", "b"], ["c"]], 1)
    assert lists_of(cells, most=0) == ([[], [], []], 3)


@pytest.mark.parametrize("cells", [pl.Series([[0.5]]), pl.Series([1.5]), pl.Series([[["a"]]])])
def test_what_is_no_list_of_ids(cells: pl.Series) -> None:
    with pytest.raises(DataError) as caught:
        lists_of(cells)
    assert LISTS in str(caught.value)


@given(st.lists(st.none() | st.lists(st.none() | st.sampled_from(["", "a", "b", "c"]), max_size=5)))
def test_lists_keep_each_id_once_in_its_first_place(cells: list[list[str | None] | None]) -> None:
    found, cut = lists_of(pl.Series(cells, dtype=pl.List(pl.String)), most=2)
    wanted = [list(dict.fromkeys(one for one in cell or () if one)) for cell in cells]
    assert found == [one[:2] for one in wanted]
    assert cut == sum(len(one) > 2 for one in wanted)


@given(
    st.lists(
        st.none() | st.floats(-(2.0**99), 2.0**99, allow_subnormal=False, width=32), min_size=1
    )
)
def test_numbers_read_the_same_from_text_and_as_numbers(values: list[float | None]) -> None:
    as_text = pl.Series([None if v is None else f" {v!r} " for v in values], dtype=pl.String)
    for cells in (pl.Series(values, dtype=pl.Float64), as_text):
        numbers, unreadable = read_numbers(cells)
        assert numbers.dtype == pl.Float32 and not unreadable.any()
        assert numbers.to_list() == values


def test_infinite_and_unreadable_numbers_are_told_and_missing_ones_are_not() -> None:
    problems = Problems("t.csv")
    cells = pl.Series(["1", "", "nan", None, "inf", "x"])
    check_finite(cells, problems, "feedback", row_numbers(1, 6))
    with pytest.raises(
        DataError,
        match=r"row 5, column feedback: got 'inf', expected a finite number.*\(1 more row",
    ):
        problems.raise_first()
    fine = Problems("t.csv")
    found = check_finite(pl.Series([1.0, None, math.nan]), fine, "feedback", row_numbers(1, 3))
    assert not fine and found[0] == 1 and found[1] is None and math.isnan(found[2])


def test_rows_are_numbered_from_their_start() -> None:
    assert row_numbers(3, 4).to_list() == [3, 4, 5, 6]
    assert row_numbers(1, 0).to_list() == []
