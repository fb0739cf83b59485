"""The read-out is a residual step that sees one place at a time."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfhrnn.layers import ReadOut

RANDOM = np.random.default_rng(0)
Y = RANDOM.normal(size=(2, 5, 4)).astype(np.float32)
X = RANDOM.normal(size=(2, 5, 7)).astype(np.float32)


def test_it_is_the_formula() -> None:
    layer = ReadOut(4, seed=1)
    found = layer(Y, X).numpy()
    w1, b1, w2, b2 = (weight.numpy() for weight in layer.weights)
    inner = np.concatenate([Y, X], axis=-1) @ w1 + b1
    # gelu in its exact form, with the error function spelt out.
    gelu = 0.5 * inner * (1 + tf.math.erf(inner / np.sqrt(2)).numpy())
    np.testing.assert_allclose(found, Y + gelu @ w2 + b2, atol=1e-5)


def test_a_place_depends_on_nothing_but_itself() -> None:
    layer = ReadOut(4, seed=1)
    whole = layer(Y, X).numpy()
    changed = X.copy()
    changed[:, 2] += 1
    other = layer(Y, changed).numpy()
    same = np.arange(5) != 2
    np.testing.assert_array_equal(whole[:, same], other[:, same])
    assert np.abs(whole[:, 2] - other[:, 2]).max() > 1e-3


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_it_keeps_the_towers_dtype_and_rebuilds_from_its_config(policy: str) -> None:
    layer = ReadOut(4, seed=1, dtype=tf.keras.mixed_precision.Policy(policy))
    y = tf.cast(Y, layer.compute_dtype)
    assert layer(y, X).dtype == layer.compute_dtype
    again = ReadOut.from_config(layer.get_config())
    again(y, X)
    for one, other in zip(layer.weights, again.weights, strict=True):
        np.testing.assert_array_equal(one, other)
