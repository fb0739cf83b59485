"""Ids with events and the caller's tables, brought together."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tfhrnn.data.entities import extend_entities, join_items, join_users
from tfhrnn.data.features import FeatureColumn, FeatureSet, FeatureSpec
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


@pytest.mark.parametrize(
    ("columns", "notes"),
    [
        (
            {"session_id": "s"},
            [
                "2 sessions without a user have no features of users",
                "1 users with events are missing from frame: no features",
            ],
        ),
        ({}, ["3 users with events are missing from frame: no features"]),  # ids as any other
    ],
)
def test_sessions_without_a_user_do_not_count_as_missing_users(
    columns: dict[str, str], notes: list[str]
) -> None:
    report = ReadReport("t", columns=columns)
    table = read_table(pl.DataFrame({"user_id": ["a"], "x": [1]}), "user_id", ["x:numeric"])
    frame, features = join_users(["a", "b", "session:1", "session:2"], table, report)
    assert report.notes == notes and frame.height == 4
    again = ReadReport("t", columns=columns)
    extend_entities(frame.head(1), features, frame["user_id"].to_list(), None, again)
    assert again.notes == [
        note.replace("users with events are missing from frame", "new users have no row in a table")
        for note in notes
    ]


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


def test_known_rows_stay_and_told_ones_are_replaced() -> None:
    report = ReadReport("t")
    known = pl.DataFrame({"user_id": ["9", "10"], "job": ["a", "b"], "age": [20, 30]})
    features = FeatureSet(
        (FeatureSpec("job", "categorical", ("a", "b")), FeatureSpec("age", "numeric"))
    )
    given = pl.DataFrame({"user_id": ["10", "7"], "job": ["c", "a"], "age": ["31", "8.5"]})
    table = read_table(given, "user_id", ["job:categorical", "age:numeric"])
    found = extend_entities(known, features, ["7", "8", "9", "10"], table, report)
    # 8.5 is no whole number, so ages are text from here on; they encode alike.
    assert found.rows() == [
        ("7", "a", "8.5"),
        ("8", None, None),
        ("9", "a", "20"),
        ("10", "c", "31"),
    ]
    encoded = features.encode(found)
    np.testing.assert_allclose(encoded[:, 3], [8.5, 0, 20, 31])
    assert report.notes == [
        "1 new users have no row in a table: no features",
        "job of frame: 1 values that the log does not know are ignored, 'c' the first",
    ]


@pytest.mark.parametrize(
    ("known", "new"),
    [
        ([3, 4], [4.0, None]),
        ([3.0, 4.0], [4, None]),
        (["3", "4"], [4, None]),
        ([["3"], ["4"]], ["4", None]),
        (["3", "4"], [["4"], None]),
    ],
)
def test_a_value_is_the_same_in_another_type(known: list[object], new: list[object]) -> None:
    frame = pl.DataFrame({"item_id": ["a", "b"], "kind": known}, strict=False)
    features = FeatureSet.fit((FeatureColumn("kind", "multi-hot"),), frame)
    given = pl.DataFrame({"item_id": ["c", "d"], "kind": new}, strict=False)
    report = ReadReport("t")
    table = read_table(given, features=["kind:multi-hot"])
    found = extend_entities(frame, features, [], table, report)
    assert report.notes == []
    np.testing.assert_array_equal(features.encode(found), [[1, 0], [0, 1], [0, 1], [0, 0]])
