"""The first item's features as user features, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfhrnn.layers import FirstItemEmbedding

FEATURES = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)


def test_features_of_the_index_go_through_one_dense_layer() -> None:
    layer = FirstItemEmbedding(2, features=FEATURES, seed=1)
    found = layer(tf.constant([[2, 2], [5, 3]]))
    kernel, bias = layer.trainable_weights
    rows = FEATURES[[[0, 0], [3, 1]]]  # items begin at index 2
    np.testing.assert_allclose(found, np.tanh(rows @ kernel.numpy() + bias), rtol=1e-5)


def test_no_first_item_and_an_unknown_one_have_no_features() -> None:
    layer = FirstItemEmbedding(2, features=FEATURES, seed=1)
    layer(tf.constant([0]))
    bias = layer.trainable_weights[1]
    bias.assign([0.5, -1.0])
    np.testing.assert_allclose(layer(tf.constant([0, 1])), np.tanh([[0.5, -1.0]] * 2), rtol=1e-6)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("compiled", [False, True])
def test_any_precision_and_compiled(policy: str, compiled: bool) -> None:
    layer = FirstItemEmbedding(
        2, features=FEATURES, seed=1, dtype=tf.keras.mixed_precision.Policy(policy)
    )
    plain = FirstItemEmbedding(2, features=FEATURES, seed=1)
    indices = tf.constant([2, 3, 4, 5, 0])
    found = tf.function(layer, jit_compile=compiled)(indices)
    assert found.dtype == layer.compute_dtype
    # Eight bits of a number below 1, a few times.
    np.testing.assert_allclose(tf.cast(found, tf.float32), plain(indices), atol=0.03)


def test_features_are_not_trained_and_the_config_rebuilds_the_layer() -> None:
    layer = FirstItemEmbedding(2, features=FEATURES, seed=1)
    again = FirstItemEmbedding.from_config(layer.get_config())
    indices = tf.constant([2, 4])
    np.testing.assert_array_equal(layer(indices), again(indices))
    assert [weight.shape for weight in layer.trainable_weights] == [(3, 2), (2,)]
