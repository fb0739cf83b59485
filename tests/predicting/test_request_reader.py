"""What a request says is looked up and checked before it is used."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfhrnn.data.features import FeatureSpec
from tfhrnn.predicting.request_reader import RequestReader, same_rows

AGE = FeatureSpec("age", "numeric", mean=30.0, std=10.0)
GROUP = FeatureSpec("group", "categorical", ("a", "b"))


def reader(*, types: list[str] | None = None, feedback: bool = False) -> RequestReader:
    return RequestReader(
        ["x, é", "y"], event_types=types, feedback=feedback, user_specs=(AGE, GROUP)
    )


def test_only_what_the_model_reads_is_asked_for() -> None:
    bare, full = reader(), reader(types=["buy"], feedback=True)
    assert list(bare.event_signature("history")) == ["history", "times"]
    assert list(full.event_signature("items")) == ["items", "times", "feedback", "event_types"]
    dtypes = {name: spec.dtype for name, spec in bare.user_signature().items()}
    assert dtypes == {"user_age": tf.float32, "user_group": tf.string}


def test_events_are_indices_with_what_is_left_out_unknown() -> None:
    inputs = {
        "history": tf.constant([["x, é", "z"], ["y", ""]]),
        "times": tf.zeros([2, 2], tf.int64),
    }
    events, count = reader().events(inputs, "history")
    assert events.item.numpy().tolist() == [[2, 1], [3, 1]] and count.numpy().tolist() == [2, 1]
    assert np.isnan(events.feedback).all() and not events.event_type.numpy().any()
    inputs |= {
        "feedback": tf.constant([[1.0, 2.0], [3.0, 0.0]]),
        "event_types": tf.constant([["buy", "lend"], ["", ""]]),
    }
    events, _ = reader(types=["view", "buy"], feedback=True).events(inputs, "history")
    assert events.event_type.numpy().tolist() == [[2, 0], [0, 0]]
    assert events.feedback.numpy().tolist() == [[1, 2], [3, 0]]


def test_columns_of_unknown_ids_are_minus_one() -> None:
    assert reader().columns(tf.constant([["y", "", "x, é", "x"]])).numpy().tolist() == [
        [1, -1, 0, -1]
    ]


def test_user_features_stand_side_by_side() -> None:
    inputs = {"user_age": tf.constant([40.0, np.nan]), "user_group": tf.constant(["b", ""])}
    found = reader().user(inputs, tf.constant(2)).numpy().tolist()
    assert found == [[1, 0, 0, 1, 0], [0, 1, 0, 0, 1]]


@pytest.mark.parametrize(
    ("items", "times", "message"),
    [
        ([["", "y"]], [[1, 2]], "items: expected empty ids only after the last id of a row"),
        ([["y", "y"]], [[1]], "times: expected the shape of items"),
    ],
)
def test_what_does_not_fit_is_named(
    items: list[list[str]], times: list[list[int]], message: str
) -> None:
    inputs = {"items": tf.constant(items), "times": tf.constant(times, tf.int64)}
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        reader().events(inputs, "items")


def test_other_numbers_of_rows_are_named() -> None:
    inputs = {"a": tf.zeros([2, 5]), "b": tf.zeros([2]), "c": tf.zeros([3])}
    same_rows(inputs, ("a", "b"))
    with pytest.raises(tf.errors.InvalidArgumentError, match="c: expected as many rows as b"):
        same_rows(inputs, ("b", "a", "c"))
