"""BPR-max: the target should beat the negatives, above all those that score highest.

−log Σ_j π_j σ(s_t − s_j) + λ Σ_j π_j s_j², π = softmax of the negatives' scores. A ranking loss:
its scores are no log-probabilities (`tfhrnn.evaluation.calibration` makes them some).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfhrnn.errors import ConfigError
from tfhrnn.layers.shared_negatives import Scores, SharedNegatives


class BPRMax(SharedNegatives):
    """Pairwise ranking against drawn items, weighted by their softmax.

    Accidental hits are left out of π exactly; a step whose draws are all hits has loss 0. Where
    tied items share the target the first term is the mean of theirs. There is no correction for how
    items are drawn: the sampler is part of what is optimised.

    Args:
      item_counts: `[items]` training events of each item.
      negatives: draws a call, shared by its steps.
      sampler: "popularity", "log_uniform" or "uniform".
      alpha: of "popularity".
      regularization: λ. It pulls scores to 0, also where an item's bias starts at the log of its
        share: there it costs popularity, and less of it is more.
      seed: of the draws.

    Raises:
      ConfigError: an argument has a value that it cannot take.

    Source: Hidasi and Karatzoglou 2018, BPR-max with score regularization.
    """

    def __init__(
        self,
        item_counts: npt.NDArray[np.integer],
        *,
        negatives: int = 512,
        sampler: str = "popularity",
        alpha: float = 0.75,
        regularization: float = 1.0,
        seed: int = 0,
    ) -> None:
        super().__init__(item_counts, negatives=negatives, sampler=sampler, alpha=alpha, seed=seed)
        if regularization < 0:
            raise ConfigError(
                f"regularization: got {regularization!r}, expected 0 or a positive number"
            )
        self.regularization = regularization

    def token_losses(self, scores: Scores) -> tf.Tensor:
        """The loss of each token, `[tokens]`."""
        drawn, target = scores.drawn, scores.target
        some_left = tf.reduce_any(~scores.hits, axis=1)
        # A row without negatives keeps its hits here, so that nothing is infinite, and is put to 0
        # below: gradients of both branches of a `where` must be finite.
        removed = scores.hits & some_left[:, tf.newaxis]
        log_pi = tf.nn.log_softmax(tf.where(removed, -float("inf"), drawn))
        beats = tf.math.log_sigmoid(target[:, :, tf.newaxis] - drawn[:, tf.newaxis])
        log_won = tf.reduce_logsumexp(log_pi[:, tf.newaxis] + beats, axis=2)  # [tokens, tied]
        losses = -tf.reduce_sum(scores.own.share * log_won, axis=1)
        if self.regularization:
            losses += self.regularization * tf.reduce_sum(tf.exp(log_pi) * drawn**2, axis=1)
        return tf.where(some_left, losses, 0.0)
