"""A factorization machine for the next item: features of a user's last item × those of candidates.

The features of a question are a_l (the last item's: its encoded features, one that says "start"
where there is none, and its id if asked for) and those of candidate j, c_j (its id, and its encoded
features). Second order over all of them (Rendle 2012, eq. 1) is, with P_l = Σ a v and Q_j = Σ c v,

    φ_j = w_j + Σ_f c_jf w_f + ½ (|Q_j|² − Σ c_jf² |v_f|²) + P_l · Q_j

beside terms of l alone, which a softmax over candidates does not feel. Probabilities are that
softmax over the whole catalogue, exactly. Two questions with the same last item have the same
answer, so an epoch computes it once for each last item, beside how often which item followed: the
full softmax of every training event at the cost of items × items. Ma and Narayanaswamy, section 3
and Table 2, whose row "item" this is, with genres.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
import tensorflow as tf

from tfhrnn.baselines.checks import (
    require_at_least,
    require_catalogue,
    require_fitted,
    require_positive,
    require_users,
)
from tfhrnn.baselines.early_stopping import Best, fit_until_best
from tfhrnn.baselines.factor_scores import FactorScores
from tfhrnn.data.catalogue import FIRST_ITEM, START
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.facts import events_of, item_counts
from tfhrnn.errors import ConfigError
from tfhrnn.evaluation.evaluate import target_rows

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.floating]

_CONTEXTS: Final = 256  # of which the scores of all candidates are held at once


class _Followers(NamedTuple):
    """Which items followed which: (context, column, times) `[pairs]`, by context, and their sum."""

    context: Ints
    column: Ints
    times: npt.NDArray[np.float32]
    total: int


class NextItemFM:
    """A factorization machine that is trained on who chose what after what.

    Args:
      rank: length of the vectors.
      last_id: whether the last item's id is among the features, which makes it a factorised Markov
        chain with features; off, as in the paper.
      features: which features of the catalogue to use, such as ("genres",); None for all.
      regularization: weight of the squared vectors and feature weights in the mean loss in nats.
      learning_rate: of Adam.
      batch: last items an update.
      epochs: most passes over the training events.
      patience: epochs without better validation perplexity after which training stops.
      seed: of vectors and of the order of updates.
    """

    def __init__(
        self,
        rank: int = 32,
        *,
        last_id: bool = False,
        features: Sequence[str] | None = None,
        regularization: float = 1e-4,
        learning_rate: float = 0.01,
        batch: int = 128,
        epochs: int = 200,
        patience: int = 10,
        seed: int = 0,
    ) -> None:
        require_at_least(1, rank=rank, batch=batch, epochs=epochs, patience=patience)
        require_positive(learning_rate=learning_rate)
        if not regularization >= 0:
            raise ConfigError(
                f"regularization: got {regularization!r}, expected 0 or a positive number"
            )
        self.rank, self.last_id, self.features = rank, last_id, features
        self.regularization, self.learning_rate = regularization, learning_rate
        self.batch, self.epochs, self.patience, self.seed = batch, epochs, patience, seed
        self.layer: FactorScores | None = None
        self.best: Best[list[Floats]] | None = None

    def fit(
        self, log: EventLog, train: npt.NDArray[np.integer], validation: npt.NDArray[np.integer]
    ) -> NextItemFM:
        """Trains, and goes back to the epoch of the best validation perplexity.

        Args:
          log: the events; without item features there is only "start" or "not start" to tell.
          train: user indices whose every event is a target.
          validation: user indices that say when to stop.

        Returns:
          Itself; `best.figure` is the validation perplexity.

        Raises:
          ConfigError: a feature that the catalogue does not have.
          DataError: no users.
        """
        require_users(log, train=train.tolist(), validation=validation.tolist())
        counts = item_counts(log, train) + 1.0
        layer = FactorScores(
            _feature_matrix(log, self.features),
            self.rank,
            last_id=self.last_id,
            bias=np.log(counts / counts.sum()),
            seed=self.seed,
        )
        seen, asked = _followers(log, train), _followers(log, validation)
        random = np.random.default_rng(self.seed)
        update = self._update(layer, seen.total)

        def run_epoch(epoch: int) -> None:
            for contexts, (row, column, count) in _batches(seen, self.batch, random):
                update(*map(tf.constant, (contexts, np.stack([row, column], 1), count)))

        self.best = fit_until_best(
            run_epoch,
            lambda: float(np.exp(-_log_likelihood(layer, asked) / asked.total)),
            layer.get_weights,
            epochs=self.epochs,
            patience=self.patience,
        )
        layer.set_weights(self.best.state)
        self.layer = layer
        return self

    def scores(self, last: npt.NDArray[np.integer]) -> npt.NDArray[np.float32]:
        """Scores of every item after some last items.

        Args:
          last: `[batch]` item indices, `START` (0) for a user without events.

        Returns:
          `[batch, items]` float32, whose softmax is the probability.

        Raises:
          RunError: not fitted.
        """
        layer = require_fitted(self.layer, self)
        return layer(tf.constant(_contexts(np.asarray(last)))).numpy()

    def judge(
        self,
        log: EventLog,
        users: npt.NDArray[np.integer],
        thresholds: tuple[int, ...] | None = None,
    ) -> pl.DataFrame:
        """Every target of some users; see `tfhrnn.evaluation.evaluate.judge`.

        Args:
          log: of the same catalogue.
          users: user indices.
          thresholds: for the `level` column; the log's own if left out.

        Raises:
          RunError: not fitted.
          DataError: another catalogue, or no users.
        """
        layer = require_fitted(self.layer, self)
        require_catalogue(log, len(layer.item_features))
        require_users(log, judged=users.tolist())
        targets = target_rows(log, np.asarray(users, np.int64), thresholds or log.thresholds)
        last = np.where(targets["position"] == 0, START, targets["item"].shift(1).fill_null(START))
        context, column = _contexts(last), targets["item"].to_numpy() - FIRST_ITEM
        log_p, rank = np.empty(len(last)), np.empty(len(last), np.int64)
        order = np.argsort(context, kind="stable")
        distinct, begins = np.unique(context[order], return_index=True)
        pieces = np.split(order, begins[1:])
        for at in range(0, len(distinct), _CONTEXTS):
            table = _log_softmax(layer(tf.constant(distinct[at : at + _CONTEXTS])).numpy())
            for row, places in zip(table, pieces[at : at + _CONTEXTS], strict=False):
                ranks = np.empty(len(row), np.int64)
                ranks[np.argsort(-row, kind="stable")] = np.arange(len(row))
                log_p[places], rank[places] = row[column[places]], ranks[column[places]]
        return targets.with_columns(log_p=pl.Series(log_p), rank=pl.Series(rank))

    def _update(self, layer: FactorScores, total: int) -> Any:
        """One step of Adam on some contexts, whose part of the mean loss is scaled to the whole."""
        optimizer = tf.keras.optimizers.Adam(self.learning_rate)
        optimizer.build(layer.trainable_variables)
        decayed = [v for v in layer.trainable_variables if v is not layer.id_bias]

        @tf.function(
            input_signature=[
                tf.TensorSpec([None], tf.int64),
                tf.TensorSpec([None, 2], tf.int64),
                tf.TensorSpec([None], tf.float32),
            ],
            autograph=False,
        )
        def update(contexts: tf.Tensor, pairs: tf.Tensor, counts: tf.Tensor) -> None:
            with tf.GradientTape() as tape:
                log_p = tf.nn.log_softmax(layer(contexts))
                loss = -tf.reduce_sum(tf.gather_nd(log_p, pairs) * counts) / total
                share = tf.reduce_sum(counts) / total
                loss += share * self.regularization * sum(tf.reduce_sum(v**2) for v in decayed)
            gradients = tape.gradient(loss, layer.trainable_variables)
            optimizer.apply_gradients(zip(gradients, layer.trainable_variables, strict=True))

        return update


def _feature_matrix(log: EventLog, names: Sequence[str] | None) -> Floats:
    """The encoded features of the items, all or those named, `[items, width]`."""
    matrix = log.catalogue.feature_matrix
    if names is None:
        return matrix
    slices = log.catalogue.features.slices if log.catalogue.features else {}
    for name in names:
        if name not in slices:
            known = ", ".join(slices) or "none"
            raise ConfigError(f"features: got {name!r}, expected one of the items': {known}")
    return np.concatenate([matrix[:, :0], *(matrix[:, slices[name]] for name in names)], axis=1)


def _contexts(last: npt.NDArray[np.integer]) -> Ints:
    """0 for the start event, else 1 + the item's place."""
    return np.where(last == START, 0, last - FIRST_ITEM + 1).astype(np.int64)


def _followers(log: EventLog, users: npt.NDArray[np.integer]) -> _Followers:
    """Counts of (last item, next item) over every event of some users."""
    events = events_of(log, users)
    item = np.asarray(log.item).astype(np.int64)
    first = np.isin(events, log.offsets[:-1])
    context = _contexts(np.where(first, START, item[events - 1]))
    keys, count = np.unique(context * log.num_items + item[events] - FIRST_ITEM, return_counts=True)
    return _Followers(
        keys // log.num_items, keys % log.num_items, count.astype(np.float32), len(events)
    )


def _batches(followers: _Followers, size: int, random: np.random.Generator | None = None) -> Any:
    """Contexts, `size` at a time, drawn or in order, with the (row, column, count) of each."""
    distinct, begins, lengths = np.unique(followers.context, return_index=True, return_counts=True)
    order = np.arange(len(distinct)) if random is None else random.permutation(len(distinct))
    for at in range(0, len(order), size):
        some = order[at : at + size]
        row = np.repeat(np.arange(len(some)), lengths[some])
        within = np.arange(len(row)) - np.repeat(
            np.cumsum(lengths[some]) - lengths[some], lengths[some]
        )
        pair = np.repeat(begins[some], lengths[some]) + within
        yield distinct[some], (row, followers.column[pair], followers.times[pair])


def _log_likelihood(layer: FactorScores, followers: _Followers) -> float:
    """Sum of log p over all that followed."""
    total = 0.0
    for contexts, (row, column, count) in _batches(followers, _CONTEXTS):
        log_p = _log_softmax(layer(tf.constant(contexts)).numpy())
        total += float((log_p[row, column] * count).sum())
    return total


def _log_softmax(scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    shifted = scores.astype(np.float64) - scores.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
