"""In-batch softmax through TensorFlow Recommenders: the other steps' targets are the negatives.

−log p(target) ≈ log(exp(s_t) + Σ_j exp(s_j) / ((n − 1) q_j)) − s_t, over the targets j ≠ t of the
window's n steps, q_j being an item's share of the training events: how often it is to be expected
as a target. O(tokens²) a call, and nothing is drawn.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_recommenders as tfrs

from tfhrnn.errors import ConfigError
from tfhrnn.layers.candidate_scores import Scorer, accidental_hits, positives, weighted_sum
from tfhrnn.layers.losses import Targets


class InBatch(tf.Module):
    """`tfrs.tasks.Retrieval` over a window's own targets.

    Three things the task does are done here instead. Its `candidate_sampling_probability` is
    clipped at 1e-6, too large for an item with under 20 of 20 million events, and corrects the
    target too, which is not a draw: the correction is an offset inside the loss. Its removal of
    accidental hits fails under a mixed precision policy and knows one target a step: hits go into
    its `score_mask`, which gives them a probability of exactly 0. And the task takes the precision
    of the global policy: it is made under float32.

    Steps of weight 0 are no candidates. Where tied items share the target the loss is the mean of
    theirs; each stands in its own step's sum, the first one is the candidate of the others'.

    Args:
      item_counts: `[items]` training events of each item; shares are taken from counts plus 1.

    Raises:
      ConfigError: there are no items.

    Source: Yi et al. 2019; the uncorrected target, Khrylchenko et al. 2025.
    """

    def __init__(self, item_counts: npt.NDArray[np.integer]) -> None:
        super().__init__()
        counts = np.asarray(item_counts, np.float64) + 1
        if counts.ndim != 1 or not len(counts):
            raise ConfigError(f"item_counts: got shape {counts.shape}, expected one count an item")
        self._log_share = tf.constant(np.log(counts / counts.sum()), tf.float32)

    def __call__(
        self,
        hidden: tf.Tensor,
        weights: tf.Tensor,
        bias: tf.Tensor,
        targets: Targets,
        *,
        weight: tf.Tensor,
        stays: tf.Tensor | None = None,
        seen_bias: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Judges a window's steps against each other; arguments as in `chunked_cross_entropy`.

        Returns:
          Scalar Σ weight · nats, with gradients to hidden, weights, bias and seen_bias; and the
          `[lanes, window]` float32 nats themselves, without.
        """
        scorer = Scorer(hidden, weights, bias, stays, seen_bias)
        own = positives(targets)
        candidates = own.items[:, 0]
        live = tf.reshape(weight, [-1]) > 0
        others = tf.maximum(tf.reduce_sum(tf.cast(live, tf.float32)) - 1.0, 1.0)
        log_expected = tf.math.log(others) + tf.gather(self._log_share, candidates)
        itself = tf.eye(tf.shape(candidates)[0], dtype=tf.bool)
        offset = scorer.shared_offset(candidates) - tf.where(itself, 0.0, log_expected)

        # The targets beyond the first, which the task knows nothing of.
        more = scorer.own(targets.items[..., 1:])
        counted = tf.where(own.distinct[:, 1:], more, -float("inf"))

        def nats(
            y_true: tf.Tensor, y_pred: tf.Tensor, sample_weight: tf.Tensor | None = None
        ) -> tf.Tensor:
            scores = y_pred + offset
            normalizer = tf.reduce_logsumexp(tf.concat([scores, counted], axis=1), axis=1)
            first = own.share[:, 0] * tf.linalg.diag_part(scores)
            return normalizer - first - tf.reduce_sum(own.share[:, 1:] * more, axis=1)

        # The task takes the `len` of a tensor, which AutoGraph alone can; steps are traced without.
        losses = tf.function(_retrieval(nats))(
            scorer.tokens,
            scorer.rows(candidates)[0],
            score_mask=itself | (live & ~accidental_hits(own, candidates)),
            compute_metrics=False,
            compute_batch_metrics=False,
        )
        return weighted_sum(losses, weight)


def _retrieval(loss: Callable[..., tf.Tensor]) -> tfrs.tasks.Retrieval:
    """The task with a loss, in float32 whatever the global policy is; it takes no dtype."""
    policy = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy("float32")
    try:
        return tfrs.tasks.Retrieval(loss=loss)
    finally:
        tf.keras.mixed_precision.set_global_policy(policy)
