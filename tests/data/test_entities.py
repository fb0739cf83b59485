"""Ids with events and the caller's tables, brought together."""

from __future__ import annotations

import polars as pl

from tfhrnn.data.entities import join_items, join_users
from tfhrnn.data.tables import ReadReport, read_table


def test_without_a_table_there_are_only_ids() -> None:
    report = ReadReport("t")
    frame, features = join_items(["1", "2"], None, report)
    assert frame.rows() == [("1",), ("2",)]
    assert features is None and report.notes == []


def test_cold_items_join_the_natural_order() -> None:
    report = ReadReport("t")
    table = read_table(pl.DataFrame({"item_id": [10, 1, 3], "title": ["X", "I", "III"]}))
    frame, _ = join_items(["3", "20"], table, report)
    assert frame.rows() == [("1", "I"), ("3", "III"), ("10", "X"), ("20", None)]
    assert report.notes == [
        "2 items of frame have no event (cold items)",
        "1 items with events are missing from frame: no features",
    ]


def test_users_without_events_stay_out() -> None:
    report = ReadReport("t")
    table = read_table(pl.DataFrame({"user_id": ["a", "b"], "x": [1, 2]}), "user_id", ["x:numeric"])
    frame, features = join_users(["b"], table, report)
    assert frame.rows() == [("b", 2)]
    assert features is not None and features.specs[0].mean == 2.0  # a's 1 doesn't count


def test_values_that_are_cut_are_told() -> None:
    report = ReadReport("t")
    users = [str(n) for n in range(257)]
    table = read_table(
        pl.DataFrame({"user_id": users, "job": users}), "user_id", ["job:categorical"]
    )
    join_users(users, table, report)
    assert report.notes == [
        "job of frame: the 255 most common values are kept, 2 rarer ones count as unknown"
    ]
