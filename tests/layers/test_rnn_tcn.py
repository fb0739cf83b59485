"""The combined tower is the sum of its two parts, in either order, and carries both states."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf

from tfhrnn.errors import ConfigError
from tfhrnn.layers.control import Control
from tfhrnn.layers.rnn import GRUTower
from tfhrnn.layers.rnn_tcn import RNNTCNTower
from tfhrnn.layers.tcn import TCNTower

UNITS, WIDTH, STEPS = 4, 3, 12
COMBINE = ("stacked", "parallel")
# Sums in another order differ by a few units in the last place of the dtype.
TOLERANCE = {"float32": 1e-6, "mixed_bfloat16": 0.03, "mixed_float16": 4e-3}


@pytest.fixture(params=list(TOLERANCE))
def precision(request: pytest.FixtureRequest) -> Iterator[str]:
    """A Keras precision policy, put back afterwards."""
    tf.keras.mixed_precision.set_global_policy(request.param)
    yield request.param
    tf.keras.mixed_precision.set_global_policy("float32")


def run(tower: Any, x: Any, reset: Any, state: Any = None, **options: Any) -> tuple[Any, Any]:
    given = tf.convert_to_tensor(reset, tf.float32)
    start = tower.initial_state(tf.shape(given)[0]) if state is None else state
    control = Control(given, tf.zeros_like(given, tf.int32))
    return tower(tf.convert_to_tensor(x, tf.float32), control, start, **options)


def built(**options: Any) -> RNNTCNTower:
    tower = RNNTCNTower(UNITS, seed=1, **options)
    run(tower, np.zeros((1, 1, WIDTH)), [[0]])
    return tower


def inputs(lanes: int = 2, steps: int = STEPS) -> npt.NDArray[np.float32]:
    return np.random.default_rng(3).normal(size=(lanes, steps, WIDTH)).astype(np.float32)


def resets() -> npt.NDArray[np.float32]:
    reset = np.zeros((2, STEPS), np.float32)
    reset[0, [4, 5]] = reset[1, 9] = 1
    return reset


@pytest.mark.parametrize("combine", COMBINE)
def test_it_is_the_sum_of_a_gru_and_a_tcn(combine: str) -> None:
    tower = built(combine=combine, blocks=2, layers=2, kernel_size=2)
    gru, tcn = GRUTower(UNITS, layers=2), TCNTower(UNITS, layers=2, blocks=2, kernel_size=2)
    x, reset = inputs(), resets()
    run(gru, x, reset)  # for their weights to stand
    run(tcn, tf.zeros([2, STEPS, UNITS if combine == "stacked" else WIDTH]), reset)
    gru.set_weights(tower.gru.get_weights())
    tcn.set_weights(tower.tcn.get_weights())
    of_gru, gru_end = run(gru, x, reset)
    of_tcn, tcn_end = run(tcn, of_gru if combine == "stacked" else x, reset)
    y, end = run(tower, x, reset)
    np.testing.assert_allclose(y, of_gru + of_tcn, atol=1e-6)
    for part, wanted in zip(end, (*gru_end, *tcn_end), strict=True):
        np.testing.assert_allclose(part, wanted, atol=1e-6)
    assert np.abs(of_tcn).max() > 0.1 and np.abs(of_gru).max() > 0.1


@pytest.mark.parametrize("combine", COMBINE)
def test_windows_of_unknown_size_give_the_outputs_of_the_whole(
    combine: str, precision: str
) -> None:
    tower = built(combine=combine, blocks=1)
    x, reset = inputs(), resets()
    start = tower.initial_state(2)
    specs = [tf.TensorSpec([None, None, WIDTH]), tf.TensorSpec([None, None])]
    specs.append(tuple(tf.TensorSpec([None, *part.shape[1:]], part.dtype) for part in start))
    read = tf.function(lambda x, reset, state: run(tower, x, reset, state), input_signature=specs)
    whole, _ = run(tower, x, reset)
    for size in (1, 5):
        state, pieces = start, []
        for begin in range(0, STEPS, size):
            window = slice(begin, begin + size)
            y, state = read(tf.constant(x[:, window]), tf.constant(reset[:, window]), state)
            assert [(p.shape, p.dtype) for p in state] == [(p.shape, p.dtype) for p in start]
            pieces.append(tf.cast(y, tf.float32))
        np.testing.assert_allclose(
            tf.concat(pieces, 1), tf.cast(whole, tf.float32), atol=TOLERANCE[precision]
        )


@pytest.mark.parametrize("combine", COMBINE)
def test_nothing_crosses_a_reset_even_under_dropout(combine: str, precision: str) -> None:
    tower = built(combine=combine, blocks=1, layers=2, dropout=0.5)
    x, reset = tf.Variable(inputs(1)), np.zeros((1, STEPS))
    reset[:, 7] = 1
    with tf.GradientTape() as tape:
        state = [tf.ones_like(part) for part in tower.initial_state(1)]
        tape.watch(state)
        y, _ = run(tower, x, reset, state, training=True)
        late = tf.reduce_sum(tf.cast(y[:, 7:], tf.float32) ** 2)
    to_x, to_state = tape.gradient(late, [x, state], unconnected_gradients="zero")
    np.testing.assert_array_equal(to_x[:, :7], 0)
    assert np.any(to_x[:, 7:] != 0)
    assert not any(np.any(part) for part in to_state)


def test_the_gru_reaches_past_the_receptive_field_of_the_tcn() -> None:
    for combine in COMBINE:
        tower = built(combine=combine, blocks=1)
        reach = tower.tcn.receptive_field
        x = tf.Variable(inputs(1, reach + 3))
        with tf.GradientTape() as tape:
            late = tf.reduce_sum(run(tower, x, np.zeros((1, reach + 3)))[0][:, -1])
        assert np.all(np.any(tape.gradient(late, x)[0] != 0, axis=-1))


def test_states_are_the_grus_then_the_tcns(precision: str) -> None:
    tower = built(blocks=2, layers=2)
    size = tf.as_dtype(tower.compute_dtype).size
    shapes = [(2, UNITS)] * 2 + [(2, n, UNITS) for n in (2, 2, 4, 4) * 2] + [(2, 1)]
    assert [tuple(part.shape) for part in tower.initial_state(2)] == shapes
    nbytes = sum(part.numpy().nbytes for part in tower.initial_state(1))
    assert nbytes == tower.state_size_bytes == (2 + 24) * UNITS * size + 4


@pytest.mark.parametrize("combine", COMBINE)
def test_outputs_start_at_about_the_size_of_the_inputs(combine: str) -> None:
    tower = RNNTCNTower(32, combine=combine, seed=5)  # type: ignore[arg-type]
    x = np.random.default_rng(6).normal(size=(8, 60, 24))
    y, _ = run(tower, x, np.zeros((8, 60)))
    for part in (y[:, 0], y[:, -1]):  # a GRU alone is at 0.3, a TCN at 1
        assert 0.25 < np.std(part) < 2


def test_a_config_holds_every_argument() -> None:
    options: dict[str, Any] = {
        "units": 7,
        "layers": 2,
        "combine": "parallel",
        "blocks": 3,
        "kernel_size": 4,
        "dropout": 0.25,
        "seed": 9,
        "name": "mine",
    }
    config = RNNTCNTower(**options).get_config()
    assert {name: config[name] for name in options} == options
    again = RNNTCNTower.from_config(config)
    wanted = {"layers": 2, "dropout": 0.25}
    for part in (again.gru, again.tcn):
        assert {name: part.get_config()[name] for name in wanted} == wanted
    assert (again.tcn.blocks, again.tcn.kernel_size, again.name) == (3, 4, "mine")


def test_a_seed_gives_the_same_weights_again() -> None:
    for one, other in zip(built().get_weights(), built().get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_an_unknown_way_to_combine_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="combine: got 'mixed', expected 'stacked' or 'parallel'"):
        RNNTCNTower(UNITS, combine="mixed")  # type: ignore[arg-type]
