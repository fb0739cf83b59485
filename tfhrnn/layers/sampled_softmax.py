"""Sampled softmax: the sum over all items estimated from a few of them.

−log p(target) ≈ log(exp(s_t) + Σ_j exp(s_j) / (n q_j)) − s_t, over n drawn j ≠ t. The sum in the
brackets is right in expectation: a drawn item weighs as much as it was unlikely, and the target,
which is there with certainty, weighs 1. (Correcting the target by its own q, as is often done,
counts it as if it had been drawn and leaves a bias at any n.) The logarithm of an estimate leaves a
bias of order 1/n in value and gradient, which vanishes as n grows.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfhrnn.layers.shared_negatives import Scores, SharedNegatives

_NEVER = -float("inf")  # exp of it and the slope through it are exactly 0


class SampledSoftmax(SharedNegatives):
    """Cross-entropy against drawn items, corrected for how likely each draw was.

    Accidental hits are left out: their score is −inf, so that their probability and their gradient
    are exactly 0. Where tied items share the target the loss is the mean of theirs; all of them
    stand in the sum, each once and uncorrected, and hits on any of them are left out.

    Args:
      item_counts: `[items]` training events of each item.
      negatives: draws a call, shared by its steps.
      sampler: "log_uniform", "popularity" or "uniform".
      alpha: of "popularity".
      seed: of the draws.

    Source: Bengio and Senécal 2008; the uncorrected target, Khrylchenko et al. 2025, "Correcting
    the LogQ Correction".
    """

    def __init__(
        self,
        item_counts: npt.NDArray[np.integer],
        *,
        negatives: int = 512,
        sampler: str = "log_uniform",
        alpha: float = 0.75,
        seed: int = 0,
    ) -> None:
        super().__init__(item_counts, negatives=negatives, sampler=sampler, alpha=alpha, seed=seed)

    def token_losses(self, scores: Scores) -> tf.Tensor:
        """Nats of each token's target, `[tokens]`."""
        drawn = tf.where(scores.hits, _NEVER, scores.drawn - scores.log_expected)
        targets = tf.where(scores.own.distinct, scores.target, _NEVER)
        normalizer = tf.reduce_logsumexp(tf.concat([targets, drawn], axis=1), axis=1)
        return normalizer - tf.reduce_sum(scores.own.share * scores.target, axis=1)
