"""What sets items apart for a row of a request: seen, left out, alone allowed, explored.

Retrieval scores a catalogue whole, in chunks or by clusters; each part of it goes through `marked`,
which gives the scores that count in the normaliser and those by which answers are chosen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfhrnn.layers.gumbel import gumbel_noise


class Marks(NamedTuple):
    """What sets items apart for a row.

    Lists of columns are `[batch, n]` int32; they may repeat a column, and numbers that are no
    column, such as −1, fill them up. Only `seen` changes the normaliser.

    Attributes:
      seen: columns to whose scores `seen_bias` is added; None for none.
      seen_bias: β, a scalar, `[batch, 1]` or `[items]`.
      excluded: columns not to be answered; None for none.
      allowed: the only columns to be answered in rows that are `restricted`; None for all.
      restricted: `[batch]` bool; with `allowed` only.
      open: `[batch, items of the catalogue]` bool, which may be answered; None for all.
      exploration: `[batch]` float32, what Gumbel noise is multiplied by before it is added to the
        scores that choose answers; None for none.
      seed: `[batch]` int64, of that noise; with `exploration` only.
      explored: `[items of the catalogue]` float32, 1 for items that noise is added to, 0 for
        others; None for all.
      influence: `[items of the catalogue]` float32, added to the scores that choose answers too;
        None for nothing.
    """

    seen: tf.Tensor | None = None
    seen_bias: tf.Tensor | float = 0.0
    excluded: tf.Tensor | None = None
    allowed: tf.Tensor | None = None
    restricted: tf.Tensor | None = None
    open: tf.Tensor | None = None
    exploration: tf.Tensor | None = None
    seed: tf.Tensor | None = None
    explored: tf.Tensor | None = None
    influence: tf.Tensor | None = None


class Part(NamedTuple):
    """A part of the catalogue as `marked` reads it.

    Attributes:
      columns: `[items]` or `[batch, items]` int32, the columns that it holds.
      among: which of its items belong to a list of columns: from `[batch, n]` to bool
        `[batch, items]`.
      theirs: from numbers of all items, `[items of the catalogue]`, those of its own.
      own: from `[batch, items of the catalogue]` to `[batch, items]`, likewise.
    """

    columns: tf.Tensor
    among: Callable[[tf.Tensor], tf.Tensor]
    theirs: Callable[[tf.Tensor], tf.Tensor]
    own: Callable[[tf.Tensor], tf.Tensor]


def stretch(first: int | tf.Tensor, size: int | tf.Tensor, items: int | tf.Tensor) -> Part:
    """The part of a catalogue of `items` from column `first` on, `size` long."""
    whole = isinstance(first, int) and isinstance(size, int) and size == items
    return Part(
        first + tf.range(size),
        lambda lists: among(lists, first, size),
        (lambda x: x) if whole else (lambda x: tf.slice(x, [first], [size])),
        (lambda x: x) if whole else (lambda x: tf.slice(x, [0, first], [-1, size])),
    )


def among(lists: tf.Tensor, first: int | tf.Tensor, size: int | tf.Tensor) -> tf.Tensor:
    """Whether columns `first` to `first + size` are in each row's list, `[batch, size]` bool."""
    batch, entries = tf.unstack(tf.shape(lists))
    inside = (lists >= first) & (lists < first + size)
    place = tf.where(inside, lists - first, size)  # one column behind takes what is outside
    row = tf.broadcast_to(tf.range(batch)[:, tf.newaxis], [batch, entries])
    nothing = tf.zeros([batch, size + 1], tf.bool)
    marked_ones = tf.tensor_scatter_nd_update(
        nothing, tf.stack([row, place], axis=-1), tf.ones([batch, entries], tf.bool)
    )
    return marked_ones[:, :size]


def marked(scores: tf.Tensor, marks: Marks | None, part: Part) -> tf.Tensor:
    """Scores `[batch, items]` with the seen term, which count in the normaliser."""
    if marks is None or marks.seen is None:
        return scores
    seen_bias = tf.cast(marks.seen_bias, tf.float32)
    if seen_bias.shape.rank == 1:
        seen_bias = part.theirs(seen_bias)
    return tf.where(part.among(marks.seen), scores + seen_bias, scores)


def candidates(scores: tf.Tensor, marks: Marks | None, part: Part) -> tf.Tensor:
    """What answers are chosen by: `marked` scores, `added`, −inf for what may not be answered."""
    if marks is None:
        return scores
    if marks.excluded is not None:
        scores = tf.where(part.among(marks.excluded), -np.inf, scores)
    if marks.allowed is not None:
        assert marks.restricted is not None
        open_ = part.among(marks.allowed) | ~marks.restricted[:, tf.newaxis]
        scores = tf.where(open_, scores, -np.inf)
    if marks.open is not None:
        scores = tf.where(part.own(marks.open), scores, -np.inf)
    return scores + added(marks, part.columns)


def added(marks: Marks | None, columns: tf.Tensor) -> tf.Tensor | float:
    """What is added to items' scores before answers are chosen: noise and influence.

    Args:
      marks: what there is of both.
      columns: `[items]` or `[batch, items]` int32; what negative ones get does not matter.

    Returns:
      `[batch, items]` or `[items]` float32, or 0 where nothing is added.
    """
    found = noise(marks, columns)
    if marks is None:
        return found
    place = tf.maximum(columns, 0)
    if marks.explored is not None:
        found = found * tf.gather(marks.explored, place)
    if marks.influence is not None:
        found = found + tf.gather(marks.influence, place)
    return found


def noise(marks: Marks | None, keys: tf.Tensor) -> tf.Tensor | float:
    """What exploration adds to scores, exactly 0 where its weight is 0.

    Args:
      marks: with the weights and seeds.
      keys: `[items]` or `[batch, items]` integers, one an item.

    Returns:
      `[batch, items]` float32, or 0 where nothing explores.
    """
    if marks is None or marks.exploration is None:
        return 0.0
    weight, seed = marks.exploration[:, tf.newaxis], marks.seed
    assert seed is not None
    # Most requests do not explore, and the hash costs about as much as the scores.
    drawn = tf.cond(
        tf.reduce_any(weight != 0.0),
        lambda: gumbel_noise(seed[:, tf.newaxis], keys),
        lambda: tf.zeros([tf.shape(weight)[0], tf.shape(keys)[-1]]),
    )
    return weight * drawn
