"""The linear recurrence tower against its equations in NumPy, and what its channels remember."""

from __future__ import annotations

from math import erf
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf

from tfhrnn.layers.control import Control
from tfhrnn.layers.linear_recurrence import LinearRecurrenceTower

UNITS, STEPS, WIDTH = 4, 7, 3
Floats = npt.NDArray[np.float64]


def sigmoid(x: Floats) -> Floats:
    return 1 / (1 + np.exp(-x))


def normalized(x: Floats, weights: list[Any]) -> Floats:
    gamma, beta = (np.float64(part) for part in weights)
    return (x - x.mean()) / np.sqrt(x.var() + 1e-5) * gamma + beta


def block(x: Floats, layer: Any, reset: list[int], h: Floats) -> tuple[Floats, Floats]:
    """Steps of one lane `[steps, units]`, one after another; a reset clears h and opens the input.

    a = σ(−r), h' = a h + √(1 − a²) σ(i) c, y = x + W (g Φ(g) · h') + b.
    """
    inner, bias = np.float64(layer.inner.get_weights()[0]), np.float64(layer.bias)
    outer, outer_bias = (np.float64(part) for part in layer.outer.get_weights())
    phi = np.vectorize(lambda g: 0.5 * (1 + erf(g / 2**0.5)))
    outputs = []
    for row, cleared in zip(x, reset, strict=True):
        n = normalized(row, layer.norm.get_weights())
        r, i, c, g = (n @ inner).reshape(4, -1) + bias
        a = np.zeros_like(r) if cleared else sigmoid(-r)
        h = a * h + np.sqrt(1 - a**2) * sigmoid(i) * c
        outputs.append(row + (g * phi(g) * h) @ outer + outer_bias)
    return np.array(outputs), h


def expected(x: Floats, tower: Any, reset: list[int], state: list[Floats]) -> tuple[Floats, Any]:
    kernel, bias = (np.float64(part) for part in tower.entry.get_weights())
    x, ends = x @ kernel + bias, []
    for layer, h in zip(tower.blocks, state, strict=True):
        x, h = block(x, layer, reset, h)
        ends.append(h)
    return np.array([normalized(row, tower.norm.get_weights()) for row in x]), ends


def built(width: int = WIDTH, **options: Any) -> LinearRecurrenceTower:
    """A tower with every weight drawn anew, biases and norms among them."""
    tower = LinearRecurrenceTower(UNITS, seed=1, **options)
    run(tower, np.zeros((1, 1, width)), [[0]])
    rng = np.random.default_rng(2)
    for variable in tower.trainable_variables:
        variable.assign(tf.constant(rng.normal(size=variable.shape), variable.dtype))
    return tower


def run(tower: Any, x: Any, reset: Any, state: Any = None, **options: Any) -> tuple[Any, Any]:
    given = tf.constant(reset, tf.float32)
    start = tower.initial_state(len(reset)) if state is None else state
    x = tf.cast(x, tf.float32)
    return tower(x, Control(given, tf.zeros_like(given, tf.int32)), start, **options)


@pytest.mark.parametrize("options", [{}, {"layers": 2}, {"expand": 3}])
@pytest.mark.parametrize("reset", [[0] * STEPS, [1, 0, 0, 1, 0, 0, 0], [0, 1, 1, 0, 0, 0, 1]])
def test_outputs_and_state_are_those_of_the_equations(
    options: dict[str, Any], reset: list[int]
) -> None:
    tower = built(**options)
    rng = np.random.default_rng(3)
    x = rng.normal(size=(STEPS, WIDTH))
    state = [rng.normal(size=part.shape[1]) for part in tower.initial_state(1)]
    y, ends = run(tower, x[np.newaxis], [reset], [tf.constant([h], tf.float32) for h in state])
    wanted, wanted_ends = expected(x, tower, reset, state)
    # float32 against float64, through a norm of four units that may magnify an error tenfold
    np.testing.assert_allclose(y[0], wanted, atol=1e-5)
    for end, wanted_end in zip(ends, wanted_ends, strict=True):
        np.testing.assert_allclose(end[0], wanted_end, atol=1e-5)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_one_step_at_a_time_is_the_window(policy: str) -> None:
    tower = built(layers=2, dtype=policy)
    x = np.random.default_rng(4).normal(size=(2, 20, WIDTH))
    whole, ends = run(tower, x, np.zeros((2, 20)))
    state, steps = tower.initial_state(2), []
    for k in range(20):
        y, state = run(tower, x[:, k : k + 1], np.zeros((2, 1)), state)
        steps.append(y)
    # One rounding of the precision, magnified by a norm of four units; float32 sums in other order.
    atol = {"float32": 1e-5, "mixed_bfloat16": 0.1, "mixed_float16": 0.01}[policy]
    np.testing.assert_allclose(np.float32(tf.concat(steps, 1)), np.float32(whole), atol=atol)
    for part, end in zip(state, ends, strict=True):
        assert part.dtype == end.dtype == tf.float32
        np.testing.assert_allclose(part, end, atol=atol)


def test_new_channels_remember_from_a_few_to_thousands_of_steps() -> None:
    tower = LinearRecurrenceTower(128, seed=1)
    # A blank input is 0 after the norm as well: nothing is written, and a is the bias' alone.
    steps = 1000
    _, (left,) = run(tower, np.zeros((1, steps, WIDTH)), np.zeros((1, steps)), [tf.ones([1, 128])])
    memories = -steps / np.log(np.maximum(np.float64(left[0]), 1e-300))
    # 2, …, 4096 are eleven doublings, and log₂ 4.096 = 2.03 of them lie over 1,000: 18.5 %
    assert np.mean(memories > 1000) == pytest.approx(0.185, abs=1 / 128)
    assert memories.max() == pytest.approx(4096, rel=1e-3)
    _, (left,) = run(tower, np.zeros((1, 4, WIDTH)), np.zeros((1, 4)), [tf.ones([1, 128])])
    short = -4 / np.log(np.float64(left[0]))
    assert short.min() == pytest.approx(2, rel=1e-3)
    assert np.mean(short < 10) == pytest.approx(np.log2(5) / 11, abs=1 / 128)


def test_the_gradient_of_a_new_tower_reaches_across_a_thousand_steps() -> None:
    tower = LinearRecurrenceTower(16, seed=1)
    x = tf.Variable(np.random.default_rng(5).normal(size=(1, 1001, WIDTH)), dtype=tf.float32)
    with tf.GradientTape() as tape:
        y, _ = run(tower, x, np.eye(1, 1001))
        last = tf.reduce_sum(y[:, -1] * tf.range(16.0))
    slope = tf.norm(tape.gradient(last, x)[0], axis=-1).numpy()
    # A channel of 4,096 steps keeps exp(-1000 / 4096 · mean e^N(0,1)) = 0.67 of the first input, at
    # scale 1; the last input also goes past the recurrence.
    assert slope[:10].min() > 1e-4 * slope[-1]


@pytest.mark.parametrize("bias", [-300.0, 300.0])
def test_gates_at_their_ends_have_finite_gradients(bias: float) -> None:
    tower = built()
    (layer,) = tower.blocks
    layer.bias.assign(tf.concat([tf.fill([1, UNITS], bias), layer.bias[1:]], axis=0))
    x = tf.Variable(np.random.default_rng(6).normal(size=(1, STEPS, WIDTH)), dtype=tf.float32)
    state = tf.fill([1, UNITS], 0.5)
    with tf.GradientTape() as tape:
        y, (end,) = run(tower, x, [[0] * STEPS], [state])
        total = tf.reduce_sum(y**2)
    found = tape.gradient(total, [x, *tower.trainable_variables])
    assert all(np.all(np.isfinite(tf.convert_to_tensor(part))) for part in found)
    if bias < 0:  # a = 1 and nothing is written
        np.testing.assert_array_equal(end, state)


def test_a_reset_undoes_junk_exactly() -> None:
    tower = built(layers=2)
    x = np.random.default_rng(7).normal(size=(1, STEPS, WIDTH))
    ends = [
        run(tower, x, np.eye(1, STEPS), [tf.fill([1, UNITS], junk)] * 2) for junk in (0.0, 1.0, -7)
    ]
    for y, state in ends[1:]:
        np.testing.assert_array_equal(y, ends[0][0])
        np.testing.assert_array_equal(state, ends[0][1])


def test_dropout_drops_what_a_block_adds_and_not_what_it_keeps() -> None:
    tower = built(dropout=0.5)
    x = np.random.default_rng(8).normal(size=(1, STEPS, WIDTH))
    y, (end,) = run(tower, x, np.zeros((1, STEPS)), training=True)
    calm, (calm_end,) = run(tower, x, np.zeros((1, STEPS)))
    assert np.any(y != calm)
    np.testing.assert_array_equal(end, calm_end)


def test_states_are_float32_zeros_a_layer() -> None:
    tower = LinearRecurrenceTower(5, layers=3, expand=2, dtype="mixed_float16")
    states = tower.initial_state(2)
    assert [(tuple(part.shape), part.dtype) for part in states] == [((2, 10), tf.float32)] * 3
    assert not any(np.any(part) for part in states)
    assert tower.state_size_bytes == 3 * 10 * 4


def test_a_config_holds_every_argument() -> None:
    options: dict[str, Any] = {
        **{"units": 7, "layers": 2, "dropout": 0.25, "expand": 3, "seed": 9, "name": "mine"}
    }
    config = LinearRecurrenceTower(**options).get_config()
    assert {name: config[name] for name in options} == options
    again = LinearRecurrenceTower.from_config(config)
    assert [part.get_config()["expand"] for part in again.blocks] == [3, 3]
    assert again.blocks[0].drop.rate == 0.25 and again.name == "mine"


def test_a_seed_gives_every_layer_its_own_weights_and_the_same_ones_again() -> None:
    def weights(seed: int) -> list[Any]:
        tower = LinearRecurrenceTower(UNITS, layers=2, seed=seed)
        run(tower, np.zeros((1, 1, WIDTH)), [[0]])
        return [part.inner.get_weights()[0] for part in tower.blocks]

    below, above = weights(1)
    assert np.any(below != above)
    np.testing.assert_array_equal(weights(1)[0], below)
    assert np.any(weights(50)[0] != below)


def test_biases_are_named_as_such_so_that_none_decays() -> None:
    tower = built(layers=2)
    vectors = [
        v.name for v in tower.trainable_variables if "norm" not in v.name and "kernel" not in v.name
    ]
    assert len(vectors) == 5 and all("bias" in name for name in vectors)
