"""What the chunked softmax costs beside TensorFlow's own, and its seen mask beside a running sum.

One window of ml-100k's size: 16 lanes, 64 steps, 128 units, 1,682 items; value and gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

import tfhrnn  # noqa: F401  (picks Keras 2)
from benchmarks.timing import side_by_side
from tfhrnn.layers import chunked_cross_entropy, seen_mask
from tfhrnn.layers.losses import Targets

Ways = dict[str, Callable[[], Any]]


class Sizes(NamedTuple):
    """How large a window is; `entries` are stays in a lane's seen sets."""

    lanes: int = 16
    window: int = 64
    units: int = 128
    items: int = 1682
    entries: int = 576


def ways(sizes: Sizes) -> tuple[Ways, Ways]:
    """What is timed, by name, on one random window.

    Returns:
      Losses, each giving its value and gradients to hidden states, item weights and biases: the
      whole softmax, in chunks, in chunks with a seen term. Seen masks `[lanes, window, items]` of
      float32: by a running sum, ours.
    """
    lanes, window, units, items, entries = sizes
    rng = np.random.default_rng(0)
    hidden = tf.Variable(rng.normal(size=(lanes, window, units)), dtype=tf.float32)
    weights = tf.Variable(rng.normal(size=(items, units)), dtype=tf.float32)
    bias = tf.Variable(tf.zeros([items]))
    beta = tf.Variable(-3.0)
    target = tf.constant(rng.integers(0, items, (lanes, window)), tf.int32)
    first = rng.integers(0, window, (lanes, entries))
    # Each item once a lane, as in a seen set.
    column = rng.permuted(np.tile(np.arange(items), (lanes, 1)), axis=1)[:, :entries]
    stays = tf.constant(np.stack([column, first, np.full_like(first, window)], -1), tf.int32)
    leaves = [hidden, weights, bias]
    targets = Targets(target[..., tf.newaxis], tf.ones([lanes, window], tf.int32))

    @tf.function
    def whole() -> Any:
        with tf.GradientTape() as tape:
            scores = tf.einsum("lwu,iu->lwi", hidden, weights) + bias
            nats = tf.nn.sparse_softmax_cross_entropy_with_logits(target, scores)
            loss = tf.reduce_sum(nats)
        return loss, tape.gradient(loss, leaves)

    def chunked(stays: tf.Tensor | None) -> Callable[[], Any]:
        @tf.function
        def step() -> Any:
            with tf.GradientTape() as tape:
                loss, _ = chunked_cross_entropy(
                    hidden,
                    weights,
                    bias,
                    targets,
                    weight=tf.ones([lanes, window]),
                    stays=stays,
                    seen_bias=None if stays is None else beta,
                )
            return loss, tape.gradient(loss, leaves)

        return step

    @tf.function
    def by_cumsum() -> Any:
        at = tf.range(lanes)[:, tf.newaxis] + tf.zeros_like(stays[..., 0])
        change = tf.scatter_nd(
            tf.stack([at, stays[..., 1], stays[..., 0]], axis=-1),
            tf.ones(stays.shape[:2]),
            [lanes, window, items],
        )
        return tf.cumsum(change, axis=1)

    @tf.function
    def by_product() -> Any:
        return seen_mask(stays, window, items)

    losses: Ways = {
        "softmax, all scores held": whole,
        "softmax in chunks": chunked(None),
        "softmax in chunks, seen term": chunked(stays),
    }
    return losses, {"seen mask by cumsum": by_cumsum, "seen mask by product": by_product}


def run(rounds: int, sizes: Sizes | None = None) -> list[dict[str, Any]]:
    """The rows: whole softmax, chunked, chunked with a seen term; mask by cumsum, ours."""
    losses, masks = ways(sizes or Sizes())
    return side_by_side(losses, rounds) + side_by_side(masks, rounds)
