"""Weight dropout: what it drops, when, that it repeats, and that the true kernel is what learns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfhrnn.layers import Control
from tfhrnn.layers.rnn import GRUTower, LSTMTower
from tfhrnn.layers.weight_dropout import WeightDropoutGRU, WeightDropoutLSTM

UNITS, LANES, STEPS, WIDTH, RATE = 4, 2, 5, 3, 0.5
LAYERS = {
    "gru": (WeightDropoutGRU, tf.keras.layers.GRU),
    "lstm": (WeightDropoutLSTM, tf.keras.layers.LSTM),
}
MODES: dict[str, Any] = {
    "eager": lambda f: f,
    "graph": tf.function,
    "compiled": lambda f: tf.function(f, jit_compile=True),
}
X = tf.constant(np.random.default_rng(0).normal(size=(LANES, STEPS, WIDTH)), tf.float32)
every_layer = pytest.mark.parametrize("kind", LAYERS)


def make(kind: str, seed: int = 1, **options: Any) -> tuple[Any, Any]:
    """The layer under test, and Keras' own with the same weights."""
    dropped_type, plain_type = LAYERS[kind]
    options = {"return_sequences": True, **options}
    dropped = dropped_type(UNITS, weight_dropout=RATE, seed=seed, **options)
    plain = plain_type(UNITS, **options)
    dropped(X), plain(X)
    plain.set_weights(dropped.get_weights())
    return dropped, plain


def mask_drawn(shape: Any, mode: str) -> Any:
    """What dropout seeded alike makes of ones; XLA's generator draws other numbers."""
    drop = tf.keras.layers.Dropout(RATE, seed=1, force_generator=True)
    return MODES[mode](lambda ones: drop(ones, training=True))(tf.ones(shape))


@every_layer
def test_outside_training_it_is_the_layer_of_keras(kind: str) -> None:
    dropped, plain = make(kind)
    for training in (False, None):
        np.testing.assert_array_equal(dropped(X, training=training), plain(X))
    assert np.any(dropped(X, training=True) != plain(X))


@every_layer
@pytest.mark.parametrize("mode", MODES)
def test_a_window_is_read_with_one_draw_of_the_recurrent_kernel_alone(kind: str, mode: str) -> None:
    dropped, plain = make(kind)
    before = dropped.get_weights()
    # The same seed draws the same mask, which is applied to Keras' own layer by hand.
    mask = mask_drawn(before[1].shape, mode)
    assert set(np.unique(mask)) == {0, 1 / (1 - RATE)}
    plain.set_weights([before[0], before[1] * mask, before[2]])
    y = MODES[mode](lambda x: dropped(x, training=True))(X)
    np.testing.assert_allclose(y, plain(X), atol=1e-6)  # one mask for all steps and lanes
    for kept, given in zip(dropped.get_weights(), before, strict=True):
        np.testing.assert_array_equal(kept, given)


@every_layer
@pytest.mark.parametrize("mode", MODES)
def test_gradients_reach_the_kept_weights_of_the_true_kernel(kind: str, mode: str) -> None:
    dropped, _ = make(kind)
    mask = mask_drawn(dropped.cell.recurrent_kernel.shape, mode)

    def gradients(x: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(dropped(x, training=True) ** 2)
        return tape.gradient(loss, dropped.trainable_variables)

    kernel, recurrent, bias = MODES[mode](gradients)(X)
    np.testing.assert_array_equal(np.asarray(recurrent) != 0, np.asarray(mask) != 0)
    assert np.all(np.asarray(kernel) != 0) and np.any(np.asarray(bias) != 0)


@every_layer
@pytest.mark.parametrize("mode", MODES)
def test_each_call_draws_anew_and_a_generator_put_back_draws_again(kind: str, mode: str) -> None:
    dropped, _ = make(kind)
    call = MODES[mode](lambda: dropped(X, training=True))
    generator = dropped.kernel_dropout._random_generator._generator
    kept = generator.state.numpy()
    first, second = call(), call()
    assert np.any(first != second)
    generator.state.assign(kept)
    np.testing.assert_array_equal(call(), first)
    np.testing.assert_array_equal(call(), second)


@every_layer
def test_one_seed_draws_alike_and_another_does_not(kind: str) -> None:
    one, _ = make(kind, seed=5, bias_initializer="ones")
    twin, other = make(kind, seed=5)[0], make(kind, seed=6)[0]
    for layer in (twin, other):
        layer.set_weights(one.get_weights())
    y = one(X, training=True)
    np.testing.assert_array_equal(twin(X, training=True), y)
    assert np.any(other(X, training=True) != y)


@every_layer
def test_variables_are_those_of_the_layer_of_keras_before_and_after_training(
    kind: str, tmp_path: Path
) -> None:
    dropped, plain = make(kind)
    for _ in range(2):
        assert [v.shape for v in dropped.trainable_variables] == [
            v.shape for v in plain.trainable_variables
        ]
        assert dropped.cell.recurrent_kernel is dropped.trainable_variables[1]
        dropped(X, training=True)
    saved = tf.train.Checkpoint(layer=dropped).write(str(tmp_path / "weights"))
    # A checkpoint of one is read by the other: the kernel's name and place are unchanged.
    plain.set_weights([0 * w for w in plain.get_weights()])
    tf.train.Checkpoint(layer=plain).read(saved).assert_existing_objects_matched()
    np.testing.assert_array_equal(plain(X), dropped(X))


@every_layer
def test_a_layer_is_rebuilt_from_its_config(kind: str) -> None:
    dropped, _ = make(kind)
    again = type(dropped).from_config(dropped.get_config())
    assert again.get_config() == dropped.get_config()
    assert (again.weight_dropout, again.kernel_dropout.rate) == (RATE, RATE)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("tower_type", [GRUTower, LSTMTower])
def test_a_tower_resets_exactly_while_weights_are_dropped(tower_type: Any, policy: str) -> None:
    tower = tower_type(UNITS, layers=2, weight_dropout=RATE, seed=3, dtype=policy)
    reset = np.zeros((LANES, STEPS), np.float32)
    reset[:, 2] = 1
    told = Control(tf.constant(reset), tf.zeros([LANES, STEPS], tf.int32))
    x = tf.identity(X)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y, _ = tower(x, told, tower.initial_state(LANES), training=True)
        late = tf.reduce_sum(tf.cast(y[:, 2:], tf.float32) ** 2)
    to_x = tape.gradient(late, x)
    np.testing.assert_array_equal(to_x[:, :2], 0)
    assert np.any(to_x[:, 3:] != 0)
    drawing = [part for part in tower.submodules if isinstance(part, tf.keras.layers.Dropout)]
    assert sum(part.rate == RATE for part in drawing) == 2  # where training.py finds generators
