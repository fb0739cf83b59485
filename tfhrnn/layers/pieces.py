"""Long windows as several lanes of short ones, for what looks at each step by itself.

A softmax does not care which steps follow each other, except for its seen sets, whose stays are cut
at the pieces' ends.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf


class Pieces(NamedTuple):
    """How windows are cut; the last piece is filled up with steps that do not count.

    Attributes:
      window: steps of the whole.
      pieces: parts of it.
      length: steps of a piece.
    """

    window: int
    pieces: int
    length: int

    @classmethod
    def at_most(cls, window: int, length: int) -> Pieces:
        """The fewest pieces of at most `length` steps, as even as can be.

        >>> Pieces.at_most(10, 4)
        Pieces(window=10, pieces=3, length=4)
        >>> Pieces.at_most(9, 8).length
        5
        """
        pieces = -(-window // length)
        return cls(window, pieces, -(-window // pieces))

    def steps(self, x: tf.Tensor, filler: int = 0) -> tf.Tensor:
        """`[lanes, window, ...]` as `[lanes · pieces, length, ...]`, ended by `filler`."""
        more = self.pieces * self.length - self.window
        padding = [[0, 0], [0, more], *([0, 0] for _ in x.shape[2:])]
        rest = [n or tf.shape(x)[at] for at, n in enumerate(x.shape) if at > 1]
        lanes = x.shape[0] or tf.shape(x)[0]
        shape = [lanes * self.pieces, self.length, *rest]
        return tf.reshape(tf.pad(x, padding, constant_values=filler), shape)

    def stays(self, stays: tf.Tensor) -> tf.Tensor:
        """`[lanes, entries, 3]` stays, see `seen_mask`, as `[lanes · pieces, entries, 3]`."""
        column, *steps = tf.unstack(stays[:, tf.newaxis], axis=-1)  # [lanes, 1, entries]
        begin = self.length * tf.range(self.pieces)[:, tf.newaxis]
        first, end = (tf.clip_by_value(step - begin, 0, self.length) for step in steps)
        column = tf.broadcast_to(column, tf.shape(first))
        cut = tf.stack([column, first, end], axis=-1)  # first = end counts for nothing
        known = [
            None if stays.shape[0] is None else stays.shape[0] * self.pieces,
            stays.shape[1],
            3,
        ]
        lanes = tf.shape(stays)[0] * self.pieces
        return tf.ensure_shape(tf.reshape(cut, [lanes, tf.shape(stays)[1], 3]), known)

    def joined(self, x: tf.Tensor) -> tf.Tensor:
        """`[lanes · pieces, length]` as `[lanes, window]`."""
        lanes = (x.shape[0] or tf.shape(x)[0]) // self.pieces
        return tf.reshape(x, [lanes, self.pieces * self.length])[:, : self.window]
