"""Generalised binary cross-entropy: each item by itself, next or not, without overconfidence.

−(β log σ(s_t) + Σ_j log(1 − σ(s_j))), over n negatives j. Few negatives make the next item look
likely; β = α (t (1 − 1/α) + 1/α), α = n / (items − 1), takes that back: t = 0 is plain binary
cross-entropy, with t = 1 σ(s_j) is the probability that j is next.

The paper divides by n + 1. Here that is left out: it would make the gradients of rare items as
small as the constant that Adam adds to its divisor, and so keep them from learning.

For any t, with even draws, the least expected loss lies at σ(s_j) / (1 − σ(s_j)) =
(β · items / n) · p_j / (1 − p_j): a softmax of the scores is the items' odds, normalised, which for
probabilities well below 1 are the probabilities. `tfhrnn.evaluation.calibration` mends the rest.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfhrnn.errors import ConfigError
from tfhrnn.layers.shared_negatives import Scores, SharedNegatives


class GBCE(SharedNegatives):
    """Binary cross-entropy on the target and on drawn items.

    Accidental hits are left out of the sum exactly. Where tied items share the target the first
    term is the mean of theirs. The calibration is proved for even draws; under another sampler
    items drawn often score lower than they should.

    Args:
      item_counts: `[items]` training events of each item.
      negatives: n, draws a call, shared by its steps.
      sampler: "uniform", "popularity" or "log_uniform".
      alpha: of "popularity"; not the α of the formula.
      calibration: t, from 0 to 1.
      seed: of the draws.

    Raises:
      ConfigError: an argument has a value that it cannot take.

    Source: Petrov and Macdonald 2023, gSASRec; their ML-1M run takes t = 0.75, n = 256.
    """

    def __init__(
        self,
        item_counts: npt.NDArray[np.integer],
        *,
        negatives: int = 256,
        sampler: str = "uniform",
        alpha: float = 0.75,
        calibration: float = 0.75,
        seed: int = 0,
    ) -> None:
        super().__init__(item_counts, negatives=negatives, sampler=sampler, alpha=alpha, seed=seed)
        if not 0 <= calibration <= 1:
            raise ConfigError(f"calibration: got {calibration!r}, expected a number from 0 to 1")
        if self.num_items < 2:
            raise ConfigError(f"item_counts: got {self.num_items} items, expected at least 2")
        self.calibration = calibration

    @property
    def beta(self) -> float:
        """The target's exponent β; 1 at t = 0, α at t = 1."""
        rate = self.negatives / (self.num_items - 1)
        return rate * (self.calibration * (1 - 1 / rate) + 1 / rate)

    def token_losses(self, scores: Scores) -> tf.Tensor:
        """The loss of each token, `[tokens]`."""
        won = tf.reduce_sum(scores.own.share * tf.math.log_sigmoid(scores.target), axis=1)
        lost = tf.where(scores.hits, 0.0, tf.math.log_sigmoid(-scores.drawn))
        return -(self.beta * won + tf.reduce_sum(lost, axis=1))
