"""Runs the model over users' events, whole histories at once or a state's next events.

Both ways lead to the same `Reading`, from which anything is answered: n updates of a state and then
a query give what the whole history gives, to rounding.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from tfhrnn.data.catalogue import FIRST_ITEM, START
from tfhrnn.layers.control import State
from tfhrnn.layers.retrieval import seen_columns
from tfhrnn.models.hrnn import HRNN
from tfhrnn.predicting.steps import Events, Steps, steps_of
from tfhrnn.predicting.user_state import UserState


class Reading(NamedTuple):
    """What is known of users before anything is scored.

    Attributes:
      hidden: `[batch, units]` float32.
      seen: `[batch, n]` int32 columns of the last distinct items, −1 where there are no more.
      seen_bias: β: a scalar, `[items]`, or `[batch, 1]`.
      user: `[batch, width]` float32, encoded user features.
    """

    hidden: tf.Tensor
    seen: tf.Tensor
    seen_bias: tf.Tensor
    user: tf.Tensor


class UserReader(tf.Module):
    """From users' events to what answers are made of.

    Args:
      model: a trained model; its present weights are used.
      weights: `[items, units]` float32, the item matrix of inference.
    """

    def __init__(self, model: HRNN, weights: tf.Variable) -> None:
        super().__init__(name="users")
        config = model.config
        # The model is kept out of the module's attributes (a lambda is not tracked), so that saving
        # writes variables and our graph instead of every layer's own functions.
        self._model = lambda: model
        self.weights = weights
        self.thresholds, self.start_level = config.thresholds, config.start_level
        self.seen_items = min(config.seen_items, model.decoder.num_items)
        self.layer_variables = [
            v for layer in model.encoder_layers for v in layer.variables if v.dtype != tf.int64
        ]
        seen_bias = model.decoder.seen_bias
        self.seen_bias = tf.Variable(
            0.0 if seen_bias is None else seen_bias, trainable=False, name="seen_bias"
        )
        self.seen_bias_is_of_levels = seen_bias is not None and config.seen_bias_form == "level"

    def begun(self, user: tf.Tensor) -> UserState:
        """Users without events, of encoded features `[batch, width]`."""
        tower = self._model().tower.initial_state(tf.shape(user)[0])
        return UserState.begun(user, tower, self.seen_items)

    def history(
        self, user: tf.Tensor, events: Events, count: tf.Tensor, query_time: tf.Tensor
    ) -> Reading:
        """Reads whole histories, all users' side by side.

        Args:
          user: `[batch, width]` encoded features.
          events: `[batch, events]`, oldest first.
          count: `[batch]` how many of them are given.
          query_time: `[batch]` int64.
        """
        before = self.begun(user)
        asked = tf.pad(events.time, [[0, 0], [0, 1]])
        last = tf.range(tf.shape(asked)[1]) == count[:, tf.newaxis]
        asked = tf.where(last, query_time[:, tf.newaxis], asked)
        # No history, no first item: what training knows from the start event on is not known yet.
        padded = tf.pad(events.item, [[0, 0], [0, 1]])
        first = tf.where(count > 0, padded[:, 0], START)
        steps = self._steps(before, events, asked, first)
        flush = self._model().tower.flush_steps
        y, _ = self._encode(steps.led(flush), before.tower)
        hidden = tf.gather(y, count + flush, batch_dims=1)
        given = tf.sequence_mask(count, tf.shape(events.item)[1])
        seen = seen_columns(tf.where(given, events.item - FIRST_ITEM, -1), self.seen_items)
        level = tf.gather(steps.level, count, batch_dims=1)
        return self._reading(hidden, seen, level, user)

    def state(self, state: UserState, query_time: tf.Tensor) -> Reading:
        """Reads states: one step each, whatever came before.

        Args:
          state: of the users.
          query_time: `[batch]` int64.
        """
        nothing = Events.none(tf.shape(query_time)[0])
        steps = self._steps(state, nothing, query_time[:, tf.newaxis], state.first_item)
        y, _ = self._encode(self._after_flush(steps), state.tower)
        return self._reading(y[:, 0], state.seen, steps.level[:, 0], state.user)

    def updated(self, state: UserState, events: Events, count: tf.Tensor) -> UserState:
        """States after further events.

        Rows of one number of events are read in one window; where numbers differ, a window ends
        wherever a row does, and rows that have ended keep their state.

        Args:
          state: of the users.
          events: `[batch, events]`, oldest first.
          count: `[batch]` how many of them are given.
        """

        def body(at: tf.Tensor, *parts: tf.Tensor) -> tuple[tf.Tensor, ...]:
            now = UserState.of_parts(parts)
            active = count > at
            end = tf.reduce_min(tf.where(active, count, tf.int32.max))
            return end, *_chosen(active, self._moved(now, events, at, end), now)

        shapes = (tf.TensorShape([]), *(part.shape for part in state.parts))
        _, *parts = tf.while_loop(
            lambda at, *_: at < tf.reduce_max(tf.concat([count, [0]], axis=0)),
            body,
            (tf.constant(0), *state.parts),
            shape_invariants=shapes,
            parallel_iterations=1,
        )
        given = tf.sequence_mask(count, tf.shape(events.item)[1])
        new = tf.where(given, events.item - FIRST_ITEM, -1)
        seen = seen_columns(tf.concat([state.seen[:, ::-1], new], axis=1), self.seen_items)
        seen = tf.ensure_shape(seen, [None, self.seen_items])
        return UserState.of_parts(parts)._replace(seen=seen)

    def _moved(
        self, state: UserState, events: Events, begin: tf.Tensor, end: tf.Tensor
    ) -> UserState:
        """States after events `begin` up to `end`, one or more, with the seen set of before."""
        first = tf.where(state.position > 0, state.first_item, events.item[:, begin])
        inner, asked = events.part(begin, end - 1), events.time[:, begin:end]
        steps = self._steps(state, inner, asked, first)
        _, tower = self._encode(self._after_flush(steps), state.tower)
        return state._replace(
            position=state.position + end - begin,
            time=events.time[:, end - 1],
            item=events.item[:, end - 1],
            feedback=events.feedback[:, end - 1],
            event_type=events.event_type[:, end - 1],
            first_item=first,
            tower=tower,
        )

    def _steps(
        self, before: UserState, events: Events, asked: tf.Tensor, first: tf.Tensor
    ) -> Steps:
        return steps_of(
            before,
            events,
            asked,
            first,
            thresholds=self.thresholds,
            start_level=self.start_level,
        )

    def _after_flush(self, steps: Steps) -> Steps:
        """A state that has read nothing is what a flush leaves: where there is one, no reset."""
        if not self._model().tower.flush_steps:
            return steps
        return steps._replace(reset=tf.zeros_like(steps.reset))

    def _encode(self, steps: Steps, state: State) -> tuple[tf.Tensor, State]:
        """Hidden states `[batch, steps, units]` float32, and the tower's state."""
        model, weights = self._model(), tf.convert_to_tensor(self.weights)
        if model.event_embedding.item.tied:
            # The rows that are read alone: the embedding copies the matrix that it is given.
            column = tf.reshape(steps.item - FIRST_ITEM, [-1])
            weights = tf.gather(weights, tf.maximum(column, 0))
            place = tf.reshape(tf.range(tf.size(column)), tf.shape(steps.item))
            steps = steps._replace(
                item=tf.where(steps.item >= FIRST_ITEM, FIRST_ITEM + place, steps.item)
            )
        y, after = model.encode(steps, weights, state)
        # A window's length leaves no trace in the shapes of what is carried.
        for part, one in zip(after, state, strict=True):
            part.set_shape(one.shape)
        return tf.cast(y, tf.float32), after

    def _reading(
        self, hidden: tf.Tensor, seen: tf.Tensor, level: tf.Tensor, user: tf.Tensor
    ) -> Reading:
        seen_bias = tf.convert_to_tensor(self.seen_bias)
        if self.seen_bias_is_of_levels:
            seen_bias = tf.gather(seen_bias, level)[:, tf.newaxis]
        return Reading(hidden, seen, seen_bias, user)


def _chosen(active: tf.Tensor, new: UserState, old: UserState) -> list[tf.Tensor]:
    """The parts of active rows' new states and of the others' old ones."""
    parts = []
    for one, other in zip(new.parts, old.parts, strict=True):
        rows = tf.reshape(active, [-1, *[1] * (one.shape.rank - 1)])
        parts.append(tf.where(rows, one, other))
    return parts
