"""What the chunked softmax costs beside TensorFlow's own, and its seen mask beside a running sum.

One window of ml-100k's size: 16 lanes, 64 steps, 128 units, 1,682 items; value and gradient.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

import tfhrnn  # noqa: F401  (picks Keras 2)
from benchmarks.timing import side_by_side
from tfhrnn.layers import chunked_cross_entropy, seen_mask
from tfhrnn.layers.losses import Targets

LANES, WINDOW, UNITS, ITEMS, ENTRIES = 16, 64, 128, 1682, 576


def run(rounds: int) -> list[dict[str, Any]]:
    """The rows: whole softmax, chunked, chunked with a seen term; mask by cumsum, ours."""
    rng = np.random.default_rng(0)
    hidden = tf.Variable(rng.normal(size=(LANES, WINDOW, UNITS)), dtype=tf.float32)
    weights = tf.Variable(rng.normal(size=(ITEMS, UNITS)), dtype=tf.float32)
    bias = tf.Variable(tf.zeros([ITEMS]))
    beta = tf.Variable(-3.0)
    target = tf.constant(rng.integers(0, ITEMS, (LANES, WINDOW)), tf.int32)
    first = rng.integers(0, WINDOW, (LANES, ENTRIES))
    stays = tf.constant(
        np.stack([rng.integers(0, ITEMS, first.shape), first, np.full_like(first, WINDOW)], -1),
        tf.int32,
    )
    leaves = [hidden, weights, bias]
    targets = Targets(target[..., tf.newaxis], tf.ones([LANES, WINDOW], tf.int32))

    @tf.function
    def whole() -> Any:
        with tf.GradientTape() as tape:
            scores = tf.einsum("lwu,iu->lwi", hidden, weights) + bias
            nats = tf.nn.sparse_softmax_cross_entropy_with_logits(target, scores)
            loss = tf.reduce_sum(nats)
        return tape.gradient(loss, leaves)

    def chunked(stays: tf.Tensor | None) -> Any:
        @tf.function
        def step() -> Any:
            with tf.GradientTape() as tape:
                loss, _ = chunked_cross_entropy(
                    hidden,
                    weights,
                    bias,
                    targets,
                    weight=tf.ones([LANES, WINDOW]),
                    stays=stays,
                    seen_bias=None if stays is None else beta,
                )
            return tape.gradient(loss, leaves)

        return step

    @tf.function
    def by_cumsum() -> Any:
        at = tf.range(LANES)[:, tf.newaxis] + tf.zeros_like(stays[..., 0])
        change = tf.scatter_nd(
            tf.stack([at, stays[..., 1], stays[..., 0]], axis=-1),
            tf.ones(stays.shape[:2]),
            [LANES, WINDOW, ITEMS],
        )
        return tf.reduce_sum(tf.cumsum(change, axis=1))

    @tf.function
    def by_product() -> Any:
        return tf.reduce_sum(seen_mask(stays, WINDOW, ITEMS))

    losses = {
        "softmax, all scores held": whole,
        "softmax in chunks": chunked(None),
        "softmax in chunks, seen term": chunked(stays),
    }
    masks = {"seen mask by cumsum": by_cumsum, "seen mask by product": by_product}
    return side_by_side(losses, rounds) + side_by_side(masks, rounds)
