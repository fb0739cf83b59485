"""From events to a window's inputs: what training reads at each step, built in the graph.

A step reads one event and the gap to the next one. A window therefore begins with the event that
was pending, and its last event stays pending behind it.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from tfhrnn.predicting.user_state import UserState


class Events(NamedTuple):
    """Some users' next events, `[batch, events]` each: index, Unix seconds, feedback, type."""

    item: tf.Tensor
    time: tf.Tensor
    feedback: tf.Tensor
    event_type: tf.Tensor

    @classmethod
    def none(cls, batch: int | tf.Tensor) -> Events:
        """No events of some users."""
        dtypes = (tf.int32, tf.int64, tf.float32, tf.int32)
        return cls(*(tf.zeros([batch, 0], dtype) for dtype in dtypes))

    def part(self, begin: int | tf.Tensor, end: int | tf.Tensor) -> Events:
        """The events from `begin` up to `end`."""
        return Events(*(column[:, begin:end] for column in self))


class Steps(NamedTuple):
    """A window's inputs for `HRNN.encode`, `[batch, steps]` each (`user` with a width)."""

    reset: tf.Tensor
    item: tf.Tensor
    level: tf.Tensor
    gap: tf.Tensor
    query_time: tf.Tensor
    position: tf.Tensor
    feedback: tf.Tensor
    user: tf.Tensor
    first_item: tf.Tensor
    event_type: tf.Tensor

    def led(self, flush: int) -> Steps:
        """The steps led by `flush` repeats of the first one, the very first alone resetting."""
        if not flush:
            return self
        led = Steps(*(tf.concat([tf.repeat(x[:, :1], flush, axis=1), x], axis=1) for x in self))
        return led._replace(reset=tf.pad(self.reset, [[0, 0], [0, flush]]))


def steps_of(
    before: UserState,
    events: Events,
    asked: tf.Tensor,
    first_item: tf.Tensor,
    *,
    thresholds: tuple[int, ...],
    start_level: int,
) -> Steps:
    """The steps that read a pending event and those that follow it.

    Args:
      before: with the pending event.
      events: those that follow, one less than there are steps.
      asked: `[batch, steps]` int64 Unix seconds of each step's next event, or of the query. A time
        before that of the step's own event counts as a gap of 0.
      first_item: `[batch]` int32 index of each user's first item.
      thresholds: of the gap levels.
      start_level: level of the start event, whose gap counts as 0.
    """

    def joined(pending: tf.Tensor, rest: tf.Tensor) -> tf.Tensor:
        return tf.concat([pending[:, tf.newaxis], rest], axis=1)

    steps = tf.shape(asked)[1]
    position = before.position[:, tf.newaxis] + tf.range(steps)
    gap = tf.maximum(asked - joined(before.time, events.time), 0)
    gap = tf.where(position == 0, tf.zeros_like(gap), gap)
    level = tf.reduce_sum(
        tf.cast(gap[..., tf.newaxis] >= tf.constant(thresholds, tf.int64), tf.int32), axis=-1
    )
    return Steps(
        reset=tf.cast(position == 0, tf.float32),
        item=joined(before.item, events.item),
        level=tf.where(position == 0, start_level, level),
        gap=tf.cast(gap, tf.float32),
        query_time=asked,
        position=position,
        feedback=joined(before.feedback, events.feedback),
        user=tf.repeat(before.user[:, tf.newaxis], steps, axis=1),
        first_item=tf.repeat(first_item[:, tf.newaxis], steps, axis=1),
        event_type=joined(before.event_type, events.event_type),
    )
