"""A sign for negative feedback, against the rule written out."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from tfhrnn.layers import EventEmbedding, ItemEmbedding, Negation

NAN = float("nan")


def test_only_known_feedback_below_the_threshold_turns_a_vector_around() -> None:
    vectors = np.arange(1, 13, dtype=np.float32).reshape(2, 3, 2)
    feedback = np.array([[3.0, 3.5, NAN], [3.4999, 5.0, -1e9]], np.float32)
    sign = np.array([[-1, 1, 1], [-1, 1, -1]])[..., None]
    np.testing.assert_array_equal(Negation(3.5)(vectors, feedback), vectors * sign)


def test_dropped_channels_and_other_parts_keep_their_values() -> None:
    """In an event only the item part turns around, whatever dropout made of it."""
    layer = EventEmbedding(ItemEmbedding(3, 64), negation=Negation(0.0), dropout=0.5, seed=1)
    event = SimpleNamespace(item=tf.fill([2, 3], 2), feedback=tf.fill([2, 3], -1.0))
    unread = ("level", "user", "gap", "query_time", "position")
    vars(event).update(dict.fromkeys(unread))
    found = layer(event, tf.ones([3, 64]), training=True).numpy()
    assert set(np.unique(found)) == {-2.0, 0.0}  # 1 / (1 - 0.5), turned around, or dropped
    assert set(np.unique(layer(event, tf.ones([3, 64])))) == {-1.0}


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("compiled", [None, False, True])
def test_it_is_right_in_any_precision_and_compiled(policy: str, compiled: bool | None) -> None:
    layer = Negation(3.53, dtype=tf.keras.mixed_precision.Policy(policy))
    call = layer if compiled is None else tf.function(layer, jit_compile=compiled)
    vectors = tf.cast(tf.ones([4, 2]), layer.compute_dtype)
    # 3.53 and 3.54 are one number in bfloat16: the comparison must stay in float32.
    found = call(vectors, tf.constant([3.53, 3.54, 3.52, NAN]))
    assert found.dtype == layer.compute_dtype
    np.testing.assert_array_equal(tf.cast(found[:, 0], tf.float32), [1, 1, -1, 1])


def test_the_config_rebuilds_the_layer() -> None:
    assert Negation.from_config(Negation(2.5).get_config()).below == 2.5
