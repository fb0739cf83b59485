"""The deep-cross network, against its equation in NumPy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf

from tfhrnn.layers import InputCross

X = np.random.default_rng(0).normal(size=(2, 3, 5)).astype(np.float32)


def by_hand(layer: InputCross, x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    weights = [np.asarray(weight, np.float32) for weight in layer.get_weights()]
    crossed = x
    for _ in range(layer.layers):
        matrix = weights.pop(0)
        if layer.rank:
            matrix = matrix @ weights.pop(0)
        crossed = x * (crossed @ matrix + weights.pop(0)) + crossed
    assert not weights
    return crossed


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("rank", [0, 2])
@pytest.mark.parametrize("compiled", [None, False, True])
def test_it_is_the_equation(layers: int, rank: int, compiled: bool | None) -> None:
    layer = InputCross(layers, rank=rank, seed=3)
    layer(X)
    noise = np.random.default_rng(1)
    layer.set_weights([w + 0.3 * noise.normal(size=w.shape) for w in layer.get_weights()])
    call = layer if compiled is None else tf.function(layer, jit_compile=compiled)
    np.testing.assert_allclose(call(tf.constant(X)), by_hand(layer, X), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("policy", "digits"), [("mixed_bfloat16", 2**-8), ("mixed_float16", 2**-11)]
)
def test_mixed_precision_computes_the_same_with_fewer_digits(policy: str, digits: float) -> None:
    layer = InputCross(2, seed=3, dtype=tf.keras.mixed_precision.Policy(policy))
    x = tf.cast(X, layer.compute_dtype)
    found = layer(x)
    assert found.dtype == layer.compute_dtype
    assert all(weight.dtype == tf.float32 for weight in layer.weights)
    expected = by_hand(layer, np.asarray(tf.cast(x, tf.float32)))
    # A few roundings of numbers up to 10.
    np.testing.assert_allclose(tf.cast(found, tf.float32), expected, atol=80 * digits)


def test_a_place_depends_on_nothing_but_itself() -> None:
    layer = InputCross(2, seed=3)
    moved = X.copy()
    moved[:, 1] += 1
    same = layer(X).numpy() == layer(moved).numpy()
    assert same[:, [0, 2]].all() and not same[:, 1].any()


def test_seeds_repeat_weights_and_layers_differ() -> None:
    one, again = InputCross(2, seed=3), InputCross(2, seed=3)
    one(X), again(X)
    for first, second in zip(one.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)
    kernels = [weight for weight in one.get_weights() if weight.ndim == 2]
    assert np.abs(kernels[0] - kernels[1]).max() > 0.1


def test_the_config_rebuilds_the_layer() -> None:
    layer = InputCross(2, rank=4, seed=3)
    assert InputCross.from_config(layer.get_config()).get_config() == layer.get_config()
