"""What was shown and not chosen, as explicit negatives: the choice among the items shown.

−log p(target | shown) = log(exp(s_t) + Σ_j exp(s_j)) − s_t, j over the items shown beside the
target: a conditional logit of the scores that rank the whole catalogue. It stands beside the
training loss and says what that cannot: of two items that are as likely to be met, the one that was
seen and passed over is to score less. It says nothing of the items that were not shown; the loss
beside it, and all judging, go over the whole catalogue as ever.

Source: McFadden 1974, "Conditional logit analysis of qualitative choice behavior".
"""

from __future__ import annotations

import tensorflow as tf

from tfhrnn.layers.candidate_scores import Scorer, by_token, positives, weighted_sum
from tfhrnn.layers.losses import Targets

_NEVER = -float("inf")  # exp of it and the slope through it are exactly 0


def choice_loss(
    scorer: Scorer, targets: Targets, shown: tf.Tensor, weight: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Cross-entropy of each step's target against the items shown beside it.

    Args:
      scorer: hidden states and item matrix.
      targets: the first item of a step is the one chosen; others tied with it are no negatives.
      shown: `[lanes, window, most]` int32 columns; negative ones count for nothing.
      weight: `[lanes, window]` float32, what a step counts; no gradient flows to it.

    Returns:
      Scalar Σ weight · loss, with gradients to hidden, weights, bias and seen_bias; and the
      `[lanes, window]` float32 nats, without: 0 where nothing else was shown.
    """
    own = positives(targets)
    others = by_token(shown)
    chosen = (others[:, :, tf.newaxis] == own.items[:, tf.newaxis]) & own.counts[:, tf.newaxis]
    counts = (others >= 0) & ~tf.reduce_any(chosen, axis=2)
    target = scorer.own(targets.items[..., :1])
    scores = tf.where(counts, scorer.own(tf.maximum(shown, 0)), _NEVER)
    normalizer = tf.reduce_logsumexp(tf.concat([target, scores], axis=1), axis=1)
    return weighted_sum(normalizer - target[:, 0], weight)
