"""Scores of a few items instead of all: each step's own targets, and items that all steps share.

s_j = w_j·h + b_j + β·seen_j in float32, as in the full softmax, from rows gathered out of the item
matrix: `[tokens, shared items]` is the largest thing held. Steps are flattened to tokens, lane by
lane.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from tfhrnn.layers.losses import Targets, seen_mask


def by_token(x: tf.Tensor) -> tf.Tensor:
    """`[lanes, window, ...]` as `[tokens, ...]`."""
    lanes, window, *rest = (n if n is not None else tf.shape(x)[at] for at, n in enumerate(x.shape))
    return tf.reshape(x, [lanes * window, *rest])


class Scorer(NamedTuple):
    """What it takes to score an item at each step.

    Attributes:
      hidden: `[lanes, window, units]`, any float dtype.
      weights: `[items, units]`.
      bias: `[items]`.
      stays: `[lanes, entries, 3]` as in `seen_mask`, or None.
      seen_bias: β, a scalar, `[items]` or `[lanes, window]`, or None for 0.
    """

    hidden: tf.Tensor
    weights: tf.Tensor
    bias: tf.Tensor
    stays: tf.Tensor | None = None
    seen_bias: tf.Tensor | None = None

    @property
    def tokens(self) -> tf.Tensor:
        """Hidden states as `[tokens, units]` float32."""
        return tf.cast(by_token(self.hidden), tf.float32)

    def rows(self, items: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Float32 weights `[..., units]` and bias `[...]` of some columns."""
        # Gathered before they are cast: the whole matrix is never touched.
        return tuple(
            tf.cast(tf.gather(part, items), tf.float32) for part in (self.weights, self.bias)
        )

    @property
    def _seen(self) -> tf.Tensor | None:
        """The stays where they count for something."""
        if self.stays is None or self.seen_bias is None or self.stays.shape[1] == 0:
            return None
        return self.stays

    def _beta(self, items: tf.Tensor) -> tf.Tensor:
        """Float32 β of columns `[n]` or `[tokens, n]`, to be multiplied with `[tokens, n]`."""
        beta = tf.cast(self.seen_bias, tf.float32)
        if beta.shape.rank == 1:
            return tf.gather(beta, items)
        return by_token(beta)[:, tf.newaxis] if beta.shape.rank == 2 else beta

    def shared_offset(self, items: tf.Tensor) -> tf.Tensor:
        """What is added to w_j·h for items that all tokens share: b_j + β·seen_j.

        Args:
          items: `[n]` int32 columns; one may stand there more than once.

        Returns:
          `[tokens, n]` float32, or `[1, n]` without a seen term.
        """
        offset = self.rows(items)[1][tf.newaxis]
        if self._seen is None:
            return offset
        mask = seen_among(
            self._seen,
            items,
            window=self.hidden.shape[1] or tf.shape(self.hidden)[1],
            num_items=self.weights.shape[0] or tf.shape(self.weights)[0],
        )
        return offset + self._beta(items) * by_token(mask)

    def shared(self, items: tf.Tensor) -> tf.Tensor:
        """Scores `[tokens, n]` of `[n]` columns at every token."""
        return tf.matmul(self.tokens, self.rows(items)[0], transpose_b=True) + self.shared_offset(
            items
        )

    def own(self, items: tf.Tensor) -> tf.Tensor:
        """Scores `[tokens, tied]` of each step's own columns, `[lanes, window, tied]`."""
        weights, bias = self.rows(by_token(items))
        scores = tf.einsum("tu,tku->tk", self.tokens, weights) + bias
        if self._seen is None:
            return scores
        mask = seen_targets(self._seen, items)
        return scores + self._beta(by_token(items)) * by_token(mask)


class Positives(NamedTuple):
    """Targets by token, several where tied items share one.

    Attributes:
      items: `[tokens, tied]` int32 columns; 0 in slots that don't count.
      counts: `[tokens, tied]` bool, which slots count.
      share: `[tokens, tied]` float32, 1 / count in slots that count, else 0.
      distinct: `[tokens, tied]` bool, the slots that count less those that repeat an earlier one.
    """

    items: tf.Tensor
    counts: tf.Tensor
    share: tf.Tensor
    distinct: tf.Tensor


def positives(targets: Targets) -> Positives:
    """Targets flattened to tokens."""
    items, count = by_token(targets.items), by_token(targets.count)[:, tf.newaxis]
    tied = tf.shape(items)[1]
    counts = tf.range(tied)[tf.newaxis] < count
    items = tf.where(counts, items, 0)
    same = items[:, :, tf.newaxis] == items[:, tf.newaxis, :]
    earlier = tf.range(tied)[:, tf.newaxis] > tf.range(tied)[tf.newaxis]
    repeated = tf.reduce_any(same & earlier & counts[:, tf.newaxis, :], axis=2)
    share = tf.cast(counts, tf.float32) / tf.cast(count, tf.float32)
    return Positives(items, counts, share, counts & ~repeated)


def accidental_hits(own: Positives, items: tf.Tensor) -> tf.Tensor:
    """Which of `[n]` shared columns are among a token's targets, `[tokens, n]` bool."""
    same = own.items[:, :, tf.newaxis] == items[tf.newaxis, tf.newaxis]
    return tf.reduce_any(same & own.counts[:, :, tf.newaxis], axis=1)


def seen_among(
    stays: tf.Tensor, items: tf.Tensor, *, window: int | tf.Tensor, num_items: int | tf.Tensor
) -> tf.Tensor:
    """Which of a few items are in the seen set at each step.

    Args:
      stays: `[lanes, entries, 3]` as in `seen_mask`.
      items: `[n]` int32 columns, repeats allowed.
      window: steps.
      num_items: columns there are.

    Returns:
      `[lanes, window, n]` float32 of 0 and 1.
    """
    size = items.shape[0] or tf.shape(items)[0]
    # Where each column first stands in `items`; `size` where it does not. One int per item of the
    # catalogue, not per token.
    place = tf.tensor_scatter_nd_min(
        tf.fill([num_items], size), items[:, tf.newaxis], tf.range(size)
    )
    column, first, end = tf.unstack(stays, axis=-1)
    found = tf.gather(place, tf.maximum(column, 0))
    found = tf.where((column >= 0) & (found < size), found, -1)
    mask = seen_mask(tf.stack([found, first, end], axis=-1), window, size)
    return tf.gather(mask, tf.gather(place, items), axis=2)


def seen_targets(stays: tf.Tensor, items: tf.Tensor) -> tf.Tensor:
    """Which of each step's own items are in the seen set, O(tokens · tied · entries).

    Args:
      stays: `[lanes, entries, 3]` as in `seen_mask`.
      items: `[lanes, window, tied]` int32 columns.

    Returns:
      `[lanes, window, tied]` float32 of 0 and 1.
    """
    column, first, end = (part[:, tf.newaxis] for part in tf.unstack(stays, axis=-1))
    step = tf.range(items.shape[1] or tf.shape(items)[1])[:, tf.newaxis]
    present = (first <= step) & (step < end)  # [lanes, window, entries]
    same = items[..., tf.newaxis] == column[:, :, tf.newaxis]
    return tf.cast(tf.reduce_any(same & present[:, :, tf.newaxis], axis=-1), tf.float32)


def weighted_sum(losses: tf.Tensor, weight: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Scalar Σ weight · loss of `[tokens]` losses, and them as `[lanes, window]`, no gradient."""
    losses = tf.ensure_shape(tf.reshape(losses, tf.shape(weight)), weight.shape)
    weight = tf.stop_gradient(tf.cast(weight, tf.float32))
    return tf.reduce_sum(weight * losses), tf.stop_gradient(losses)
