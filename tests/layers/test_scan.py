"""The scan against the recurrence step by step, and its gradient against products written out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf

from tfhrnn.layers.scan import associative_scan

LANES, UNITS = 2, 3
WINDOWS = [1, 2, 3, 7, 8, 13, 32]
Floats = npt.NDArray[np.float64]


def loop(a: Floats, b: Floats, start: Floats) -> Floats:
    h, states = start, []
    for k in range(a.shape[1]):
        h = a[:, k] * h + b[:, k]
        states.append(h)
    return np.stack(states, axis=1)


def slopes(a: Floats, b: Floats, start: Floats, upstream: Floats) -> tuple[Floats, Floats, Floats]:
    """Of Σ upstream · h, from ∂h_k/∂b_j = a_{j+1} ⋯ a_k for j ≤ k, term by term."""
    earlier = np.concatenate([start[:, np.newaxis], loop(a, b, start)[:, :-1]], axis=1)
    to_b, to_start = np.zeros_like(b), np.zeros_like(start)
    for k in range(a.shape[1]):
        to_start += upstream[:, k] * a[:, : k + 1].prod(axis=1)
        for j in range(k + 1):
            to_b[:, j] += upstream[:, k] * a[:, j + 1 : k + 1].prod(axis=1)
    return to_b * earlier, to_b, to_start  # ∂h_j/∂a_j = h_{j−1} ∂h_j/∂b_j


def drawn(window: int) -> tuple[Floats, Floats, Floats, Floats]:
    """a in [0, 1] with exact zeros and ones, b, the start, and what the states are weighed by."""
    rng = np.random.default_rng(window)
    shape = (LANES, window, UNITS)
    a = rng.choice([0.0, 1.0, 0.3, 0.9, 0.999], shape)
    return a, rng.normal(size=shape), rng.normal(size=(LANES, UNITS)), rng.normal(size=shape)


def with_slopes(*given: Any) -> tuple[Any, ...]:
    a, b, start, upstream = given
    with tf.GradientTape() as tape:
        tape.watch([a, b, start])
        h = associative_scan(a, b, start)
        total = tf.reduce_sum(upstream * h)
    return (h, *tape.gradient(total, [a, b, start]))


def unknown(function: Callable[..., Any]) -> Callable[..., Any]:
    """One graph for any lanes and window."""
    step, state = tf.TensorSpec([None, None, UNITS], tf.float64), [None, UNITS]
    signature = [step, step, tf.TensorSpec(state, tf.float64), step]
    return tf.function(function, input_signature=signature)


MODES: dict[str, Callable[[Callable[..., Any]], Callable[..., Any]]] = {
    "eager": lambda function: function,
    "graph": tf.function,
    "unknown window": unknown,
    "compiled": lambda function: tf.function(function, jit_compile=True),
}


@pytest.mark.parametrize("mode", list(MODES))
def test_states_and_gradients_are_those_of_the_loop(mode: str) -> None:
    run = MODES[mode](with_slopes)
    for window in WINDOWS if mode != "compiled" else (1, 7, 8):
        given = drawn(window)
        h, *found = run(*map(tf.constant, given))
        # float64, in another order: a few units in the 16th digit of sums of some ten terms
        np.testing.assert_allclose(h, loop(*given[:3]), rtol=1e-13, atol=1e-13)
        for one, wanted in zip(found, slopes(*given), strict=True):
            np.testing.assert_allclose(one, wanted, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("mode", ["eager", "unknown window"])
@pytest.mark.parametrize("window", [1, 5, 8])
def test_a_zero_forgets_exactly_whatever_came_before(mode: str, window: int) -> None:
    a, b, start, upstream = drawn(window)
    run = MODES[mode](with_slopes)
    for at in range(window):
        a[:, at], upstream[:, :at] = 0, 0
        junk_b, junk_a = b.copy(), a.copy()
        junk_b[:, :at], junk_a[:, :at] = 1e30, 1
        h, _, to_b, to_start = run(*map(tf.constant, (a, b, start, upstream)))
        other, *_ = run(*map(tf.constant, (junk_a, junk_b, start - 7, upstream)))
        np.testing.assert_array_equal(h[:, at], b[:, at])
        np.testing.assert_array_equal(other[:, at:], h[:, at:])
        np.testing.assert_array_equal(to_b[:, :at], 0)
        np.testing.assert_array_equal(to_start, 0)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_halves_are_added_up_in_float32(dtype: str) -> None:
    ones = tf.ones([1, 3000, 1], dtype)
    h = associative_scan(ones, ones, tf.zeros([1, 1], dtype))
    assert h.dtype == tf.float32  # bfloat16 would stop counting at 256, float16 at 2048
    np.testing.assert_array_equal(h[0, :, 0], np.arange(1, 3001))


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_gradients_have_the_dtype_of_what_they_are_of(dtype: str) -> None:
    given = [tf.cast(part, dtype) for part in drawn(3)[:3]]
    *_, to_a, to_b, to_start = with_slopes(*given, 1.0)
    assert [part.dtype for part in (to_a, to_b, to_start)] == [dtype] * 3


def operations(window: int) -> int:
    shape = tf.TensorSpec([LANES, window, UNITS])
    graph = tf.function(with_slopes).get_concrete_function(
        shape, shape, tf.TensorSpec([LANES, UNITS]), shape
    )
    return len(graph.graph.get_operations())


def test_a_window_twice_as_long_costs_one_more_level() -> None:
    sizes = [operations(window) for window in (16, 32, 64)]
    assert sizes[2] - sizes[1] == sizes[1] - sizes[0] > 0
