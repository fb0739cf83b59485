"""The TCN tower against convolutions written out in NumPy, its reach, its state and its start."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf

from tfhrnn.errors import ConfigError
from tfhrnn.layers.control import Control
from tfhrnn.layers.tcn import CausalConv, TCNTower, steps_since_reset

UNITS, WIDTH = 4, 3
Floats = npt.NDArray[np.float64]
# Sums in another order differ by a few units in the last place of the dtype.
TOLERANCE = {"float32": 1e-5, "mixed_bfloat16": 0.05, "mixed_float16": 1e-2}


@pytest.fixture(params=list(TOLERANCE))
def precision(request: pytest.FixtureRequest) -> Iterator[str]:
    """A Keras precision policy, put back afterwards."""
    tf.keras.mixed_precision.set_global_policy(request.param)
    yield request.param
    tf.keras.mixed_precision.set_global_policy("float32")


def convolved(x: Floats, conv: CausalConv, reset: list[int]) -> Floats:
    """Steps of one lane `[steps, width]`, a tap at a time."""
    v, g, bias = (np.asarray(part, np.float64) for part in (conv.v, conv.g, conv.bias))
    y = np.empty((len(x), len(g)))
    for step in range(len(x)):
        for unit in range(len(g)):
            norm = np.sqrt(np.sum(v[:, :, unit] ** 2))
            y[step, unit] = bias[unit]
            for tap in range(len(v)):
                at = step - tap * conv.dilation
                if at >= 0 and not any(reset[at + 1 : step + 1]):
                    y[step, unit] += g[unit] * np.dot(x[at], v[tap, :, unit]) / norm
    return y


def relu(x: Floats) -> Floats:
    return np.maximum(x, 0)


def linear(x: Floats, layer: Any) -> Floats:
    kernel, bias = layer.get_weights()
    return np.asarray(x @ np.float64(kernel) + bias)


def tcn(x: Floats, tower: TCNTower, reset: list[int]) -> Floats:
    """One lane through the residual blocks of Bai et al. 2018 and both projections."""
    x = x if x.shape[1] == tower.units else linear(x, tower.input_projection)
    for first, second in zip(tower.convs[::2], tower.convs[1::2], strict=True):
        inner = relu(convolved(x, first, reset))
        x = relu(x + relu(convolved(inner, second, reset)))
    return linear(x, tower.output_projection)


def run(tower: Any, x: Any, reset: Any, state: Any = None, **options: Any) -> tuple[Any, Any]:
    given = tf.convert_to_tensor(reset, tf.float32)
    start = tower.initial_state(tf.shape(given)[0]) if state is None else state
    control = Control(given, tf.zeros_like(given, tf.int32))
    return tower(tf.convert_to_tensor(x, tf.float32), control, start, **options)


def built(width: int = WIDTH, *, positive: bool = False, **options: Any) -> TCNTower:
    """A tower with weights, biases among them, drawn anew, of about the size they begin with."""
    tower = TCNTower(UNITS, seed=1, **options)
    run(tower, np.zeros((1, 1, width)), [[0]])
    rng = np.random.default_rng(2)
    for variable in tower.trainable_variables:
        value = rng.normal(size=variable.shape, scale=0.5)
        variable.assign(np.abs(value) if positive else value)
    return tower


def inputs(lanes: int, steps: int, width: int = WIDTH) -> npt.NDArray[np.float32]:
    return np.random.default_rng(3).normal(size=(lanes, steps, width)).astype(np.float32)


def test_steps_are_counted_from_the_last_reset_or_from_what_was_read_before() -> None:
    reset = tf.constant([[0, 0, 0, 0], [1, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 1]], tf.float16)
    read = tf.constant([[0.0], [9.0], [9.0], [9.0]])
    expected = [[1, 2, 3, 4], [1, 2, 3, 4], [10, 1, 1, 2], [10, 11, 12, 1]]
    assert steps_since_reset(reset, read).numpy().tolist() == expected


def test_a_tap_reaches_a_step_only_if_no_reset_lies_between() -> None:
    conv = CausalConv(1, kernel_size=2, dilation=3, gain=1.0)
    x = tf.reshape(tf.range(1.0, 9.0), [1, 8, 1])  # inputs that are their own positions, from 1
    conv.build(x.shape)
    conv.v.assign([[[0.0]], [[1.0]]])  # y_k = x_{k-3}
    lines = {
        (0, 0, 0, 0, 0, 0, 0, 0): [0, 0, 0, 1, 2, 3, 4, 5],  # nothing read yet is 0
        (1, 0, 0, 0, 0, 0, 0, 0): [0, 0, 0, 1, 2, 3, 4, 5],
        (0, 0, 0, 0, 1, 0, 0, 0): [0, 0, 0, 1, 0, 0, 0, 5],  # 1 to 4 are forgotten at 5
        (0, 0, 0, 1, 0, 1, 0, 0): [0, 0, 0, 0, 0, 0, 0, 0],
    }
    for reset, expected in lines.items():
        since = steps_since_reset(tf.constant([reset]), tf.zeros([1, 1]))
        y, last = conv(x, since, tf.zeros([1, 3, 1]))
        assert y[0, :, 0].numpy().tolist() == expected
        assert last[0, :, 0].numpy().tolist() == [6, 7, 8]
    read = tf.constant([[2.0]])  # of the three steps before the window two are this user's
    since = steps_since_reset(tf.zeros([1, 8]), read)
    y, _ = conv(x, since, tf.constant([[[7.0], [8.0], [9.0]]]))
    assert y[0, :, 0].numpy().tolist() == [0, 8, 9, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("width", [WIDTH, UNITS])  # with and without the input's projection
@pytest.mark.parametrize(
    "options",
    [{"blocks": 1}, {"blocks": 3}, {"blocks": 2, "layers": 2}, {"blocks": 2, "kernel_size": 4}],
)
def test_a_tower_is_the_network_of_bai_et_al(width: int, options: dict[str, Any]) -> None:
    tower, x = built(width, **options), inputs(2, 12, width)
    resets = [[0] * 12, [0, 1, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0]]
    y, _ = run(tower, x, resets)
    for lane, reset in enumerate(resets):
        # float32 against float64 over up to ten layers
        np.testing.assert_allclose(y[lane], tcn(x[lane], tower, reset), rtol=1e-4, atol=1e-5)
    assert (len(tower.input_projection.weights) > 0) == (width != UNITS)


@pytest.mark.parametrize(
    "options", [{"blocks": 1}, {"blocks": 3, "layers": 2}, {"blocks": 2, "kernel_size": 4}, {}]
)
def test_the_receptive_field_is_exactly_that(options: dict[str, Any]) -> None:
    tower = built(positive=True, **options)  # positive, so that no ReLU closes a path
    reach = tower.receptive_field
    x = tf.Variable(np.abs(inputs(1, reach + 5)))
    with tf.GradientTape() as tape:
        late = tf.reduce_sum(run(tower, x, np.zeros((1, reach + 5)))[0][:, -1])
    reached = np.any(tape.gradient(late, x).numpy()[0] != 0, axis=-1)
    assert reached.tolist() == [False] * 5 + [True] * reach
    blocks, layers, kernel = (
        options.get(name, usual)
        for name, usual in (("blocks", 5), ("layers", 1), ("kernel_size", 3))
    )
    assert reach == 1 + layers * sum(2 * (kernel - 1) * 2**block for block in range(blocks))


def test_the_defaults_read_125_steps() -> None:
    assert TCNTower(UNITS).receptive_field == 1 + 2 * 2 * (1 + 2 + 4 + 8 + 16) == 125


def test_weights_have_the_norm_g_and_the_direction_v(precision: str) -> None:
    conv = CausalConv(UNITS, kernel_size=3, dilation=1, seed=4)
    x, since, past = inputs(1, 6), tf.range(1, 7)[tf.newaxis], tf.zeros([1, 2, WIDTH])
    conv(x, since, past)
    assert conv.v.dtype == conv.g.dtype == conv.kernel().dtype == tf.float32
    norms = np.sqrt(np.sum(conv.kernel().numpy() ** 2, axis=(0, 1)))
    np.testing.assert_allclose(norms, np.sqrt(2), rtol=1e-6)  # at the start
    conv.g.assign([0.5, -1.0, 2.0, 0.0])
    norms = np.sqrt(np.sum(conv.kernel().numpy() ** 2, axis=(0, 1)))
    np.testing.assert_allclose(norms, [0.5, 1, 2, 0], rtol=1e-6)
    before = conv(x, since, past)[0]
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.cast(conv(x, since, past)[0], tf.float32) ** 2)
    along = np.sum(tape.gradient(loss, conv.v) * conv.v, axis=(0, 1))
    np.testing.assert_allclose(along, 0, atol=1e-5)  # the loss doesn't change with ‖v‖
    conv.v.assign(4 * conv.v)  # a power of 2: exact
    np.testing.assert_array_equal(conv(x, since, past)[0], before)


@pytest.mark.parametrize(
    ("mode", "size"),
    [("eager", 7), ("graph", 1), ("graph", 7), ("graph", 40), ("compiled", 1), ("compiled", 40)],
)
def test_windows_give_the_outputs_of_the_whole(mode: str, size: int, precision: str) -> None:
    tower = built(blocks=2)
    steps = 41  # three receptive fields and a bit
    assert steps > 3 * tower.receptive_field
    x, reset = inputs(2, steps), np.zeros((2, steps), np.float32)
    reset[0, [17, 19]] = 1
    whole, _ = run(tower, x, reset)

    def read(x: Any, reset: Any, state: Any) -> Any:
        return run(tower, x, reset, state)

    parts = tower.initial_state(2)
    unknown = [  # lanes and window, when it is traced
        tf.TensorSpec([None, None, WIDTH]),
        tf.TensorSpec([None, None]),
        tuple(tf.TensorSpec([None, *part.shape[1:]], part.dtype) for part in parts),
    ]
    kinds: dict[str, Callable[..., Any]] = {
        "eager": read,
        "graph": tf.function(read, input_signature=unknown),
        "compiled": tf.function(read, jit_compile=True),
    }
    state, pieces = parts, []
    for begin in range(0, 40, size):
        window = slice(begin, min(begin + size, 40))
        y, state = kinds[mode](tf.constant(x[:, window]), tf.constant(reset[:, window]), state)
        assert [(part.shape, part.dtype) for part in state] == [(p.shape, p.dtype) for p in parts]
        pieces.append(tf.cast(y, tf.float32))
    found, wanted = tf.concat(pieces, 1), tf.cast(whole[:, :-1], tf.float32)
    np.testing.assert_allclose(found, wanted, rtol=TOLERANCE[precision], atol=TOLERANCE[precision])


def test_a_graph_of_unknown_lanes_and_window_begins_from_nothing() -> None:
    tower = built(blocks=2)

    @tf.function(input_signature=[tf.TensorSpec([None, None, WIDTH]), tf.TensorSpec([None, None])])
    def read(x: Any, reset: Any) -> Any:
        y, state = run(tower, x, reset)
        for part, conv in zip(state, tower.convs, strict=False):
            assert part.shape[1:] == [conv.span, UNITS]  # known, for loops that carry it
        assert state[-1].shape[1:] == [1]
        return y

    for lanes, steps in ((1, 1), (3, 5)):
        x, reset = inputs(lanes, steps), np.eye(1, steps, dtype=np.float32).repeat(lanes, axis=0)
        np.testing.assert_allclose(read(x, reset), run(tower, x, reset)[0], atol=1e-6)


def test_a_state_is_the_last_inputs_of_each_convolution(precision: str) -> None:
    tower = built(blocks=2, layers=2)
    start = tower.initial_state(3)
    dtype = tower.compute_dtype
    spans = [2, 2, 4, 4, 2, 2, 4, 4]  # (3 - 1) · dilation
    assert [tuple(part.shape) for part in start] == [(3, n, UNITS) for n in spans] + [(3, 1)]
    assert [part.dtype for part in start] == [dtype] * 8 + [tf.float32]
    assert not any(np.any(part) for part in start)
    nbytes = sum(part.numpy().nbytes for part in tower.initial_state(1))
    assert nbytes == tower.state_size_bytes == 24 * UNITS * tf.as_dtype(dtype).size + 4
    x = inputs(3, 7)
    _, end = run(tower, x, np.zeros((3, 7)))
    np.testing.assert_array_equal(end[0], tower.input_projection(tf.constant(x))[:, -2:])


def test_the_count_is_exact_in_every_precision_and_stops_at_the_receptive_field(
    precision: str,
) -> None:
    tower = built(blocks=8, kernel_size=2)
    assert tower.receptive_field == 511
    state = None
    for steps, count in ((300, 300), (1, 301), (200, 501), (200, 511), (1, 511)):
        _, state = run(tower, np.zeros((1, steps, WIDTH)), np.zeros((1, steps)), state)
        assert state[-1].numpy().tolist() == [[count]]
        assert state[-1].dtype == tf.float32


def test_not_even_an_infinity_crosses_a_reset() -> None:
    tower, x = built(blocks=2), inputs(1, 6)
    reset = [[0, 0, 0, 1, 0, 0]]
    clean, _ = run(tower, x, reset)
    x[:, :3] = np.inf
    state = [tf.fill(part.shape, np.nan) for part in tower.initial_state(1)[:-1]]
    y, _ = run(tower, x, reset, (*state, tf.constant([[50.0]])))
    np.testing.assert_array_equal(y[:, 3:], clean[:, 3:])


def test_dropout_draws_in_training_only_and_leaves_the_reset_alone() -> None:
    tower = built(blocks=2, dropout=0.5)
    x, reset = tf.Variable(inputs(1, 8)), np.zeros((1, 8))
    reset[:, 5] = 1
    plain = run(tower, x, reset)[0]
    np.testing.assert_array_equal(plain, run(tower, x, reset)[0])
    with tf.GradientTape() as tape:
        drawn = run(tower, x, reset, training=True)[0]
        late = tf.reduce_sum(drawn[:, 5:])
    assert np.any(drawn != plain) and np.any(drawn != run(tower, x, reset, training=True)[0])
    to_x = tape.gradient(late, x).numpy()
    np.testing.assert_array_equal(to_x[:, :5], 0)
    assert np.any(to_x[:, 5:] != 0)
    again = built(blocks=2, dropout=0.5)
    np.testing.assert_array_equal(run(again, x, reset, training=True)[0], drawn)


@pytest.mark.parametrize("options", [{}, {"blocks": 1}, {"blocks": 7}, {"layers": 4}])
def test_outputs_start_at_about_the_size_of_the_inputs(options: dict[str, Any]) -> None:
    tower = TCNTower(32, seed=5, **options)
    x = tf.Variable(inputs(8, 140, 24))
    with tf.GradientTape() as tape:
        y, _ = run(tower, x, np.zeros((8, 140)))
        loss = tf.reduce_sum(y * inputs(8, 140, 32))
    # Half to twice the inputs' deviation of 1 at a user's first step, where most taps are masked,
    # and at the last; gradients likewise.
    for part in (y[:, 0], y[:, -1], tape.gradient(loss, x)):
        assert 0.5 < np.std(part) < 2


def test_a_config_holds_every_argument() -> None:
    options: dict[str, Any] = {
        "units": 7,
        "layers": 2,
        "blocks": 3,
        "kernel_size": 4,
        "dropout": 0.25,
        "seed": 9,
        "name": "mine",
    }
    config = TCNTower(**options).get_config()
    assert {name: config[name] for name in options} == options
    again = TCNTower.from_config(config)
    assert [conv.dilation for conv in again.convs[::2]] == [1, 2, 4, 1, 2, 4]
    assert again.drops[3].rate == 0.25 and again.name == "mine"
    conv = CausalConv.from_config(again.convs[3].get_config())
    assert conv.get_config() == again.convs[3].get_config()


def test_a_seed_gives_every_convolution_its_own_weights_and_the_same_ones_again() -> None:
    def weights(seed: int) -> list[Any]:
        tower = TCNTower(UNITS, blocks=2, seed=seed)
        run(tower, np.zeros((1, 1, WIDTH)), [[0]])
        return [conv.v.numpy() for conv in tower.convs]

    one = weights(1)
    assert all(np.any(a != b) for n, a in enumerate(one) for b in one[:n])
    np.testing.assert_array_equal(weights(1), one)
    assert np.any(weights(50)[0] != one[0])


@pytest.mark.parametrize(("name", "value"), [("layers", 0), ("blocks", 0), ("kernel_size", 1)])
def test_what_makes_no_tower_is_refused(name: str, value: int) -> None:
    with pytest.raises(ConfigError, match=f"{name}: got {value}, expected {value + 1} or more"):
        TCNTower(UNITS, **{name: value})
