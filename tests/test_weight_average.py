"""The average of the weights: its rule, constraints, and putting things back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfhrnn.weight_average import AveragingAdamW, WeightAverage


class _HalfFixed(tf.keras.constraints.Constraint):
    """Holds the first row at 5."""

    def __call__(self, w: tf.Tensor) -> tf.Tensor:
        return tf.concat([tf.fill([1, w.shape[1]], 5.0), w[1:]], axis=0)


def made(scaled: bool = False) -> Any:
    model = tf.keras.Sequential([tf.keras.layers.Dense(2, kernel_constraint=_HalfFixed())])
    model.build([None, 3])
    optimizer: Any = AveragingAdamW(0.1, decay=0.5, weight_decay=0.5)
    if scaled:
        optimizer = tf.keras.mixed_precision.LossScaleOptimizer(optimizer)
    model.compile(optimizer, "mse")
    model.optimizer.build(model.trainable_variables)
    return model


def fit(model: Any, updates: int) -> list[Any]:
    """The kernel after each update."""
    rng = np.random.default_rng(0)
    kept = []
    for _ in range(updates):
        model.train_on_batch(rng.normal(size=(4, 3)), rng.normal(size=(4, 2)))
        kept.append(model.layers[0].kernel.numpy())
    return kept


@pytest.mark.parametrize("scaled", [False, True])
def test_the_average_is_shown_within_constraints_and_taken_away_bit_for_bit(scaled: bool) -> None:
    model = made(scaled)
    average = model.layers[0].kernel.numpy().astype(np.float64)
    kernels = fit(model, 20)
    for update, kernel in enumerate(kernels):
        decay = min(0.5, (1 + update) / (10 + update))  # .1, 2/11, … and .5 from update 8 on
        average = decay * average + (1 - decay) * kernel
    shown, raw = WeightAverage(model), model.get_weights()
    for _ in range(2):  # twice does no more than once
        shown.show()
    found = model.layers[0].kernel.numpy()
    np.testing.assert_allclose(found[1:], average[1:], rtol=1e-5)
    # Keras averages the first row after its decay and before its constraint, not as 5.
    np.testing.assert_array_equal(found[0], 5)
    for _ in range(2):
        shown.hide()
    for ours, wanted in zip(model.get_weights(), raw, strict=True):
        np.testing.assert_array_equal(ours, wanted)


@pytest.mark.parametrize("scaled", [False, True])
def test_a_restarted_average_is_the_weights(scaled: bool) -> None:
    model = made(scaled)
    fit(model, 3)
    average, raw = WeightAverage(model), model.get_weights()
    average.restart()
    average.show()
    for ours, wanted in zip(model.get_weights(), raw, strict=True):
        np.testing.assert_array_equal(ours, wanted)


def test_without_averaging_it_is_the_optimizer_of_keras() -> None:
    model, plain = made(), made()
    plain.set_weights(model.get_weights())
    plain.compile(tf.keras.optimizers.AdamW(0.1, weight_decay=0.5), "mse")
    for ours, wanted in zip(fit(model, 5), fit(plain, 5), strict=True):
        np.testing.assert_array_equal(ours, wanted)


def test_an_optimizer_is_rebuilt_from_its_config() -> None:
    optimizer = AveragingAdamW(0.1, decay=0.9, global_clipnorm=2.0)
    again = AveragingAdamW.from_config(optimizer.get_config())
    assert again.get_config() == optimizer.get_config()
    assert again.get_config()["decay"] == 0.9 and again.use_ema
