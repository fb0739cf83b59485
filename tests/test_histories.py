"""Histories from a log, a table or plain lists, and the padded arrays they become."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfhrnn.data.event_log import EventLog
from tfhrnn.data.facts import TrainingFacts
from tfhrnn.data.features import FeatureColumn, FeatureSpec
from tfhrnn.errors import DataError
from tfhrnn.histories import Histories

FACTS = TrainingFacts(
    item_features=np.zeros((3, 0), np.float32),
    item_counts=np.ones(3, np.int64),
    feedback_mean=0.0,
    feedback_std=1.0,
    first_time=0,
    last_time=1000,
    median_gap=10,
    user_width=0,
    seen_bias=0.0,
)
AGE = FeatureSpec("age", "numeric")
GROUP = FeatureSpec("group", "categorical", ("a", "b"))
TAGS = FeatureSpec("tags", "multi-hot", ("x", "y"), separator=";")


def test_lists_without_times_stand_a_median_gap_apart_and_end_with_the_data() -> None:
    histories = Histories.from_lists([["a", "b", "c"], [], ["a"]], FACTS)
    assert histories.times == [[980, 990, 1000], [], [1000]]
    assert np.isnan(histories.feedback[0]).all()
    assert histories.names == ["0", "1", "2"]
    assert histories.last_times.tolist() == [1000, 0, 1000]
    assert len(histories) == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"times": [[1], [2, 3]]}, "history, row 2, column times: got 2 values, expected 1"),
        ({"feedback": [[], [1.0]]}, "history, row 1, column feedback: got 0 values, expected 1"),
        (
            {"event_types": [["view"], ["view", ""]]},
            "history, row 2, column event_types: got 2 values, expected 1",
        ),
        ({"times": [[1]]}, "history, column times: got 1 lists, expected 2, one a history"),
    ],
)
def test_lists_of_unlike_lengths_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError) as caught:
        Histories.from_lists([["a"], ["b"]], FACTS, **options)
    assert str(caught.value) == message


def test_feedback_of_lists_may_be_unknown_but_not_endless() -> None:
    given: list[Any] = [[4, None, float("nan"), "2.5"]]
    found = Histories.from_lists([list("abcd")], FACTS, feedback=given)
    np.testing.assert_array_equal(found.feedback, [[4.0, np.nan, np.nan, 2.5]])
    refused: list[Any] = ["good", float("inf"), []]
    for bad in refused:
        with pytest.raises(DataError) as caught:
            Histories.from_lists([["a"], ["b"]], FACTS, feedback=[[1.0], [bad]])
        expected = "a finite number, or None where unknown"
        message = f"history, row 2, column feedback: got {bad!r}, expected {expected}"
        assert str(caught.value) == message


def test_a_text_is_no_list_of_ids() -> None:
    with pytest.raises(DataError, match="history, row 1: got 'abc', expected a list of ids"):
        Histories.from_lists(["abc"], FACTS)


def test_a_log_gives_whole_histories_or_their_beginnings(
    tiny_log: EventLog, tiny_tables: dict[str, pl.DataFrame]
) -> None:
    table = tiny_tables["interactions"]
    user = tiny_log.user_ids[3]
    rows = table.filter(pl.col("user_id") == user)
    histories = Histories.from_log(tiny_log, [3, 3, 3, 3], [0, 1, 2, 10_000])
    for row, length in enumerate((0, 1, 2, rows.height)):
        assert list(histories.items[row]) == rows["item_id"].to_list()[:length]
        assert list(histories.times[row]) == rows["timestamp"].to_list()[:length]
        assert list(histories.feedback[row]) == rows["feedback"].to_list()[:length]
    assert list(histories.names) == [user] * 4
    assert histories.user_columns["age"] == [20 + int(user[1:])] * 4
    assert list(Histories.from_log(tiny_log, [3]).items[0]) == rows["item_id"].to_list()


def test_a_table_gives_a_history_a_user_in_order_of_first_appearance() -> None:
    table = pl.DataFrame(
        {
            "user_id": ["late", "early", "late", "early", "late"],
            "item_id": ["1", "2", "3", "4", "5"],
            "timestamp": [900, 50, 800, 50, 900],
        }
    )
    histories = Histories.from_table(table, user_columns={"age": [1, 2]})
    assert list(histories.names) == ["late", "early"]
    assert list(histories.items) == [["3", "1", "5"], ["2", "4"]]  # equal times in row order
    assert list(histories.times) == [[800, 900, 900], [50, 50]]
    assert np.isnan(histories.feedback[0]).all()
    assert histories.user_columns == {"age": [1, 2]}
    assert table["item_id"].to_list() == ["1", "2", "3", "4", "5"]


def test_a_table_is_read_by_stated_columns_then_by_those_of_the_training_tables() -> None:
    table = pl.DataFrame({"who": ["a"], "what": ["1"], "sku": ["2"], "at": [5]})
    known = {"user_id": "who", "item_id": "what", "timestamp": "at", "feedback": "stars"}
    assert Histories.from_table(table, known=known).items == [["1"]]
    assert Histories.from_table(table, columns={"item_id": "sku"}, known=known).items == [["2"]]
    with pytest.raises(DataError, match="no column for user_id"):
        Histories.from_table(table)


def test_arrays_are_padded_at_the_end() -> None:
    histories = Histories(["0", "1"], [["é, b", "c"], []], [[5, 6], []], [[1.0, np.nan], []])
    arrays = histories.inputs(query_time=np.array([7, 8]), with_feedback=True)
    assert arrays["history"].tolist() == [["é, b", "c"], ["", ""]]
    assert arrays["times"].tolist() == [[5, 6], [0, 0]]
    np.testing.assert_array_equal(arrays["feedback"], [[1, np.nan], [np.nan, np.nan]])
    assert arrays["query_time"].tolist() == [7, 8]
    assert arrays["times"].dtype == arrays["query_time"].dtype == np.int64


def test_feedback_is_left_out_where_it_is_not_read() -> None:
    histories = Histories(["0"], [["a"]], [[5]], [[1.0]])
    assert "feedback" not in histories.inputs(query_time=np.array([7]))


def test_event_types_come_from_logs_tables_and_lists(typed_log: EventLog) -> None:
    assert Histories.from_lists([["a"]], FACTS).event_types is None
    lists = Histories.from_lists([["a", "b"], []], FACTS, event_types=[["view, é", None], []])
    assert lists.event_types == [["view, é", ""], []]
    arrays = lists.inputs(query_time=np.array([7, 8]), with_event_types=True)
    assert arrays["event_types"].tolist() == [["view, é", ""], ["", ""]]
    log = Histories.from_log(typed_log, [3, 3, 5], [4, 0, 2])
    names = ["", *typed_log.event_types]
    begin = int(typed_log.offsets[3])
    wanted = [names[at] for at in typed_log.event_type[begin : begin + 4]]
    assert log.event_types is not None and list(log.event_types[:2]) == [wanted, []]
    table = pl.DataFrame(
        {
            "user": ["a", "a"],
            "item": ["x", "y"],
            "time": [9, 5],
            "EVENT_TYPE": [None, "view"],
        }
    )
    assert Histories.from_table(table).event_types == [["view", ""]]


def test_event_types_are_left_out_where_they_are_not_read_and_unknown_where_not_given() -> None:
    histories = Histories(["0"], [["a"]], [[5]], [[1.0]])
    assert "event_types" not in histories.inputs(query_time=np.array([7]))
    arrays = histories.inputs(query_time=np.array([7]), with_event_types=True)
    assert arrays["event_types"].tolist() == [[""]]


@pytest.mark.parametrize("events", [0, 2, 9])
def test_the_last_events_are_cut_alike(events: int) -> None:
    items = [["a", "b", "c"], ["d"], []]
    whole = Histories.from_lists(items, FACTS, event_types=items)
    last = whole.last(events)
    wanted = [["a", "b", "c"][3 - min(events, 3) :], ["d"][: min(events, 1)], []]
    assert last.items == last.event_types == wanted
    assert [len(row) for row in last.times] == [len(row) for row in last.feedback]
    assert events == 0 or last.last_times.tolist() == whole.last_times.tolist()
    assert last.names == whole.names and Histories([], [], [], []).last(1).event_types is None


def test_user_features_are_raw_values_and_missing_ones_unknown() -> None:
    columns: dict[str, list[Any]] = {
        "age": [31, None, "7.5", ""],
        "tags": [["x", "y"], "x;y", None, ()],
    }
    histories = Histories([""] * 4, [[]] * 4, [[]] * 4, [[]] * 4, columns)
    arrays = histories.inputs([AGE, GROUP, TAGS], query_time=np.zeros(4, np.int64))
    np.testing.assert_array_equal(arrays["user_age"], [31, np.nan, 7.5, np.nan])
    assert arrays["user_group"].tolist() == [""] * 4
    assert arrays["user_tags"].tolist() == ["x;y", "x;y", "", ""]
    assert arrays["history"].shape == (4, 0)


def test_user_features_that_cannot_be_are_named() -> None:
    histories = Histories(["0"], [[]], [[]], [[]], {"age": ["old"]})
    with pytest.raises(DataError) as caught:
        histories.inputs([AGE], query_time=np.array([0]))
    assert str(caught.value) == "user features, row 1, column age: got 'old', expected a number"
    histories = Histories(["0"], [[]], [[]], [[]], {"age": [1, 2]})
    with pytest.raises(DataError, match="column age: got 2 values, expected 1, one a history"):
        histories.inputs([AGE], query_time=np.array([0]))


def test_truth_values_are_written_as_the_vocabulary_has_them() -> None:
    columns: dict[str, list[Any]] = {"group": [True, False, np.True_, "True"]}
    histories = Histories([""] * 4, [[]] * 4, [[]] * 4, [[]] * 4, columns)
    arrays = histories.inputs([GROUP], query_time=np.zeros(4, np.int64))
    assert arrays["user_group"].tolist() == ["true", "false", "true", "True"]
    fitted = FeatureSpec.fit(FeatureColumn("group", "categorical"), pl.Series([True, False]))
    assert fitted.vocabulary == ("false", "true")


EVENTS = st.tuples(
    st.text(min_size=1, max_size=4),
    st.integers(-(2**40), 2**40),
    st.floats(width=32, allow_nan=True, allow_infinity=False),
)


@given(st.lists(st.lists(EVENTS, max_size=6), max_size=6))
def test_padding_keeps_every_event_and_fills_what_is_left(
    users: list[list[tuple[str, int, float]]],
) -> None:
    items = [[item for item, _, _ in user] for user in users]
    times = [[time for _, time, _ in user] for user in users]
    feedback = [[value for _, _, value in user] for user in users]
    query = np.arange(len(users), dtype=np.int64)
    arrays = Histories([""] * len(users), items, times, feedback).inputs(
        query_time=query, with_feedback=True
    )
    width = max((len(user) for user in users), default=0)
    parts: list[tuple[str, list[Any], object]] = [
        ("history", items, ""),
        ("times", times, 0),
        ("feedback", feedback, np.nan),
    ]
    for name, lists, filler in parts:
        assert arrays[name].shape == (len(users), width)
        for row, values in enumerate(lists):
            np.testing.assert_array_equal(arrays[name][row, : len(values)].tolist(), values)
            rest = arrays[name][row, len(values) :].tolist()
            np.testing.assert_array_equal(rest, [filler] * (width - len(values)))
    assert arrays["query_time"].tolist() == query.tolist()


@given(st.lists(st.integers(0, 6), max_size=5), st.integers(0, 10**6), st.integers(0, 10**9))
def test_times_that_were_left_out_end_with_the_data_and_rise_by_the_median_gap(
    lengths: list[int], gap: int, end: int
) -> None:
    facts = dataclasses.replace(FACTS, median_gap=gap, last_time=end)
    histories = Histories.from_lists([["x"] * length for length in lengths], facts)
    for length, times in zip(lengths, histories.times, strict=True):
        assert len(times) == length
        assert not length or times[-1] == end
        assert np.diff(times).tolist() == [gap] * max(0, length - 1)
