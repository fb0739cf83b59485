"""A user as of the last event: what a step needs that the next request does not bring.

The gap after the last event is known only when the next one or a query comes, so the last event is
kept as it is, pending, beside the tower's state before it. A user without events has the start
event pending.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfhrnn.data.catalogue import START
from tfhrnn.layers.control import State


class UserState(NamedTuple):
    """Users as of their last events.

    Attributes:
      position: `[batch]` int32, events so far.
      time: `[batch]` int64, Unix seconds of the last event; 0 where there is none.
      item: `[batch]` int32, its index; the start event's where there is none.
      feedback: `[batch]` float32, its feedback, NaN where unknown.
      event_type: `[batch]` int32, its type, 0 where unknown.
      first_item: `[batch]` int32, index of the first event's item; the start event's without any.
      seen: `[batch, size]` int32, columns of the last distinct items, the latest first, −1 where
        there are no more.
      user: `[batch, width]` float32, encoded user features.
      tower: the tower's state before the last event, each part with the batch first.
    """

    position: tf.Tensor
    time: tf.Tensor
    item: tf.Tensor
    feedback: tf.Tensor
    event_type: tf.Tensor
    first_item: tf.Tensor
    seen: tf.Tensor
    user: tf.Tensor
    tower: State

    @property
    def parts(self) -> tuple[tf.Tensor, ...]:
        """Every tensor, those of the tower last."""
        return (*self[:-1], *self.tower)

    @classmethod
    def of_parts(cls, parts: Sequence[tf.Tensor]) -> UserState:
        """The inverse of `parts`."""
        own = len(cls._fields) - 1
        return cls._make([*parts[:own], tuple(parts[own:])])

    @classmethod
    def begun(cls, user: tf.Tensor, tower: State, seen_items: int) -> UserState:
        """Users without events.

        Args:
          user: `[batch, width]` encoded features.
          tower: its initial state.
          seen_items: how many distinct items are remembered.
        """
        batch = tf.shape(user)[0]
        start = tf.fill([batch], START)
        return cls(
            position=tf.zeros([batch], tf.int32),
            time=tf.zeros([batch], tf.int64),
            item=start,
            feedback=tf.fill([batch], np.float32(np.nan)),
            event_type=tf.zeros([batch], tf.int32),
            first_item=start,
            seen=tf.fill([batch, seen_items], -1),
            user=user,
            tower=tower,
        )
