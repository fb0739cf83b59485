"""A share of an answer's places for the items of a promotion.

Of k places, n = ⌈k · percent / 100⌉ are for promoted items: among the first j answers there are at
least ⌊j · n / k⌋, for every j, as long as there are so many. Promoted items that are good enough
stand where they stand without a promotion, and count; only where too few do, the next best one is
drawn forward. Both kinds keep their order among themselves.

Source: this is FA*IR's ranked group fairness (Zehlike et al. 2017) with even counts for its
quantiles.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf


class Ranked(NamedTuple):
    """Items of each row, best first; `[batch, width]` each.

    Attributes:
      choice: what they are chosen by, float32, −inf where there are no more.
      scores: float32, −inf where there are no more.
      items: ids.
      cold: whether they are in no catalogue.
    """

    choice: tf.Tensor
    scores: tf.Tensor
    items: tf.Tensor
    cold: tf.Tensor


def promote(
    promoted: Ranked, others: Ranked, k: tf.Tensor, percent: tf.Tensor
) -> tuple[Ranked, tf.Tensor]:
    """Merges two rankings, so that the first one gets its share.

    Args:
      promoted: the best items of the promotion.
      others: the best of all others, as wide.
      k: `[batch]` int32 places.
      percent: `[batch]` int32, 0 to 100, of them for promoted items.

    Returns:
      The merged ranking, as wide, and which of it is promoted. With 0 percent it is sorted by
      choice, promoted items first where they are equal.
    """
    width = tf.shape(promoted.choice)[1]
    places = tf.cast(tf.minimum(k, width), tf.int64)[:, tf.newaxis]
    share = -(-places * tf.cast(percent, tf.int64)[:, tf.newaxis] // 100)
    number = tf.range(1, tf.cast(width, tf.int64) + 1)[tf.newaxis]
    never = tf.cast(4 * width + 4, tf.int64)
    # The place by which each promoted item must have come, and the one it has by itself.
    due = tf.where(number <= share, -(-number * places // tf.maximum(share, 1)), never)
    better = tf.searchsorted(-others.choice, -promoted.choice, side="left", out_type=tf.int64)
    place = tf.minimum(due, number + better)
    place = tf.where(promoted.choice > -np.inf, place, never + number)
    # The j-th other item stands behind as many promoted ones as have less than j others in front.
    rows = tf.shape(promoted.choice)[0]
    before = tf.searchsorted(
        place - number, tf.repeat(number, rows, axis=0), side="left", out_type=tf.int64
    )
    places_of_all = tf.concat([place, number + before], axis=1)
    order = tf.argsort(places_of_all, axis=1, stable=True)[:, :width]
    merged = (
        tf.gather(tf.concat([one, other], axis=1), order, batch_dims=1)
        for one, other in zip(promoted, others, strict=True)
    )
    return Ranked(*merged), order < width
