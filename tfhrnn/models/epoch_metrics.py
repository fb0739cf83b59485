"""What is measured over an epoch's targets while a model is trained or validated."""

from __future__ import annotations

import tensorflow as tf


class Perplexity(tf.keras.metrics.Mean):
    """exp of the mean −log p, weighted by the targets' weights."""

    def result(self) -> tf.Tensor:
        """The perplexity of everything seen since the last reset."""
        return tf.exp(super().result())


class ImpressionLoss(tf.keras.metrics.Mean):
    """Mean nats of the choice among the items shown, of the targets that have impressions."""

    def update_state(
        self, nats: tf.Tensor, shown: tf.Tensor, sample_weight: tf.Tensor
    ) -> tf.Operation:
        """Counts `[lanes, window]` nats of `[lanes, window, most]` columns, −1 for no item."""
        there = tf.cast(tf.reduce_any(shown >= 0, axis=2), tf.float32)
        return super().update_state(nats, sample_weight=sample_weight * there)


class NDCG(tf.keras.metrics.Mean):
    """NDCG@10 with a target a step: the mean of 1 / log2(rank + 2), 0 from rank 10 on."""

    def update_state(
        self, ranks: tf.Tensor, sample_weight: tf.Tensor | None = None
    ) -> tf.Operation:
        """Counts `[...]` int32 ranks with `[...]` weights."""
        place = tf.cast(ranks, tf.float32) + 2.0
        gain = tf.where(ranks < 10, tf.math.log(2.0) / tf.math.log(place), 0.0)
        return super().update_state(gain, sample_weight=sample_weight)
