"""Variational dropout: one mask a lane, drawn anew each window, in every mode and precision."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfhrnn.layers import Control, tower
from tfhrnn.layers.variational_dropout import VariationalDropout

LANES, STEPS, WIDTH, RATE = 6, 5, 40, 0.25
MODES: dict[str, Any] = {
    "eager": lambda f: f,
    "graph": tf.function,
    "compiled": lambda f: tf.function(f, jit_compile=True),
}
POLICIES = ("float32", "mixed_bfloat16", "mixed_float16")


def make(policy: str = "float32", seed: int = 3) -> VariationalDropout:
    return VariationalDropout(RATE, seed=seed, force_generator=True, dtype=policy)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("mode", MODES)
def test_a_lane_keeps_its_mask_for_a_window_and_no_longer(mode: str, policy: str) -> None:
    layer = make(policy)
    call = MODES[mode](lambda x: layer(x, training=True))
    first, second = (np.asarray(call(tf.ones([LANES, STEPS, WIDTH])), float) for _ in range(2))
    np.testing.assert_array_equal(first, np.repeat(first[:, :1], STEPS, axis=1))
    # 1/(1 − ¼) in bfloat16 is 1.336.
    np.testing.assert_allclose(np.unique(first), [0, 4 / 3], rtol=3e-3)
    masks = [*first[:, 0], *second[:, 0]]
    assert len(np.unique(masks, axis=0)) == 2 * LANES
    # 480 draws: the share's standard deviation is .02.
    assert np.mean(np.equal(masks, 0)) == pytest.approx(RATE, abs=0.08)


def test_outside_training_nothing_changes() -> None:
    x = tf.random.stateless_normal([LANES, STEPS, WIDTH], [0, 1])
    np.testing.assert_array_equal(make()(x, training=False), x)


def test_a_layer_is_rebuilt_from_its_config() -> None:
    layer = make()
    again = VariationalDropout.from_config(layer.get_config())
    assert again.get_config() == layer.get_config() and again.rate == RATE
    assert again.noise_shape == (None, 1, None)


def between(built: Any, y: Any) -> Any:
    """What the second layer of a tower is given of the first one's outputs."""
    return np.asarray(built.between[0](y, training=True))


@pytest.mark.parametrize("name", ["gru", "lstm", "hgru"])
def test_recurrent_towers_share_the_masks_between_layers_if_asked(name: str) -> None:
    for asked in (True, False):
        built = tower(name, units=WIDTH, layers=2, dropout=RATE, variational_dropout=asked, seed=0)
        masks = between(built, tf.ones([LANES, STEPS, WIDTH]))
        assert np.array_equal(masks[:, 1:], masks[:, :-1]) == asked
        assert type(built).from_config(built.get_config()).get_config() == built.get_config()


def test_towers_without_layers_of_that_kind_are_built_all_the_same() -> None:
    assert tower("tcn", units=4, variational_dropout=True).units == 4


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", ["gru", "lstm", "hgru"])
def test_resets_stay_exact_while_it_draws(name: str, policy: str) -> None:
    layer = make(policy)
    options: dict[str, Any] = {"layers": 2, "dropout": RATE, "variational_dropout": True}
    built = tower(name, units=4, seed=3, dtype=policy, **options)
    reset = np.zeros((LANES, STEPS), np.float32)
    reset[:, 2] = 1
    told = Control(tf.constant(reset), tf.fill([LANES, STEPS], 2))
    x = tf.random.stateless_normal([LANES, STEPS, WIDTH], [0, 2])
    with tf.GradientTape() as tape:
        tape.watch(x)
        state = built.initial_state(LANES)
        y, _ = built(layer(x, training=True), told, state, training=True)
        late = tf.reduce_sum(tf.cast(y[:, 2:], tf.float32) ** 2)
    slope = tape.gradient(late, x).numpy()
    np.testing.assert_array_equal(slope[:, :2], 0)
    assert np.any(slope[:, 3:] != 0)
