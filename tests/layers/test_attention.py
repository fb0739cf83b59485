"""Buckets by hand, and what queries see by counting gaps one after the other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfhrnn.layers.attention import (
    LEVELS,
    Sight,
    SlidingAttention,
    buckets,
    most_borders,
    newest,
    survey,
)
from tfhrnn.layers.control import Control


@pytest.mark.parametrize(
    ("length", "count", "firsts"),
    [
        (1, 8, [0]),
        (8, 8, [0, 1, 2, 3, 4, 5, 6, 7]),
        # 8 · 8^(n/8): 10.4, 13.5, 17.4, 22.6, 29.3, 38.1, 49.4
        (64, 16, [*range(9), 10, 13, 17, 23, 29, 38, 49]),
        (64, 8, [0, 1, 2, 3, 4, 8, 16, 32]),  # 4 · 16^(n/4)
    ],
)
def test_a_bucket_begins_where_the_logarithm_says(
    length: int, count: int, firsts: list[int]
) -> None:
    cut = buckets(length, count)
    assert cut.shape == (length,)
    assert np.unique(cut, return_index=True)[1].tolist() == firsts
    assert np.unique(cut).tolist() == list(range(len(firsts)))
    assert np.all(np.diff(cut) >= 0)


def test_every_length_has_buckets_without_gaps() -> None:
    for length in range(1, 200):
        cut = buckets(length, 16)
        assert set(np.diff(cut)) <= {0, 1} and cut[0] == 0 and cut[-1] < 16
    assert [most_borders(context) for context in (1, 4, 8, 64)] == [0, 3, 7, 32]


def surveyed(reset: Any, level: Any, context: int, state: Any) -> tuple[Sight, Any]:
    told = Control(tf.constant(reset, tf.float32), tf.constant(level, tf.int32))
    sight, valid, borders = survey(told, state[0], state[1], context)
    return sight, [valid, borders]


def nothing(context: int) -> list[Any]:
    return [tf.zeros([1, context - 1]), tf.zeros([1, context - 1, LEVELS])]


def test_a_window_sees_its_own_user_and_counts_the_gaps_in_between() -> None:
    # Cached: another user's key, then two of the present one with a gap of level 2 behind both and
    # one of level 1 behind the older. The window: gaps of level 0, then 3, then a new user.
    cached = [
        tf.constant([[0.0, 1.0, 1.0]]),
        tf.constant([[[9.0, 9.0, 9.0], [2.0, 1.0, 0.0], [1.0, 1.0, 0.0]]]),
    ]
    sight, (valid, borders) = surveyed([[0, 0, 1]], [[0, 3, 4]], 4, cached)
    assert np.asarray(sight.visible[0], int).tolist() == [
        [0, 1, 1, 1, 0, 0],
        [0, 1, 1, 1, 1, 0],  # three steps back is the last that a context of four sees
        [0, 0, 0, 0, 0, 1],
    ]
    assert np.asarray(sight.distance).tolist() == [
        [3, 2, 1, 0, 0, 0],
        [3, 3, 2, 1, 0, 0],
        [3, 3, 3, 2, 1, 0],
    ]
    seen = np.asarray(sight.visible[0])
    for counts, wanted in zip(
        sight.borders, ([2, 1, 0, 2, 1, 0, 0, 0], [1, 1, 0, 1, 1, 0, 0, 0], [0] * 8), strict=True
    ):
        assert np.asarray(counts[0])[seen].tolist() == wanted
    # Only the new user's first step goes on, and the start level behind it is no gap.
    assert valid.numpy().tolist() == [[0, 0, 1]]
    np.testing.assert_array_equal(borders, 0)


def test_counters_carried_step_by_step_are_those_of_counting_anew() -> None:
    context, steps = 64, 60
    rng = np.random.default_rng(0)
    level = rng.integers(0, 6, (1, steps))  # levels above the third count as the third
    level[:, :45] = np.maximum(level[:, :45], 1)  # and more gaps than counters can tell apart
    reset = np.zeros((1, steps))
    reset[:, [0, 50]] = 1
    _, whole = surveyed(reset, level, context, nothing(context))
    state = nothing(context)
    for step in range(steps):
        if step == 50:
            before = state[1].numpy()
        _, state = surveyed(reset[:, [step]], level[:, [step]], context, state)
    for part, wanted in zip(state, whole, strict=True):
        np.testing.assert_array_equal(part, wanted)
    for age in range(1, 51):  # the key `age` steps before step 50; step 0 is a reset
        passed = level[0, max(50 - age, 1) : 50]
        counts = [min((passed >= floor).sum(), 32) for floor in (1, 2, 3)]
        assert before[0, -age].tolist() == counts
    assert state[0].numpy().tolist() == [[0] * 53 + [1] * 10]


def test_the_newest_are_the_last_whatever_the_length() -> None:
    x = tf.reshape(tf.range(12), [2, 6])
    assert newest(x, 2).numpy().tolist() == [[4, 5], [10, 11]]
    assert newest(x, 0).shape == (2, 0)
    graph = tf.function(lambda x: newest(x, 2), input_signature=[tf.TensorSpec([None, None])])
    assert graph.get_concrete_function().output_shapes.as_list() == [None, 2]


def test_biases_are_float32_under_every_policy_and_start_at_nothing() -> None:
    layer = SlidingAttention(4, heads=2, context=64, seed=1, dtype="mixed_float16")
    layer.build([None, None, 4])
    assert layer.distance_bias.shape == (2, 16) and layer.border_bias.shape == (2, LEVELS, 8)
    for table in (layer.distance_bias, layer.border_bias):
        assert table.dtype == tf.float32 and not np.any(table)
    options = {"units": 4, "heads": 2, "context": 64, "seed": 1}
    config = layer.get_config()
    assert {name: config[name] for name in options} == options
