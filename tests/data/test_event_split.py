"""Splits of events: counts from plain loops, what becomes of ties, and the file."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfhrnn.data.event_split import (
    read_event_split,
    split_last,
    split_leave_one_out,
    split_time,
    write_event_split,
)
from tfhrnn.data.split import Part
from tfhrnn.errors import DataError, RunError

SIZES = st.lists(st.integers(0, 60), min_size=1, max_size=12)


def offsets_of(sizes: list[int]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def pieces(parts: np.ndarray, sizes: list[int]) -> list[list[int]]:
    return [piece.tolist() for piece in np.split(parts, np.cumsum(sizes)[:-1])]


@settings(deadline=None)
@given(SIZES, st.integers(1, 19))
def test_the_last_share_of_each_user_is_held_out(sizes: list[int], twentieths: int) -> None:
    share = Fraction(twentieths, 20)
    parts = split_last(offsets_of(sizes), twentieths / 20)
    assert parts.dtype == np.int8
    for size, found in zip(sizes, pieces(parts, sizes), strict=True):
        # Exact fractions, so that a tenth of 30 is 3 and not the ceiling of 3.0000000000000004.
        test = min(math.ceil(share * size), max(size - 1, 0))
        rest = size - test
        validation = min(math.ceil(share * rest), max(rest - 1, 0))
        assert found == [0] * (rest - validation) + [1] * validation + [2] * test
        assert size == 0 or found[0] == Part.TRAIN


@given(SIZES)
def test_leave_one_out_holds_out_one_event_each(sizes: list[int]) -> None:
    found = pieces(split_leave_one_out(offsets_of(sizes)), sizes)
    for size, parts in zip(sizes, found, strict=True):
        held_out = {0: [], 1: [], 2: [2]}.get(size, [1, 2])
        assert parts == [0] * (size - len(held_out)) + held_out


@settings(deadline=None)
@given(st.lists(st.integers(0, 12), min_size=2, max_size=40), st.integers(1, 9))
def test_a_point_of_time_keeps_equal_times_together(times: list[int], tenths: int) -> None:
    time = np.array(times)
    parts = split_time(time, tenths / 10)
    test = time[parts == Part.TEST]
    # At least the share is test, and without its earliest second it would be less.
    assert len(test) >= math.ceil(Fraction(tenths, 10) * len(time))
    assert (test > test.min()).sum() < math.ceil(Fraction(tenths, 10) * len(time))
    for part, later in ((Part.TRAIN, Part.VALIDATION), (Part.VALIDATION, Part.TEST)):
        earlier, after = time[parts == part], time[parts == later]
        assert not len(earlier) or not len(after) or earlier.max() < after.min()
    before = time[parts != Part.TEST]
    if len(set(before.tolist())) > 1:
        assert (parts == Part.TRAIN).any()


def test_a_stated_point_is_itself_test() -> None:
    time = np.array([5, 6, 7, 7, 8, 3])
    assert split_time(time, point=7).tolist() == [0, 1, 2, 2, 2, 0]
    assert (split_time(time, point=9) != Part.TEST).all()


def test_a_split_survives_its_file_in_any_order_of_rows(tmp_path: Path) -> None:
    path, ids, offsets = tmp_path / "split.parquet", ["a,", "b", "c", "d"], offsets_of([5, 1, 3, 2])
    parts = split_leave_one_out(offsets)
    write_event_split(path, ids, offsets, parts)
    frame = pl.read_parquet(path)
    assert frame.rows() == [("a,", 3, 1, 1), ("b", 1, 0, 0), ("c", 1, 1, 1), ("d", 1, 0, 1)]
    frame.reverse().write_parquet(path)
    np.testing.assert_array_equal(read_event_split(path, ids, offsets), parts)
    assert read_event_split(path, ids, offsets).dtype == np.int8


def test_splits_that_do_not_fit_are_named(tmp_path: Path) -> None:
    path = tmp_path / "split.parquet"
    write_event_split(path, ["a", "b"], np.array([0, 3, 5]), np.array([0, 1, 2, 0, 2], np.int8))
    with pytest.raises(DataError, match=r"got 2 events of the user 'b', expected 3, .*1 more row"):
        read_event_split(path, ["a", "b", "c"], np.array([0, 3, 6, 8]))
    pl.DataFrame({"user_id": ["a"], "part": ["train"]}).write_parquet(path)
    for place in (path, tmp_path / "none.parquet"):
        with pytest.raises(RunError, match="got no split of events, expected Parquet with user_id"):
            read_event_split(place, ["a"], np.array([0, 3]))
    with pytest.raises(RunError, match="could not be written"):
        write_event_split(tmp_path / "no" / "x", ["a"], np.array([0, 1]), np.zeros(1, np.int8))
