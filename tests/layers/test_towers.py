"""The four laws of every tower: value and gradient, every precision, eager, graph, compiled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfhrnn.errors import ConfigError
from tfhrnn.layers import Control, tower

LANES, STEPS, WIDTH, UNITS = 2, 6, 3, 4
TOWERS: list[tuple[str, dict[str, Any]]] = [("gru", {}), ("gru", {"layers": 3})]
# Sums in another order differ by a few units in the last place of the dtype.
TOLERANCE = {"float32": 1e-6, "mixed_bfloat16": 0.03, "mixed_float16": 4e-3}


@pytest.fixture(params=["float32", "mixed_bfloat16", "mixed_float16"])
def precision(request: pytest.FixtureRequest) -> Iterator[str]:
    """A Keras precision policy, put back afterwards."""
    tf.keras.mixed_precision.set_global_policy(request.param)
    yield request.param
    tf.keras.mixed_precision.set_global_policy("float32")


@pytest.fixture(params=["eager", "graph", "compiled"])
def mode(request: pytest.FixtureRequest) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """How a function is run."""
    kinds: dict[str, Callable[[Callable[..., Any]], Callable[..., Any]]] = {
        "eager": lambda f: f,
        "graph": tf.function,
        "compiled": lambda f: tf.function(f, jit_compile=True),
    }
    return kinds[request.param]


def make(name: str, options: dict[str, Any]) -> Any:
    built = tower(name, units=UNITS, seed=3, **options)
    run(built, tf.zeros([LANES, 1, WIDTH]), np.zeros((LANES, 1)))
    for (
        variable
    ) in built.trainable_variables:  # larger weights than at the start, so that leaks would show
        variable.assign(variable + 0.5 * tf.random.stateless_normal(variable.shape, [1, 2]))
        if variable.constraint is not None:
            variable.assign(variable.constraint(variable))
    return built


def run(built: Any, x: Any, reset: Any, state: Any = None) -> tuple[Any, Any]:
    reset = tf.convert_to_tensor(reset, tf.float32)
    control = Control(reset, tf.zeros_like(reset, tf.int32))
    return built(x, control, state if state is not None else built.initial_state(reset.shape[0]))


def inputs(seed: int, lanes: int = LANES, steps: int = STEPS) -> Any:
    return tf.constant(np.random.default_rng(seed).normal(size=(lanes, steps, WIDTH)), tf.float32)


RESETS = [
    [0],
    [STEPS - 1],
    [2, 3],
    list(range(STEPS)),
]  # a window's first, last, two in a row, every


@pytest.mark.parametrize(("name", "options"), TOWERS)
def test_nothing_before_a_reset_reaches_its_outputs_or_gradients(
    name: str, options: dict[str, Any], precision: str, mode: Callable[..., Any]
) -> None:
    built = make(name, options)
    state = [tf.ones_like(part) for part in built.initial_state(LANES)]

    @mode
    def outputs_and_leak(x: Any, state: Any, reset: Any, judged: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch([x, state])
            y, _ = run(built, x, reset, state)
            after = tf.reduce_sum(judged * tf.cast(y, tf.float32) ** 2)
        return y, tape.gradient(after, [x, state], unconnected_gradients="zero")

    for at in RESETS:
        last = at[-1]
        reset, judged = np.zeros((LANES, STEPS), np.float32), np.zeros((1, STEPS, 1), np.float32)
        reset[:, at] = 1
        judged[:, last:] = 1
        given = tf.constant(reset), tf.constant(judged)
        x = inputs(0)
        changed = tf.concat([100 * inputs(1)[:, :last], x[:, last:]], axis=1)
        y, (to_x, to_state) = outputs_and_leak(x, state, *given)
        other, _ = outputs_and_leak(changed, [-7 * part for part in state], *given)
        np.testing.assert_array_equal(y[:, last:], other[:, last:])
        np.testing.assert_array_equal(to_x[:, :last], 0)
        assert all(np.all(np.asarray(part) == 0) for part in to_state)
        assert np.all(np.isfinite(to_x)) and np.any(np.asarray(to_x[:, last:]) != 0)


@pytest.mark.parametrize(("name", "options"), TOWERS)
@pytest.mark.parametrize("cuts", [[1], [STEPS - 1], [2, 3], list(range(1, STEPS))])
def test_windows_of_any_length_give_the_outputs_of_the_whole(
    name: str, options: dict[str, Any], cuts: list[int], precision: str
) -> None:
    built = make(name, options)
    x, reset = inputs(2), np.zeros((LANES, STEPS))
    reset[:, 0] = reset[0, 4] = 1
    whole, end = run(built, x, reset)
    state: Any = None
    pieces = []
    for begin, stop in zip([0, *cuts], [*cuts, STEPS], strict=True):
        y, state = run(built, x[:, begin:stop], reset[:, begin:stop], state)
        pieces.append(y)
    atol = TOLERANCE[precision]
    np.testing.assert_allclose(np.float32(tf.concat(pieces, 1)), np.float32(whole), atol=atol)
    for part, wanted in zip(state, end, strict=True):
        np.testing.assert_allclose(np.float32(part), np.float32(wanted), atol=atol)


@pytest.mark.parametrize(("name", "options"), TOWERS)
def test_packed_users_score_as_if_alone(name: str, options: dict[str, Any], precision: str) -> None:
    built = make(name, options)
    lengths = [2, 1, 3]
    x = inputs(3, lanes=1)
    begins = np.cumsum([0, *lengths])
    reset = np.zeros((1, STEPS))
    reset[:, begins[:-1]] = 1
    packed, _ = run(built, x, reset)
    for begin, end in pairwise(begins):
        alone, _ = run(built, x[:, begin:end], reset[:, begin:end])
        np.testing.assert_allclose(
            np.float32(packed[:, begin:end]), np.float32(alone), atol=TOLERANCE[precision]
        )


@pytest.mark.parametrize(("name", "options"), TOWERS)
def test_the_first_output_depends_on_the_first_input(name: str, options: dict[str, Any]) -> None:
    built = make(name, options)
    reset = np.eye(1, STEPS)
    one, _ = run(built, inputs(4, lanes=1), reset)
    two, _ = run(built, inputs(5, lanes=1), reset)
    assert np.abs(one[:, 0] - two[:, 0]).max() > 1e-2


@pytest.mark.parametrize(("name", "options"), TOWERS)
def test_training_keeps_the_reset_exact(name: str, options: dict[str, Any]) -> None:
    built = make(name, options)
    optimizer = tf.keras.optimizers.AdamW(0.1, weight_decay=0.1)
    reset = np.zeros((LANES, STEPS))
    reset[:, 4] = 1
    x = inputs(6)
    for _ in range(5):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(run(built, x, reset)[0] ** 2)
        optimizer.minimize(loss, built.trainable_variables, tape=tape)
    changed = tf.concat([-x[:, :4], x[:, 4:]], axis=1)
    np.testing.assert_array_equal(
        run(built, x, reset)[0][:, 4:], run(built, changed, reset)[0][:, 4:]
    )


@pytest.mark.parametrize(("name", "options"), TOWERS)
def test_a_tower_is_rebuilt_from_its_config(name: str, options: dict[str, Any]) -> None:
    built = make(name, {**options, "dropout": 0.25})
    again = type(built).from_config(built.get_config())
    assert again.get_config() == built.get_config()
    run(again, inputs(0), np.zeros((LANES, STEPS)))
    again.set_weights(built.get_weights())
    np.testing.assert_array_equal(
        run(again, inputs(0), np.ones((LANES, STEPS)))[0],
        run(built, inputs(0), np.ones((LANES, STEPS)))[0],
    )


def test_state_size_is_that_of_the_state(precision: str) -> None:
    built = tower("gru", units=6, layers=2)
    assert sum(part.numpy().nbytes for part in built.initial_state(1)) == built.state_size_bytes


def test_dropout_between_layers_leaves_the_reset_alone() -> None:
    built = make("gru", {"layers": 2, "dropout": 0.9})
    reset = np.zeros((LANES, STEPS))
    reset[:, 4] = 1
    control = Control(tf.constant(reset, tf.float32), tf.zeros([LANES, STEPS], tf.int32))
    x = tf.Variable(inputs(8))
    with tf.GradientTape() as tape:
        y, _ = built(x, control, built.initial_state(LANES), training=True)
        late = tf.reduce_sum(y[:, 4:])
    np.testing.assert_array_equal(tape.gradient(late, x)[:, :4], 0)


def test_an_unknown_tower_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="no tower named 'gur'; there are: gru"):
        tower("gur", units=3)
