"""What the losses with drawn negatives have in common: one sample a call, shared by all steps.

A call draws `negatives` items, scores them at every step and each step's targets beside them, and
marks accidental hits: drawn items that are a step's own targets. What the loss of a step is, is a
subclass's `token_losses`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfhrnn.errors import ConfigError
from tfhrnn.layers.candidate_scores import (
    Positives,
    Scorer,
    accidental_hits,
    positives,
    weighted_sum,
)
from tfhrnn.layers.losses import Targets
from tfhrnn.layers.samplers import NegativeSampler, sampling_probabilities


class Scores(NamedTuple):
    """Float32 scores of a window, by token.

    Attributes:
      own: whose scores are to be high.
      target: `[tokens, tied]` scores of `own.items`; meaningless where `own.counts` is False.
      drawn: `[tokens, negatives]` scores of the sample, hits among them.
      hits: `[tokens, negatives]` bool, which are accidental hits.
      log_expected: `[negatives]`, log of how many draws of each were to be expected.
    """

    own: Positives
    target: tf.Tensor
    drawn: tf.Tensor
    hits: tf.Tensor
    log_expected: tf.Tensor


class SharedNegatives(tf.Module):
    """A loss over drawn items; O(tokens · negatives) a call.

    Args:
      item_counts: `[items]` training events of each item.
      negatives: draws a call.
      sampler: "log_uniform", "popularity" or "uniform", see `sampling_probabilities`.
      alpha: of "popularity".
      seed: of the draws; a checkpoint of this module keeps where they stand.

    Raises:
      ConfigError: an argument has a value that it cannot take.
    """

    def __init__(
        self,
        item_counts: npt.NDArray[np.integer],
        *,
        negatives: int,
        sampler: str,
        alpha: float,
        seed: int,
    ) -> None:
        super().__init__()
        if negatives < 1:
            raise ConfigError(f"negatives: got {negatives!r}, expected at least 1")
        self.negatives, self.num_items = negatives, len(item_counts)
        self.sampler = NegativeSampler(
            sampling_probabilities(sampler, item_counts, alpha=alpha), seed=seed
        )

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
        """Draws a sample and judges a window against it.

        Args:
          hidden: `[lanes, window, units]`, any float dtype.
          weights: `[items, units]` and
          bias: `[items]`, from `Decoder.item_matrix`.
          targets: whose scores are to be high.
          weight: `[lanes, window]` float32, what a step counts; no gradient flows to it.
          stays: `[lanes, entries, 3]`, see `seen_mask`; none if left out.
          seen_bias: β, a scalar, `[items]` or `[lanes, window]`; 0 if left out.

        Returns:
          Scalar Σ weight · loss, with gradients to hidden, weights, bias and seen_bias; and the
          `[lanes, window]` float32 losses themselves, without.
        """
        sample = self.sampler.draw(self.negatives)
        scorer = Scorer(hidden, weights, bias, stays, seen_bias)
        own = positives(targets)
        scores = Scores(
            own=own,
            target=scorer.own(targets.items),
            drawn=scorer.shared(sample.items),
            hits=accidental_hits(own, sample.items),
            log_expected=sample.log_expected,
        )
        return weighted_sum(self.token_losses(scores), weight)

    def token_losses(self, scores: Scores) -> tf.Tensor:
        """The loss of each token, `[tokens]` float32."""
        raise NotImplementedError
