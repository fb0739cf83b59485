"""Retrieval by name: what a history has seen, then top-k over a catalogue of any size.

In come hidden states and histories as columns of the item matrix; out go the best items, their
scores and the normaliser log Σ_j exp(score_j). Streamed, the sum is exact and the answers are those
of a softmax over everything; clustered, both are approximate
(`tfhrnn.layers.top_k.ClusteredIndex`). Standard TensorFlow ops only.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfhrnn.errors import ConfigError
from tfhrnn.layers.marks import Marks, added
from tfhrnn.layers.top_k import ClusteredIndex, TopK, exact_top_k, streaming_top_k

_CHUNK = 8192  # items scored at once


def seen_columns(history: tf.Tensor, size: int) -> tf.Tensor:
    """The last distinct items of each history, the latest first.

    Args:
      history: `[batch, time]` int32 columns of the item matrix, oldest first; negative numbers are
        no items (padding, unknown ones).
      size: how many distinct items at most.

    Returns:
      `[batch, min(size, time)]` int32 columns, −1 where there are no more.

    >>> seen_columns(tf.constant([[4, 7, 4, 9, -1]]), 3).numpy().tolist()
    [[9, 4, 7]]
    """
    time = tf.shape(history)[1]
    place = tf.range(time)[tf.newaxis]
    # Sorted by item, then by place, an item's last event stands before another item's first.
    scale = tf.cast(tf.maximum(time, 1), tf.int64)
    key = tf.sort(tf.cast(history, tf.int64) * scale + tf.cast(place, tf.int64))
    item, at = tf.cast(key // scale, tf.int32), tf.cast(key % scale, tf.int32)
    ends = tf.pad(item[:, 1:] != item[:, :-1], [[0, 0], [0, 1]], constant_values=True)
    ends = ends[:, :time]  # an empty history has no last event
    latest, order = tf.math.top_k(tf.where(ends & (item >= 0), at, -1), tf.minimum(size, time))
    return tf.where(latest >= 0, tf.gather(item, order, batch_dims=1), -1)


class Retrieval(tf.Module):
    """The best items, and what is needed for log-probabilities.

    Args:
      name: "exact" scores the whole catalogue at once. "streaming" goes through it 8,192 items at a
        time: the answers of a softmax over everything, and its log-probabilities within 1e-5.
        "clustered" scores the items of the clusters that promise most: it may miss some, may answer
        fewer than k, and its log-probabilities rest on an estimate of the normaliser, most often
        too low, so that they are too high by one amount a row. Rows restricted to a list are
        chosen from the whole list under every name, and rows that are not open to every item from
        the whole catalogue.
      weights: `[items, units]` float32, kept as it is (a variable stays one).
      bias: `[items]` float32, likewise.

    Raises:
      ConfigError: there is no such retrieval.
    """

    def __init__(self, name: str, weights: tf.Variable, bias: tf.Variable) -> None:
        super().__init__(name="retrieval")
        if name not in ("exact", "streaming", "clustered"):
            raise ConfigError(
                f"retrieval: got {name!r}, expected one of exact, streaming, clustered"
            )
        self.way, self.weights, self.bias = name, weights, bias
        self.index = ClusteredIndex(weights.numpy(), bias.numpy()) if name == "clustered" else None

    def top_k(self, hidden: tf.Tensor, k: int | tf.Tensor, marks: Marks) -> TopK:
        """The best items of each row.

        Args:
          hidden: `[batch, units]` float32.
          k: how many, at most the catalogue.
          marks: what sets items apart for each row.

        Returns:
          The best, −inf and −1 where there are no more, and the normaliser over the whole
          catalogue.
        """
        if self.index is None:
            return self._whole(hidden, k, marks)
        plain = marks._replace(allowed=None, restricted=None)
        found = self.index.top_k(hidden, k, marks=plain)
        if marks.open is not None:
            found = self._opened(found, hidden, k, plain)
        if marks.allowed is None:
            return found
        assert marks.restricted is not None
        listed, columns = self._listed(hidden, k, marks)
        restricted = marks.restricted[:, tf.newaxis]
        return found._replace(
            scores=tf.where(restricted, listed, found.scores),
            columns=tf.where(restricted, columns, found.columns),
        )

    def log_probabilities(self, hidden: tf.Tensor, columns: tf.Tensor, marks: Marks) -> tf.Tensor:
        """Log-probabilities of given items, exact whatever the retrieval.

        Args:
          hidden: `[batch, units]` float32.
          columns: `[batch, asked]` int32.
          marks: each row's seen items.

        Returns:
          `[batch, asked]` float32.
        """
        normalizer = self._whole(hidden, 1, marks).log_normalizer
        return self._scores(hidden, columns, marks) - normalizer[:, tf.newaxis]

    def _scores(self, hidden: tf.Tensor, columns: tf.Tensor, marks: Marks) -> tf.Tensor:
        """Scores of given items, `[batch, asked]`."""
        scores = tf.einsum("bu,bau->ba", hidden, tf.gather(self.weights, columns))
        scores += tf.gather(self.bias, columns)
        if marks.seen is not None:
            beta = tf.convert_to_tensor(marks.seen_bias, tf.float32)
            beta = tf.gather(beta, columns) if beta.shape.rank == 1 else beta
            scores += beta * tf.cast(_listed_in(columns, marks.seen), tf.float32)
        return scores

    def _listed(
        self, hidden: tf.Tensor, k: int | tf.Tensor, marks: Marks
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The best of each row's allowed items, all of them scored."""
        columns = tf.sort(marks.allowed)  # in catalogue order, as ties want it
        repeated = tf.pad(columns[:, 1:] == columns[:, :-1], [[0, 0], [1, 0]])
        repeated = repeated[:, : tf.shape(columns)[1]]
        known = (columns >= 0) & ~repeated
        if marks.excluded is not None:
            known &= ~_listed_in(columns, marks.excluded)
        if marks.open is not None:
            known &= tf.gather(marks.open, tf.maximum(columns, 0), batch_dims=1)
        scores = self._scores(hidden, tf.maximum(columns, 0), marks)
        more = added(marks, columns)
        count = tf.minimum(k, tf.shape(columns)[1])
        best, order = tf.math.top_k(tf.where(known, scores + more, -np.inf), count)
        blank = [[0, 0], [0, k - count]]
        columns = tf.where(best > -np.inf, tf.gather(columns, order, batch_dims=1), -1)
        scores = best - added(marks, columns)
        return (
            tf.pad(scores, blank, constant_values=-np.inf),
            tf.pad(columns, blank, constant_values=-1),
        )

    def _opened(self, found: TopK, hidden: tf.Tensor, k: int | tf.Tensor, marks: Marks) -> TopK:
        """Rows that a filter narrows, chosen anew: their best clusters may hold nothing of it."""
        narrowed = ~tf.reduce_all(marks.open, axis=1)

        def chosen() -> tuple[tf.Tensor, tf.Tensor]:
            whole = self._whole(hidden, k, marks)
            mine = narrowed[:, tf.newaxis]
            return (
                tf.where(mine, whole.scores, found.scores),
                tf.where(mine, whole.columns, found.columns),
            )

        anything = tf.reduce_any(narrowed)
        scores, columns = tf.cond(anything, chosen, lambda: (found.scores, found.columns))
        return found._replace(scores=scores, columns=columns)

    def _whole(self, hidden: tf.Tensor, k: int | tf.Tensor, marks: Marks) -> TopK:
        if self.way == "exact":
            return exact_top_k(hidden, self.weights, self.bias, k, marks=marks)
        return streaming_top_k(hidden, self.weights, self.bias, k, _CHUNK, marks=marks)


def _listed_in(columns: tf.Tensor, lists: tf.Tensor) -> tf.Tensor:
    """Whether each of `[batch, n]` columns is in its row's list, bool."""
    return tf.reduce_any(columns[:, :, tf.newaxis] == lists[:, tf.newaxis], axis=2)
