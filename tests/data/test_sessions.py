"""Gaps, levels and thresholds on worlds small enough to count."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfhrnn.data.event_log import write_event_log
from tfhrnn.data.sessions import (
    DEFAULT_THRESHOLDS,
    UNITS,
    check_thresholds,
    gap_levels,
    gap_quantiles,
    gaps,
    level_shares,
    propose_thresholds,
    start_level,
)
from tfhrnn.errors import ConfigError


@given(st.lists(st.integers(0, 10**7)), st.sets(st.integers(1, 10**6), max_size=5))
def test_a_level_counts_the_thresholds_not_above_the_gap(values: list[int], cuts: set[int]) -> None:
    thresholds = tuple(sorted(cuts))
    expected = [sum(gap >= threshold for threshold in thresholds) for gap in values]
    assert gap_levels(values, thresholds).tolist() == expected
    assert start_level(thresholds) == len(thresholds) + 1


def test_levels_keep_the_shape() -> None:
    assert gap_levels(np.zeros((2, 3)), DEFAULT_THRESHOLDS).shape == (2, 3)
    assert gap_levels(60, DEFAULT_THRESHOLDS).shape == ()


def test_gaps_stay_within_users(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "user": ["a", "a", "b", "c", "c", "c"],
            "item": list("xyzxyz"),
            "time": [1, 5, 9, 7, 7, 107],
        }
    )
    assert gaps(write_event_log(frame, tmp_path / "log")).tolist() == [4, 0, 100]


def test_no_gaps_at_all(tmp_path: Path) -> None:
    frame = pl.DataFrame({"user": ["a", "b"], "item": ["x", "y"], "time": [1, 2]})
    gap = gaps(write_event_log(frame, tmp_path / "log"))
    assert gap.tolist() == []
    assert gap_quantiles(gap) == {}
    assert level_shares(gap, (60,)).tolist() == [0, 0]
    assert propose_thresholds(gap) == DEFAULT_THRESHOLDS


def test_the_break_lies_where_gaps_are_fewest() -> None:
    # bursts of 10 s, pauses of 3 days, and a few gaps around 5 min, 30 min and 1 h, none at 6 h
    values = [10] * 50 + [300] * 5 + [1800] * 5 + [3600] * 5 + [259_200] * 20
    assert propose_thresholds(values, 2) == (21_600,)


def test_the_fullest_level_is_split_most_evenly() -> None:
    values = [0] * 40 + [45] * 40 + [200] * 10 + [10**6] * 10
    # the break: no gap near 30 min, 1 h, 6 h or a day; the shortest of them
    # below it 90 gaps, split 40 : 50 at 30 s or 80 : 10 at 1 min; then 50 split 40 : 10 at 1 min
    assert propose_thresholds(values, 3) == (30, 1800)
    assert propose_thresholds(values, 4) == (30, 60, 1800)


@pytest.mark.parametrize("values", [[0] * 10, [0], [7] * 5, [10**8] * 3])
def test_gaps_that_ask_for_nothing_get_the_defaults(values: list[int]) -> None:
    assert propose_thresholds(values) == DEFAULT_THRESHOLDS


@given(st.lists(st.integers(0, 10**8), max_size=40), st.integers(2, 10))
def test_proposals_rise_and_come_from_the_units(values: list[int], levels: int) -> None:
    thresholds = propose_thresholds(values, levels)
    assert len(thresholds) == levels - 1
    assert set(thresholds) <= set(UNITS)
    assert check_thresholds(thresholds) == thresholds


@pytest.mark.parametrize("levels", [1, 11])
def test_levels_out_of_range(levels: int) -> None:
    with pytest.raises(ConfigError, match=f"got {levels}, expected 2 to 10"):
        propose_thresholds([1], levels)


@pytest.mark.parametrize("bad", [(60, 60), (3600, 60), (0, 60), (1.5,), (-1,), (True,)])
def test_thresholds_that_cannot_be(bad: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match="expected whole seconds above 0, rising"):
        check_thresholds(bad)
