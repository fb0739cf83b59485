"""What a step reads, by hand: inputs that are their own positions."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfhrnn.predicting.steps import Events, Steps, steps_of
from tfhrnn.predicting.user_state import UserState

T0 = 1_000_000_000
THRESHOLDS = (60, 3600, 86400)


def events(items: list[int], times: list[int]) -> Events:
    """One user's, with their place as feedback and type."""
    places = list(range(1, len(items) + 1))
    return Events(
        tf.constant([items], tf.int32, [1, len(items)]),
        tf.constant([times], tf.int64, [1, len(items)]),
        tf.constant([places], tf.float32, [1, len(items)]),
        tf.constant([places], tf.int32, [1, len(items)]),
    )


def steps(before: UserState, after: Events, asked: list[int]) -> Steps:
    first = tf.constant([9])
    times = tf.constant([asked], tf.int64)
    return steps_of(before, after, times, first, thresholds=THRESHOLDS, start_level=4)


def begun() -> UserState:
    return UserState.begun(tf.constant([[0.5, 0.25]]), (), 3)


@pytest.mark.parametrize(
    ("gap", "level"),
    [(0, 0), (59, 0), (60, 1), (3599, 1), (3600, 2), (86399, 2), (86400, 3), (10**9, 3)],
)
def test_a_history_begins_with_the_start_event(gap: int, level: int) -> None:
    found = steps(begun(), events([2, 3], [T0, T0 + gap]), [T0, T0 + gap, T0 + 2 * gap])
    assert found.item.numpy().tolist() == [[0, 2, 3]]
    assert found.reset.numpy().tolist() == [[1, 0, 0]]
    assert found.level.numpy().tolist() == [[4, level, level]]
    assert found.gap.numpy().tolist() == [[0, gap, gap]]
    assert found.query_time.numpy().tolist() == [[T0, T0 + gap, T0 + 2 * gap]]
    assert found.position.numpy().tolist() == [[0, 1, 2]]
    np.testing.assert_array_equal(found.feedback, [[np.nan, 1, 2]])
    assert found.event_type.numpy().tolist() == [[0, 1, 2]]
    assert found.first_item.numpy().tolist() == [[9, 9, 9]]
    assert found.user.numpy().tolist() == [[[0.5, 0.25]] * 3]


def test_a_state_goes_on_with_its_pending_event() -> None:
    before = begun()._replace(
        position=tf.constant([7]),
        time=tf.constant([T0], tf.int64),
        item=tf.constant([5]),
        feedback=tf.constant([3.5]),
        event_type=tf.constant([2]),
    )
    found = steps(before, events([6], [T0 + 60]), [T0 + 60, T0 + 3660])
    assert found.item.numpy().tolist() == [[5, 6]]
    assert found.reset.numpy().tolist() == [[0, 0]]
    assert found.level.numpy().tolist() == [[1, 2]]
    assert found.position.numpy().tolist() == [[7, 8]]
    assert found.feedback.numpy().tolist() == [[3.5, 1.0]]
    assert found.event_type.numpy().tolist() == [[2, 1]]
    alone = steps(before, Events.none(1), [T0 + 86400])
    assert alone.item.numpy().tolist() == [[5]] and alone.level.numpy().tolist() == [[3]]


def test_a_time_before_the_one_in_front_is_a_gap_of_zero() -> None:
    times = [T0 + 50, T0, T0 + 70]
    found = steps(begun(), events([2, 3, 4], times), [*times, T0 - 1])
    assert found.gap.numpy().tolist() == [[0, 0, 70, 0]]
    assert found.level.numpy().tolist() == [[4, 0, 1, 0]]


def test_a_flush_repeats_the_first_step_and_alone_resets() -> None:
    found = steps(begun(), events([2], [T0]), [T0, T0 + 5])
    assert found.led(0) is found
    led = found.led(2)
    assert led.item.numpy().tolist() == [[0, 0, 0, 2]]
    assert led.reset.numpy().tolist() == [[1, 0, 0, 0]]
    assert led.gap.numpy().tolist() == [[0, 0, 0, 5]]
