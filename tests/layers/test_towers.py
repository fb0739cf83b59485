"""The four laws of every tower: value and gradient, every precision, eager, graph, compiled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfhrnn.errors import ConfigError
from tfhrnn.layers import Control, tower, towers

LANES, STEPS, WIDTH, UNITS = 2, 6, 3, 4
TOWERS: list[tuple[str, dict[str, Any]]] = [
    ("gru", {}),
    ("gru", {"layers": 3}),
    ("lstm", {}),
    ("lstm", {"layers": 2}),
    ("hgru", {}),
    ("hgru", {"propagation": "all", "layers": 2}),
    ("last_item", {}),
    ("last_item", {"layers": 2}),
    ("linear_recurrence", {}),
    ("linear_recurrence", {"layers": 2}),
    ("tcn", {"blocks": 2}),
    ("rnn_tcn", {"blocks": 1}),
    ("transformer", {"context": 4, "heads": 2}),
    ("transformer", {"context": 3, "layers": 2}),
]
START_LEVEL = 4
# Sums in another order differ by a few units in the last place of the dtype.
TOLERANCE = {"float32": 2e-6, "mixed_bfloat16": 0.03, "mixed_float16": 4e-3}
# A gradient goes back through several such sums; it is held against its own largest entry.
SLOPE_TOLERANCE = {name: 10 * size for name, size in TOLERANCE.items()}
STEPWISE = ("gru", "lstm", "hgru")
every_tower = pytest.mark.parametrize(("name", "options"), TOWERS)


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
    """A tower whose weights are larger than at the start, so that leaks would show."""
    built = tower(name, units=UNITS, seed=3, **options)
    run(built, tf.zeros([LANES, 1, WIDTH]), control(np.zeros((LANES, 1))))
    for variable in built.trainable_variables:
        variable.assign(variable + 0.5 * tf.random.stateless_normal(variable.shape, [1, 2]))
        if variable.constraint is not None:
            variable.assign(variable.constraint(variable))
    return built


def control(reset: Any, seed: int = 0) -> Control:
    """Resets at the start level, every other step at a random one, half of them 0."""
    reset = np.asarray(reset)
    level = np.random.default_rng(seed).choice([0, 0, 0, 1, 2, 3], reset.shape)
    level[reset == 1] = START_LEVEL
    return Control(tf.constant(reset, tf.float32), tf.constant(level, tf.int32))


def cut(whole: Control, begin: int, stop: int) -> Control:
    return Control(*(part[:, begin:stop] for part in whole))


def run(built: Any, x: Any, told: Control, state: Any = None, **options: Any) -> tuple[Any, Any]:
    start = built.initial_state(tf.shape(x)[0]) if state is None else state
    return built(x, told, start, **options)


def with_gradient(x: Any, read: Callable[[Any], Any]) -> tuple[Any, Any]:
    """What `read` returns of x, and the gradient of the sum of its squared outputs to x."""
    with tf.GradientTape() as tape:
        tape.watch(x)
        found = read(x)
        total = tf.reduce_sum(tf.cast(found[0], tf.float32) ** 2)
    return found, np.float32(tape.gradient(total, x))


def inputs(seed: int, lanes: int = LANES, steps: int = STEPS) -> Any:
    return tf.constant(np.random.default_rng(seed).normal(size=(lanes, steps, WIDTH)), tf.float32)


def test_every_registered_tower_is_tested_here() -> None:
    assert {name for name, _ in TOWERS} == set(towers.TOWERS)


RESETS = [  # a lane each: a window's first, an inner one, its last, two in a row, every
    [0],
    [3],
    [STEPS - 1],
    [2, 3],
    list(range(STEPS)),
]


@every_tower
def test_nothing_before_a_reset_reaches_its_outputs_or_gradients(
    name: str, options: dict[str, Any], precision: str, mode: Callable[..., Any]
) -> None:
    built = make(name, options)
    lanes = len(RESETS)
    # States that a lane can be in: those after other users.
    earlier = control(np.eye(1, STEPS).repeat(lanes, axis=0))
    _, state = run(built, inputs(10, lanes), earlier)
    _, other_state = run(built, 10 * inputs(11, lanes), earlier)
    reset = np.array([[step in at for step in range(STEPS)] for at in RESETS])
    last = np.array([at[-1] for at in RESETS])
    judged = np.arange(STEPS) >= last[:, np.newaxis]  # [lanes, window]
    counted = judged[..., np.newaxis].astype(np.float32)

    @mode
    def outputs_and_leak(x: Any, told: Control, state: Any) -> Any:
        floats = [part for part in state if part.dtype.is_floating]
        with tf.GradientTape() as tape:
            tape.watch([x, *floats])
            y, _ = run(built, x, told, state)
            after = tf.reduce_sum(counted * tf.cast(y, tf.float32) ** 2)
        return y, tape.gradient(after, [x, floats], unconnected_gradients="zero")

    told, redrawn = control(reset, seed=1), control(reset, seed=2)
    x = inputs(0, lanes)
    changed_x = tf.where(judged[..., np.newaxis], x, 100 * inputs(1, lanes))
    changed = told._replace(level=tf.where(judged, told.level, redrawn.level))
    y, (to_x, to_state) = outputs_and_leak(x, told, state)
    other, _ = outputs_and_leak(changed_x, changed, other_state)
    np.testing.assert_array_equal(y[judged], other[judged])
    np.testing.assert_array_equal(to_x[~judged], 0)
    assert all(np.all(np.asarray(part) == 0) for part in to_state)
    assert np.all(np.isfinite(to_x))
    reached = np.any(np.asarray(to_x) != 0, axis=(1, 2))
    # Each lane's outputs depend on what follows, but a flush step itself says nothing.
    np.testing.assert_array_equal(reached, last + built.flush_steps < STEPS)


@every_tower
@pytest.mark.parametrize("cuts", [[1], [STEPS - 1], [2, 3], list(range(1, STEPS))])
def test_windows_of_any_length_give_the_outputs_of_the_whole(
    name: str, options: dict[str, Any], cuts: list[int], precision: str
) -> None:
    built = make(name, options)
    x, reset = inputs(2), np.zeros((LANES, STEPS))
    reset[:, 0] = reset[0, 4] = 1
    told = control(reset)
    (whole, end), whole_to_x = with_gradient(x, lambda x: run(built, x, told))

    def in_pieces(x: Any) -> tuple[Any, Any]:
        state: Any = None
        pieces = []
        for begin, stop in zip([0, *cuts], [*cuts, STEPS], strict=True):
            y, state = run(built, x[:, begin:stop], cut(told, begin, stop), state)
            pieces.append(y)
        return tf.concat(pieces, 1), state

    (cut_up, state), to_x = with_gradient(x, in_pieces)
    atol = TOLERANCE[precision]
    np.testing.assert_allclose(np.float32(cut_up), np.float32(whole), atol=atol)
    scale = np.abs(whole_to_x).max()
    np.testing.assert_allclose(to_x / scale, whole_to_x / scale, atol=SLOPE_TOLERANCE[precision])
    for part, wanted in zip(state, end, strict=True):
        np.testing.assert_allclose(np.float32(part), np.float32(wanted), atol=atol)


@every_tower
@pytest.mark.parametrize("kind", ["graph", "compiled"])
def test_graphs_keep_streaming_and_packing(name: str, options: dict[str, Any], kind: str) -> None:
    built = make(name, options)
    flush, half = built.flush_steps, STEPS // 2
    x, reset = inputs(2), np.zeros((LANES, STEPS))
    reset[0, half] = 1
    told = control(reset)
    whole, _ = run(built, x, told)
    # One window length, and so one graph.
    read = tf.function(
        lambda x, told, state: run(built, x, told, state), jit_compile=kind == "compiled"
    )
    start = built.initial_state(LANES)
    first, state = read(x[:, :half], cut(told, 0, half), start)
    rest, _ = read(x[:, half:], cut(told, half, STEPS), state)
    atol = TOLERANCE["float32"]
    np.testing.assert_allclose(tf.concat([first, rest], 1), whole, atol=atol)
    alone, _ = read(x[:, half:], cut(told, half, STEPS), start)
    np.testing.assert_array_equal(rest[0, flush:], alone[0, flush:])


@every_tower
def test_packed_users_score_as_if_alone(name: str, options: dict[str, Any], precision: str) -> None:
    built = make(name, options)
    lengths = [built.flush_steps + steps for steps in (2, 1, 3)]
    x = inputs(3, lanes=1, steps=sum(lengths))
    begins = np.cumsum([0, *lengths])
    reset = np.zeros((1, sum(lengths)))
    reset[:, begins[:-1]] = 1
    told = control(reset)
    (packed, _), packed_to_x = with_gradient(x, lambda x: run(built, x, told))
    # Recurrent towers do the same sums step by step; others add up a window at a time.
    exact = name in STEPWISE
    for begin, end in pairwise(begins):
        read = partial(run, built, told=cut(told, begin, end))
        (alone, _), to_x = with_gradient(x[:, begin:end], read)
        np.testing.assert_allclose(
            np.float32(packed[:, begin:end]),
            np.float32(alone),
            rtol=0,
            atol=0 if exact else TOLERANCE[precision],
        )
        scale = np.abs(to_x).max()
        np.testing.assert_allclose(
            packed_to_x[:, begin:end] / scale,
            to_x / scale,
            rtol=0,
            atol=0 if exact else SLOPE_TOLERANCE[precision],
        )


@every_tower
def test_the_first_output_depends_on_the_first_input(name: str, options: dict[str, Any]) -> None:
    built = make(name, options)
    first = built.flush_steps  # windows put that many steps before the first event
    told, x = control(np.eye(1, STEPS)), inputs(4, lanes=1)
    other_x = tf.concat([x[:, :first], inputs(5, lanes=1)[:, first:]], axis=1)
    one, two = run(built, x, told)[0], run(built, other_x, told)[0]
    assert np.abs(one[:, first] - two[:, first]).max() > 1e-2


@every_tower
def test_one_graph_reads_any_number_of_lanes_and_steps(name: str, options: dict[str, Any]) -> None:
    built = make(name, options)
    steps = tf.TensorSpec([None, None])
    signature = [
        tf.TensorSpec([None, None, WIDTH]),
        Control(steps, tf.TensorSpec([None, None], tf.int32)),
    ]
    graph = tf.function(lambda x, told: run(built, x, told), input_signature=signature)
    for lanes, length in [(1, 1), (3, 5)]:
        x, told = inputs(7, lanes, length), control(np.eye(1, length).repeat(lanes, axis=0))
        y, state = graph(x, told)
        wanted, end = run(built, x, told)
        np.testing.assert_allclose(y, wanted, atol=TOLERANCE["float32"])
        for part, whole in zip(state, end, strict=True):
            np.testing.assert_allclose(part, whole, atol=TOLERANCE["float32"])


@every_tower
def test_training_keeps_the_reset_exact(name: str, options: dict[str, Any]) -> None:
    built = make(name, options)
    optimizer = tf.keras.optimizers.AdamW(0.1, weight_decay=0.1)
    reset = np.zeros((LANES, STEPS))
    reset[:, 4] = 1
    x, told = inputs(6), control(reset)
    for _ in range(5):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(run(built, x, told)[0] ** 2)
        optimizer.minimize(loss, built.trainable_variables, tape=tape)
    changed = tf.concat([-x[:, :4], x[:, 4:]], axis=1)
    np.testing.assert_array_equal(
        run(built, x, told)[0][:, 4:], run(built, changed, told)[0][:, 4:]
    )


@every_tower
def test_dropout_leaves_the_reset_alone(name: str, options: dict[str, Any]) -> None:
    built = make(name, {**options, "dropout": 0.9})
    reset = np.zeros((LANES, STEPS))
    reset[:, 4] = 1
    x = tf.Variable(inputs(8))
    with tf.GradientTape() as tape:
        y, _ = run(built, x, control(reset), training=True)
        late = tf.reduce_sum(y[:, 4:])
    np.testing.assert_array_equal(tf.convert_to_tensor(tape.gradient(late, x))[:, :4], 0)


@every_tower
def test_a_seed_repeats_weights_and_dropout(name: str, options: dict[str, Any]) -> None:
    def outputs(seed: int) -> Any:
        built = tower(name, units=UNITS, seed=seed, **{**options, "dropout": 0.5})
        return run(built, inputs(9), control(np.zeros((LANES, STEPS))), training=True)[0]

    np.testing.assert_array_equal(outputs(1), outputs(1))
    assert np.any(outputs(1) != outputs(5000))


@every_tower
def test_a_tower_is_rebuilt_from_its_config(name: str, options: dict[str, Any]) -> None:
    built = make(name, {**options, "dropout": 0.25})
    again = type(built).from_config(built.get_config())
    assert again.get_config() == built.get_config()
    told = control(np.eye(1, STEPS).repeat(LANES, axis=0))
    run(again, inputs(0), told)
    again.set_weights(built.get_weights())
    np.testing.assert_array_equal(run(again, inputs(0), told)[0], run(built, inputs(0), told)[0])


@every_tower
def test_state_size_is_that_of_the_state(
    name: str, options: dict[str, Any], precision: str
) -> None:
    built = tower(name, units=6, **options)
    assert sum(part.numpy().nbytes for part in built.initial_state(1)) == built.state_size_bytes


def test_an_unknown_tower_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="no tower named 'gur'; there are: gru"):
        tower("gur", units=3)
