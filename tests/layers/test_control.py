"""Control signals go through TensorFlow as one record, and reach a layer as they were given."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfhrnn.layers import control, tower, towers
from tfhrnn.layers.control import Control

RESET = np.array([[1, 0, 0, 1], [0, 0, 1, 0]], np.float32)
LEVEL = np.array([[4, 0, 3, 4], [1, 2, 4, 3]], np.int32)


def told() -> Control:
    return Control(tf.constant(RESET), tf.constant(LEVEL))


def test_it_stays_a_record_through_graphs_loops_and_cuts() -> None:
    traced = []

    @tf.function
    def later(given: Control, by: Any) -> Control:
        """Each signal rolled, in a graph and a loop that carries the record."""
        traced.append(type(given))

        def body(step: Any, inner: Control) -> tuple[Any, Control]:
            return step + 1, tf.nest.map_structure(lambda part: tf.roll(part, 1, axis=1), inner)

        return tf.while_loop(lambda step, _: step < by, body, (0, given))[1]

    for by in (1, 3):
        found = later(told(), tf.constant(by))
        assert type(found) is Control
        np.testing.assert_array_equal(found.reset, np.roll(RESET, by, axis=1))
        np.testing.assert_array_equal(found.level, np.roll(LEVEL, by, axis=1))
        assert found.reset.dtype == tf.float32 and found.level.dtype == tf.int32
    assert traced == [Control]  # once for all values of one shape


@pytest.mark.parametrize("precision", ["float32", "mixed_float16", "mixed_bfloat16"])
def test_a_layer_of_half_precision_gets_it_uncast(precision: str) -> None:
    """Keras casts the first argument alone."""
    found: list[Any] = []

    class Look(tf.keras.layers.Layer):
        def call(self, x: Any, given: Control) -> Any:
            found.extend([x.dtype, given])
            return x

    Look(dtype=tf.keras.mixed_precision.Policy(precision))(tf.zeros([2, 4, 1]), told())
    x_dtype, given = found
    assert x_dtype == precision.removeprefix("mixed_")
    assert type(given) is Control
    np.testing.assert_array_equal(given.reset, RESET)
    np.testing.assert_array_equal(given.level, LEVEL)
    assert given.reset.dtype == tf.float32 and given.level.dtype == tf.int32


@pytest.mark.parametrize("name", towers.TOWERS)
def test_every_towers_state_is_a_tuple_with_the_lanes_first(name: str) -> None:
    built = tower(name, units=4, seed=1)
    flat = built.initial_state(2)
    _, after = built(tf.ones([2, 4, 3]), told(), flat)
    for state in (flat, after):
        assert isinstance(state, tuple) and all(part.shape[0] == 2 for part in state)
    assert [part.dtype for part in after] == [part.dtype for part in flat]
    # Lanes are rows: of another number of them there are as many.
    assert [part.shape[0] for part in built.initial_state(tf.constant(5))] == [5] * len(flat)


def test_one_definition_is_what_all_towers_name() -> None:
    assert towers.Control is Control and towers.State is control.State
