"""Histories from a log, a table or plain lists, and the padded arrays they become."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from tfhrnn.data.event_log import EventLog
from tfhrnn.data.facts import TrainingFacts
from tfhrnn.data.features import FeatureSpec
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
        ({"times": [[1]]}, "history, column times: got 1 lists, expected 2, one a history"),
    ],
)
def test_lists_of_unlike_lengths_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError) as caught:
        Histories.from_lists([["a"], ["b"]], FACTS, **options)
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


def test_arrays_are_padded_at_the_end() -> None:
    histories = Histories(["0", "1"], [["é, b", "c"], []], [[5, 6], []], [[1.0, np.nan], []])
    arrays = histories.inputs(
        query_time=np.array([7, 8]), k=3, exclude_seen=True, with_feedback=True
    )
    assert arrays["history"].tolist() == [["é, b", "c"], ["", ""]]
    assert arrays["times"].tolist() == [[5, 6], [0, 0]]
    np.testing.assert_array_equal(arrays["feedback"], [[1, np.nan], [np.nan, np.nan]])
    assert arrays["query_time"].tolist() == [7, 8]
    assert arrays["k"].tolist() == [3, 3] and arrays["exclude_seen"].tolist() == [True, True]
    assert [arrays[name].dtype for name in ("times", "k")] == [np.int64, np.int32]


def test_feedback_is_left_out_where_it_is_not_read() -> None:
    histories = Histories(["0"], [["a"]], [[5]], [[1.0]])
    assert "feedback" not in histories.inputs(query_time=np.array([7]), k=1)


def test_user_features_are_raw_values_and_missing_ones_unknown() -> None:
    columns: dict[str, list[Any]] = {
        "age": [31, None, "7.5", ""],
        "tags": [["x", "y"], "x;y", None, ()],
    }
    histories = Histories([""] * 4, [[]] * 4, [[]] * 4, [[]] * 4, columns)
    arrays = histories.inputs([AGE, GROUP, TAGS], query_time=np.zeros(4, np.int64), k=1)
    np.testing.assert_array_equal(arrays["user_age"], [31, np.nan, 7.5, np.nan])
    assert arrays["user_group"].tolist() == [""] * 4
    assert arrays["user_tags"].tolist() == ["x;y", "x;y", "", ""]
    assert arrays["history"].shape == (4, 0)


def test_user_features_that_cannot_be_are_named() -> None:
    histories = Histories(["0"], [[]], [[]], [[]], {"age": ["old"]})
    with pytest.raises(DataError) as caught:
        histories.inputs([AGE], query_time=np.array([0]), k=1)
    assert str(caught.value) == "user features, row 1, column age: got 'old', expected a number"
    histories = Histories(["0"], [[]], [[]], [[]], {"age": [1, 2]})
    with pytest.raises(DataError, match="column age: got 2 values, expected 1, one a history"):
        histories.inputs([AGE], query_time=np.array([0]), k=1)
