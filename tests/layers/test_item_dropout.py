"""Item dropout: whole items, everywhere in the window, at the input alone."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfhrnn.layers import EventEmbedding, ItemEmbedding
from tfhrnn.layers.item_dropout import ItemDropout

ITEMS, RATE = 200, 0.2
MODES: dict[str, Any] = {
    "eager": lambda f: f,
    "graph": tf.function,
    "compiled": lambda f: tf.function(f, jit_compile=True),
}
# Each index of the table twice, in [lanes, window].
INDICES = tf.constant(np.stack([np.arange(ITEMS + 2), np.arange(ITEMS + 2)[::-1]]), tf.int32)


def make(policy: str = "float32", seed: int = 4) -> ItemDropout:
    return ItemDropout(ITEMS, RATE, first_item=2, seed=seed, dtype=policy)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("mode", MODES)
def test_an_item_is_dropped_wherever_it_stands(mode: str, policy: str) -> None:
    layer = make(policy)
    vectors = tf.ones([*INDICES.shape, 3])
    layer(vectors, INDICES)  # a Keras layer makes its variables outside compiled code
    call = MODES[mode](lambda x: layer(x, INDICES, training=True))
    first, second = (np.asarray(call(vectors), float) for _ in range(2))
    assert call(vectors).dtype == layer.compute_dtype
    np.testing.assert_array_equal(first[0], first[1, ::-1])
    np.testing.assert_array_equal(first, np.repeat(first[..., :1], 3, axis=-1))
    # 1/(1 − .2) is exact in every dtype.
    assert set(np.unique(first)) == {0, 1, 1.25}
    np.testing.assert_array_equal(first[0, :2], 1)  # start and unknown
    assert np.any(first != second)
    # 400 draws: the share's standard deviation is .02.
    share = np.mean([one[0, 2:, 0] == 0 for one in (first, second)])
    assert share == pytest.approx(RATE, abs=0.08)


def test_the_gradient_of_a_dropped_item_is_0() -> None:
    layer, table = make(), tf.ones([ITEMS + 2, 3])
    with tf.GradientTape() as tape:
        tape.watch(table)
        y = layer(tf.gather(table, INDICES), INDICES, training=True)
        total = tf.reduce_sum(y)
    slope = tf.convert_to_tensor(tape.gradient(total, table))
    np.testing.assert_array_equal(slope, 2 * y.numpy()[0])  # each stands twice


def test_outside_training_nothing_is_touched() -> None:
    x = tf.random.stateless_normal([*INDICES.shape, 3], [0, 1])
    np.testing.assert_array_equal(make()(x, INDICES), x)


def test_a_generator_put_back_draws_again_and_exists_before_the_first_draw() -> None:
    layer = make()
    x = tf.ones([*INDICES.shape, 1])
    layer(x, INDICES)
    generator = layer.drop._random_generator._generator
    kept = generator.state.numpy()
    first = layer(x, INDICES, training=True)
    assert np.any(generator.state.numpy() != kept)
    generator.state.assign(kept)
    np.testing.assert_array_equal(layer(x, INDICES, training=True), first)


def test_a_layer_is_rebuilt_from_its_config() -> None:
    layer = make()
    assert ItemDropout.from_config(layer.get_config()).get_config() == layer.get_config()


@pytest.mark.parametrize("tied", [True, False])
def test_events_drop_items_before_anything_else_is_read(tied: bool) -> None:
    """A dropped item leaves the decoder's rows, which are given, and the other inputs alone."""
    features = np.ones((ITEMS, 1), np.float32)
    embedding = EventEmbedding(
        ItemEmbedding(ITEMS, 3, tied=tied, features=features), item_dropout=RATE, seed=0
    )
    rows = tf.ones([ITEMS, 3])
    shape = INDICES.shape
    event = SimpleNamespace(
        item=INDICES,
        level=None,
        feedback=None,
        user=None,
        gap=None,
        query_time=None,
        position=None,
    )
    still = embedding(event, rows).numpy()
    moved = embedding(event, rows, training=True).numpy()
    assert moved.shape == (*shape, 3 if tied else 6)
    gone = np.all(moved == 0, axis=-1)
    assert 0.1 < gone.mean() < 0.3 and not gone[0, :2].any()
    kept = ~gone & (INDICES.numpy() >= 2)
    np.testing.assert_allclose(moved[kept], 1.25 * still[kept], rtol=1e-6)
    np.testing.assert_array_equal(rows, 1)
