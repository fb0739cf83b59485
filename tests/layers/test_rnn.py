"""The GRU and LSTM towers against ones written out in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf

from tfhrnn.layers.control import Control
from tfhrnn.layers.rnn import GRUTower, LSTMTower

UNITS, STEPS, WIDTH = 3, 4, 2
Floats = npt.NDArray[np.float64]


def sigmoid(x: Floats) -> Floats:
    return 1 / (1 + np.exp(-x))


def gru(x: Floats, weights: list[Any], reset: list[int], state: Floats) -> Floats:
    """Steps of one lane `[steps, units]`; a reset forgets the state and closes both gates.

    z = σ(W_z x + U_z h + b_z), r = σ(W_r x + U_r h + b_r),
    c = tanh(W x + b_x + r · (U h + b_h)), h' = z h + (1 - z) c; after a reset h' = tanh(W x + b_x).
    """
    kernel, recurrent, bias = (np.asarray(part, np.float64) for part in weights)
    kernel = kernel[:-1]  # the last row is the reset channel's
    outputs = []
    for step, row in enumerate(x):
        z_x, r_x, c_x = np.split(row @ kernel + bias[0], 3)
        z_h, r_h, c_h = np.split(state @ recurrent + bias[1], 3)
        if reset[step]:
            state = np.tanh(c_x)
        else:
            z, r = sigmoid(z_x + z_h), sigmoid(r_x + r_h)
            state = z * state + (1 - z) * np.tanh(c_x + r * c_h)
        outputs.append(state)
    return np.array(outputs)


def lstm(x: Floats, weights: list[Any], reset: list[int], h: Floats, c: Floats) -> Floats:
    """Steps of one lane `[steps, 2, units]`, (h, c) after each; a reset reads nothing.

    i, f, o = σ(W x + U h + b) each with its own weights, c' = f c + i tanh(W_c x + U_c h + b_c),
    h' = o tanh(c'); after a reset h' = c' = 0.
    """
    kernel, recurrent, bias = (np.asarray(part, np.float64) for part in weights)
    outputs = []
    for step, row in enumerate(x):
        i, f, new, o = np.split(row @ kernel[:-1] + h @ recurrent + bias, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(new)
        h = sigmoid(o) * np.tanh(c)
        if reset[step]:
            h, c = 0 * h, 0 * c
        outputs.append([h, c])
    return np.array(outputs)


def built(kind: Any = GRUTower, **options: Any) -> Any:
    """A tower with weights, biases among them, drawn anew; the reset row as it must be."""
    tower = kind(UNITS, seed=1, **options)
    run(tower, np.zeros((1, 1, WIDTH)), [[0]])
    rng = np.random.default_rng(2)
    for variable in tower.trainable_variables:
        value = tf.constant(rng.normal(size=variable.shape), variable.dtype)
        variable.assign(variable.constraint(value) if variable.constraint else value)
    return tower


def run(tower: Any, x: Any, reset: Any, state: Any = None) -> tuple[Any, Any]:
    given = tf.constant(reset, tf.float32)
    start = tower.initial_state(len(x)) if state is None else state
    return tower(tf.constant(x, tf.float32), Control(given, tf.zeros_like(given, tf.int32)), start)


@pytest.mark.parametrize("reset", [[0, 0, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [1, 1, 0, 1]])
def test_one_layer_is_the_gru_of_the_paper(reset: list[int]) -> None:
    tower = built()
    rng = np.random.default_rng(3)
    x, state = rng.normal(size=(STEPS, WIDTH)), rng.normal(size=UNITS)
    y, (last,) = run(tower, x[np.newaxis], [reset], [tf.constant(state[np.newaxis], tf.float32)])
    expected = gru(x, tower.cells[0].get_weights(), reset, state)
    # float32 against float64 over four steps
    np.testing.assert_allclose(y[0], expected, atol=1e-6)
    np.testing.assert_array_equal(last[0], y[0, -1])


def test_layers_read_the_one_below_and_reset_together() -> None:
    tower = built(layers=2)
    x = np.random.default_rng(4).normal(size=(STEPS, WIDTH))
    reset, zero = [1, 0, 1, 0], np.zeros(UNITS)
    y, states = run(tower, x[np.newaxis], [reset])
    below = gru(x, tower.cells[0].get_weights(), reset, zero)
    above = gru(below, tower.cells[1].get_weights(), reset, zero)
    np.testing.assert_allclose(y[0], above, atol=1e-6)
    np.testing.assert_allclose(states[0][0], below[-1], atol=1e-6)
    np.testing.assert_allclose(states[1][0], above[-1], atol=1e-6)


@pytest.mark.parametrize("reset", [[0, 0, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [1, 1, 0, 1]])
def test_one_layer_is_the_lstm_of_the_paper(reset: list[int]) -> None:
    tower = built(LSTMTower)
    rng = np.random.default_rng(3)
    x, state = rng.normal(size=(STEPS, WIDTH)), rng.normal(size=(2, UNITS))
    given = [tf.constant(part[np.newaxis], tf.float32) for part in state]
    y, last = run(tower, x[np.newaxis], [reset], given)
    expected = lstm(x, tower.cells[0].get_weights(), reset, *state)
    np.testing.assert_allclose(y[0], expected[:, 0], atol=1e-6)
    np.testing.assert_array_equal(y[0][np.array(reset) == 1], 0)
    np.testing.assert_array_equal(last[0][0], y[0, -1])
    np.testing.assert_allclose(last[1][0], expected[-1, 1], atol=1e-6)


def test_lstm_layers_read_the_one_below_and_keep_their_states_in_pairs() -> None:
    tower = built(LSTMTower, layers=2)
    x = np.random.default_rng(4).normal(size=(STEPS, WIDTH))
    reset, zero = [1, 0, 1, 0], np.zeros(UNITS)
    y, states = run(tower, x[np.newaxis], [reset])
    below = lstm(x, tower.cells[0].get_weights(), reset, zero, zero)
    above = lstm(below[:, 0], tower.cells[1].get_weights(), reset, zero, zero)
    np.testing.assert_allclose(y[0], above[:, 0], atol=1e-6)
    expected = [below[-1, 0], below[-1, 1], above[-1, 0], above[-1, 1]]  # h, c, h, c
    np.testing.assert_allclose(np.array(states)[:, 0], expected, atol=1e-6)


@pytest.mark.parametrize("layers", [1, 2])
def test_a_flush_step_leaves_an_lstm_as_at_the_very_start(layers: int) -> None:
    tower = built(LSTMTower, layers=layers)
    x = np.random.default_rng(6).normal(size=(1, STEPS, WIDTH))
    flushed, _ = run(tower, x, [[0, 1, 0, 0]])
    fresh, _ = run(tower, x[:, 2:], [[0, 0]])
    np.testing.assert_array_equal(flushed[:, 2:], fresh)
    assert (LSTMTower.flush_steps, GRUTower.flush_steps) == (1, 0)


def test_lanes_reset_each_for_itself() -> None:
    tower = built()
    x = np.random.default_rng(5).normal(size=(2, STEPS, WIDTH))
    reset = [[0, 1, 0, 0], [0, 0, 0, 1]]
    y, _ = run(tower, x, reset)
    for lane in range(2):
        expected = gru(x[lane], tower.cells[0].get_weights(), reset[lane], np.zeros(UNITS))
        np.testing.assert_allclose(y[lane], expected, atol=1e-6)


@pytest.mark.parametrize("kind", [GRUTower, LSTMTower])
def test_the_level_reaches_a_layer_through_its_input_alone(kind: Any) -> None:
    tower = built(kind)
    x = tf.ones([1, STEPS, WIDTH])
    reset, level = tf.zeros([1, STEPS]), tf.zeros([1, STEPS], tf.int32)
    quiet, _ = tower(x, Control(reset, level), tower.initial_state(1))
    loud, _ = tower(x, Control(reset, level + 4), tower.initial_state(1))
    np.testing.assert_array_equal(quiet, loud)


@pytest.mark.parametrize(("kind", "parts"), [(GRUTower, 1), (LSTMTower, 2)])
def test_states_are_zeros_a_layer_in_the_precision_of_computing(kind: Any, parts: int) -> None:
    tower = kind(5, layers=3, dtype="mixed_float16")
    states = tower.initial_state(2)
    expected = [((2, 5), tf.float16)] * (3 * parts)
    assert [(tuple(part.shape), part.dtype) for part in states] == expected
    assert not any(np.any(part) for part in states)
    assert tower.state_size_bytes == 3 * parts * 5 * 2


@pytest.mark.parametrize("kind", [GRUTower, LSTMTower])
@pytest.mark.parametrize("weight_dropout", [0.0, 0.5])
def test_a_config_holds_every_argument(kind: Any, weight_dropout: float) -> None:
    options: dict[str, Any] = {"units": 7, "layers": 2, "dropout": 0.25, "seed": 9, "name": "mine"}
    options["weight_dropout"] = weight_dropout
    config = kind(**options).get_config()
    assert {name: config[name] for name in options} == options
    again = kind.from_config(config)
    assert (again.units, len(again.cells), len(again.between)) == (7, 2, 1)
    assert again.between[0].rate == 0.25 and again.name == "mine"


@pytest.mark.parametrize("kind", [GRUTower, LSTMTower])
def test_a_seed_gives_every_layer_its_own_weights_and_the_same_ones_again(kind: Any) -> None:
    def weights(seed: int) -> list[Any]:
        tower = kind(WIDTH, layers=2, seed=seed)  # as wide as its input: layers have one shape
        run(tower, np.zeros((1, 1, WIDTH)), [[0]])
        return [cell.get_weights()[0] for cell in tower.cells]

    below, above = weights(1)
    assert np.any(below != above)
    np.testing.assert_array_equal(weights(1)[0], below)
    assert np.any(weights(50)[0] != below)
