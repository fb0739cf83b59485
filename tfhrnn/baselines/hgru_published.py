"""HGRU as published: session-parallel mini-batches of one event a user, an update for each.

Each slot of a mini-batch holds a user. A step reads one event of every slot, scores the next items,
updates the weights once, and keeps the hidden states for the step after it; no gradient goes back
over steps. Where a slot's session ends, its user state is updated from its session state, which is
set anew from the user state; where its user ends, both are cleared and the next user takes the slot
(Quadrana et al. 2017, sections 3.1 and 3.3; mquad/hgru4rec, `HGRU4Rec.iterate`). The equations are
those of the tower `hgru`, in `tfhrnn.layers.hgru`: what differs is how it is trained.

Three things are other than published, so that its perplexity can stand beside that of our models:
the loss is the softmax over all items instead of TOP1 over those of the mini-batch; states change
where a session ends instead of where the next one begins, so that a session's first item can be
predicted, and is a target; and the optimizer is ours (AdamW, one half cosine) instead of Adagrad.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
import tensorflow as tf

from tfhrnn.config import Config
from tfhrnn.data.catalogue import FIRST_ITEM
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.windows import Batch, Windows
from tfhrnn.evaluation.evaluate import target_rows
from tfhrnn.layers.hgru import HGRUCell
from tfhrnn.schedules import learning_rate
from tfhrnn.training import build_optimizer

State = tuple[tf.Tensor, tf.Tensor]
_JUDGED_AT_ONCE = 128  # slots; users do not hear of each other, so any number gives the same


class Steps(NamedTuple):
    """All steps of an epoch, `[slots, steps]`, as a step is taken from them inside the graph.

    Attributes:
      item: int32, index of the event read.
      reset: float32, 1 where a user begins.
      ends: float32, 1 where a session ends with the event.
      target: int32, column of the next item.
      weight: float32, of the target; 0 where the slot has no user left.
    """

    item: tf.Tensor
    reset: tf.Tensor
    ends: tf.Tensor
    target: tf.Tensor
    weight: tf.Tensor

    def at(self, step: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Item, reset, ends, target and weight of one step, `[slots]` each."""
        return tuple(part[:, step] for part in self)


class HGRUPublished(tf.Module):
    """A hierarchical GRU with a training loop of its own.

    Args:
      config: units, thresholds, and how it is trained: `batch_size` is the number of slots, `bptt`
        is not read.
      num_items: of the catalogue.
      session_level: lowest level of a gap that ends a session.
    """

    def __init__(self, config: Config, num_items: int, *, session_level: int = 1) -> None:
        super().__init__()
        self.config, self.num_items, self.session_level = config, num_items, session_level
        units, seed = config.model.units, config.training.seed
        start = tf.keras.initializers.RandomUniform(-0.1, 0.1, seed=seed)
        self.cell = HGRUCell(units, seed=seed + 1)
        self.cell.build(((None, units),))
        self.items = tf.Variable(start([FIRST_ITEM + num_items, units]), name="items")
        self.scores = tf.Variable(start([num_items, units]), name="scores")
        self.bias = tf.Variable(tf.zeros([num_items]), name="bias")
        self._optimizer: tf.keras.optimizers.Optimizer | None = None
        self._update: Any = None

    def initial_state(self, slots: int) -> State:
        """Zeros, `[slots, units]` each: the user state and the session state."""
        return tuple(tf.zeros([slots, self.config.model.units]) for _ in range(2))

    def step(
        self, item: tf.Tensor, reset: tf.Tensor, ends: tf.Tensor, state: State
    ) -> tuple[tf.Tensor, State]:
        """Reads one event of every slot.

        Args:
          item: `[slots]` int32 indices.
          reset: `[slots]` float32, 1 where a user begins.
          ends: `[slots]` float32, 1 where a session ends with this event.
          state: after the step before, or `initial_state(slots)`.

        Returns:
          Log-probabilities `[slots, items]` of each slot's next item, and the state.
        """
        read = (tf.gather(self.items, item), reset[:, tf.newaxis], ends[:, tf.newaxis])
        session, state = self.cell(read, state)
        scores = tf.matmul(session, self.scores, transpose_b=True) + self.bias
        return tf.nn.log_softmax(scores), tuple(state)

    def fit(
        self,
        log: EventLog,
        users: npt.NDArray[np.integer],
        *,
        say: Callable[[str], None] = lambda line: None,
    ) -> list[dict[str, float]]:
        """Trains for the configured epochs; each draws the users' order anew.

        Args:
          log: the events.
          users: `[n]` user indices to train on.
          say: is told of each epoch.

        Returns:
          `perplexity` of the targets as they were met, and `seconds`, of each epoch.
        """
        rows = []
        for epoch in range(self.config.training.epochs):
            begun = time.monotonic()
            perplexity = self.run_epoch(log, users, epoch)
            rows.append({"perplexity": perplexity, "seconds": time.monotonic() - begun})
            say(f"epoch {epoch + 1}: perplexity {perplexity:.3f}")
        return rows

    def run_epoch(self, log: EventLog, users: npt.NDArray[np.integer], epoch: int) -> float:
        """One pass over the users; returns the perplexity of the targets as they were met."""
        return self.update_all(self.epoch_steps(log, users, epoch), epoch)

    def epoch_steps(self, log: EventLog, users: npt.NDArray[np.integer], epoch: int) -> Steps:
        """The steps of an epoch over some users, in the epoch's order."""
        slots = self.config.training.batch_size
        return self._steps(self._windows(log, users, slots, shuffle=True), epoch)

    def update_all(self, steps: Steps, epoch: int = 0) -> float:
        """An update on each step in turn, at the epoch's learning rate; returns the perplexity."""
        if self._optimizer is None:
            self._optimizer = build_optimizer(self.config.training)
            self._optimizer.build(self.trainable_variables)
            # Slots keep their number, the length of an epoch differs between calls.
            self._update = tf.function(self._update_once, reduce_retracing=True, autograph=False)
        self._optimizer.learning_rate.assign(learning_rate(self.config.training, epoch))
        state, nats = self.initial_state(steps.item.shape[0]), tf.zeros([])
        for step in tf.range(steps.item.shape[1]):
            told, state = self._update(steps, step, state)
            nats += told
        return float(np.exp(nats / tf.reduce_sum(steps.weight)))

    def judge(self, log: EventLog, users: npt.NDArray[np.integer]) -> pl.DataFrame:
        """Every target of some users, as `tfhrnn.evaluation.evaluate.judge` has them."""
        users = np.asarray(users, np.int64)
        windows = self._windows(log, users, min(_JUDGED_AT_ONCE, len(users)), shuffle=False)
        steps = self._steps(windows, 0)
        judge = tf.function(self._judge_once, autograph=False)
        state, found = self.initial_state(windows.lanes), []
        for step in tf.range(windows.window):
            told, state = judge(steps, step, state)
            found.append(told)
        told = np.stack(found, axis=2)  # two figures, slots, steps
        pieces: dict[int, npt.NDArray[np.float64]] = {}
        for slot, queue in enumerate(windows.lane_users()):
            at = 0
            for user in queue:
                size = windows.steps_of(user)
                pieces[user] = told[:, slot, at : at + size].astype(np.float64)
                at += size
        log_p, rank = np.concatenate([pieces[u] for u in users.tolist() if u in pieces], axis=1)
        return target_rows(log, users, self.config.model.thresholds).with_columns(
            log_p=pl.Series(log_p), rank=pl.Series(rank.astype(np.int64))
        )

    def _windows(
        self, log: EventLog, users: npt.NDArray[np.integer], slots: int, *, shuffle: bool
    ) -> Windows:
        """The users' steps side by side: one window that holds whole lanes."""
        whole = partial(
            Windows,
            log,
            users,
            lanes=slots,
            thresholds=self.config.model.thresholds,
            shuffle=shuffle,
            seed=self.config.training.seed,
        )
        return whole(window=whole(window=1).num_batches)

    def _steps(self, windows: Windows, epoch: int) -> Steps:
        """The one batch that holds an epoch, as steps."""
        batch: Batch = next(windows.batches(epoch))
        ends = (batch.level >= self.session_level) & (batch.reset == 0)
        return Steps(
            item=tf.constant(batch.item),
            reset=tf.constant(batch.reset),
            ends=tf.constant(ends, tf.float32),
            target=tf.constant(batch.targets[..., 0] - FIRST_ITEM),
            weight=tf.constant(batch.weight),
        )

    def _update_once(self, steps: Steps, step: tf.Tensor, state: State) -> tuple[tf.Tensor, State]:
        """One update on one step; returns its nats, summed over slots, and the state."""
        assert self._optimizer is not None
        item, reset, ends, target, weight = steps.at(step)
        with tf.GradientTape() as tape:
            log_p, state = self.step(item, reset, ends, state)
            nats = -tf.reduce_sum(tf.gather(log_p, target, batch_dims=1) * weight)
            loss = tf.math.divide_no_nan(nats, tf.reduce_sum(weight))
        self._optimizer.minimize(loss, self.trainable_variables, tape=tape)
        return nats, state

    def _judge_once(self, steps: Steps, step: tf.Tensor, state: State) -> tuple[tf.Tensor, State]:
        """Log p and rank, `[2, slots]`, of a step's targets, and the state."""
        item, reset, ends, target, _ = steps.at(step)
        log_p, state = self.step(item, reset, ends, state)
        own = tf.gather(log_p, target, batch_dims=1)[:, tf.newaxis]
        column = tf.range(self.num_items)
        before = (log_p > own) | ((log_p == own) & (column < target[:, tf.newaxis]))
        rank = tf.reduce_sum(tf.cast(before, tf.float32), axis=1)
        return tf.stack([own[:, 0], rank]), state
