"""Scratch files go, provisional numbers don't show."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tfhrnn.data.encoding import encode_events
from tfhrnn.data.tables import read_interactions


@pytest.mark.parametrize("chunk_rows", [1, 3, 1000])
def test_indices_do_not_depend_on_chunks(tmp_path: Path, chunk_rows: int) -> None:
    draw = np.random.default_rng(0)
    user, item = draw.integers(0, 7, 200), draw.integers(0, 11, 200)
    time = draw.integers(0, 30, 200)
    frame = pl.DataFrame({"user": user, "item": item, "time": time})
    reader = read_interactions(frame, chunk_rows=chunk_rows)
    events = encode_events(reader, tmp_path, keep_duplicates=True)
    order = np.lexsort((np.arange(200), time, user))
    assert events.user_ids == [str(u) for u in range(7)]
    np.testing.assert_array_equal(events.item, item[order])
    np.testing.assert_array_equal(events.time, time[order])
    np.testing.assert_array_equal(np.diff(events.offsets), np.bincount(user))
    assert list(tmp_path.iterdir()) == []


def test_duplicates_match_a_plain_count(tmp_path: Path) -> None:
    draw = np.random.default_rng(1)
    columns = {name: draw.integers(0, 4, 500) for name in ("user", "item", "time", "rating")}
    frame = pl.DataFrame(columns)
    events = encode_events(read_interactions(frame, chunk_rows=50), tmp_path)
    assert events.dropped == 500 - frame.unique().height
    assert len(events.item) == frame.unique().height


def test_minus_zero_and_zero_are_the_same_feedback(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "user": ["a", "a", "b"],
            "item": ["x", "x", "y"],
            "time": [1, 1, 1],
            "rating": [0.0, -0.0, 1],
        }
    )
    assert encode_events(read_interactions(frame), tmp_path).dropped == 1
