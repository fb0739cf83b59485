"""Scratch files go, provisional numbers don't show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tfhrnn.data import disk_arrays, sorting
from tfhrnn.data.encoding import MAX_EVENT_TYPES, encode_events
from tfhrnn.data.tables import read_interactions
from tfhrnn.errors import DataError


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


@pytest.mark.parametrize("keep_duplicates", [True, False])
@pytest.mark.parametrize("part_events", [1, 7, 60])
def test_events_do_not_depend_on_the_parts_that_are_sorted(
    tmp_path: Path, part_events: int, keep_duplicates: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sorting, "slices", lambda length: disk_arrays.slices(length, 13))
    draw = np.random.default_rng(3)
    columns = {
        "user": draw.integers(0, 12, 300),
        "item": draw.integers(0, 3, 300),
        "time": draw.integers(0, 4, 300),
        "rating": draw.integers(0, 2, 300),
        "event_type": draw.choice(["a", "b", "c"], 300),
    }
    frame = pl.DataFrame(columns)
    before = list(read_interactions(frame.head(40)))
    options: dict[str, Any] = {"before": before, "keep_duplicates": keep_duplicates}
    readers = [read_interactions(frame[40:], chunk_rows=50) for _ in range(2)]
    whole = encode_events(readers[0], tmp_path, **options)
    parts = encode_events(readers[1], tmp_path, **options, part_events=part_events)
    for name, expected in whole._asdict().items():
        np.testing.assert_array_equal(getattr(parts, name), expected)
    assert readers[0].report == readers[1].report
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


@pytest.mark.parametrize("chunk_rows", [1, 3, 1000])
def test_event_types_are_numbered_in_natural_order(tmp_path: Path, chunk_rows: int) -> None:
    names = np.array(["", "10", "9", "2"])  # as whole numbers: 2, 9, 10
    draw = np.random.default_rng(2).integers(0, 4, 50)
    frame = pl.DataFrame({"user": [n % 2 for n in range(50)], "item": range(50), "time": range(50)})
    typed = frame.with_columns(pl.Series("event_type", names[draw]))
    reader = read_interactions(typed, chunk_rows=chunk_rows)
    events = encode_events(reader, tmp_path)
    assert events.event_types == ["2", "9", "10"] and events.event_type.dtype == np.int16
    order = np.lexsort((np.arange(50), np.arange(50) % 2))
    np.testing.assert_array_equal(events.event_type, np.array([0, 3, 2, 1])[draw][order])
    bare = encode_events(read_interactions(frame), tmp_path)
    assert bare.event_types == [] and not bare.event_type.any()


def test_rows_that_differ_in_their_event_type_alone_both_stay(tmp_path: Path) -> None:
    frame = pl.DataFrame({"user": list("aaab"), "item": list("xxxy"), "time": [1] * 4})
    typed = frame.with_columns(pl.Series("event_type", ["view", "buy", "view", None]))
    events = encode_events(read_interactions(typed), tmp_path)
    assert (events.dropped, events.event_type.tolist()) == (1, [2, 1, 0])
    assert encode_events(read_interactions(frame), tmp_path).dropped == 2


def test_a_column_of_ids_is_no_column_of_event_types(tmp_path: Path) -> None:
    rows = range(MAX_EVENT_TYPES + 1)
    frame = pl.DataFrame({"user": rows, "item": rows, "time": rows, "session": rows})
    reader = read_interactions(frame, columns={"event_type": "session"})
    with pytest.raises(DataError, match="column session: got more than 1,000 different values"):
        encode_events(reader, tmp_path)
    few = read_interactions(frame[:-1], columns={"event_type": "session"})
    assert len(encode_events(few, tmp_path).event_types) == MAX_EVENT_TYPES
