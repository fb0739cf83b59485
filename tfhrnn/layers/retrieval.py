"""Retrieval that never scores the whole catalogue at once: what a history has seen, then top-k.

In come hidden states and histories as columns of the item matrix; out go the best items with
log-probabilities, score − log Σ_j exp(score_j). Streamed, the sum is exact and the answers are
those of a softmax over everything; clustered, both are approximate
(`tfhrnn.layers.top_k.ClusteredIndex`). Standard TensorFlow ops only.
"""

from __future__ import annotations

import tensorflow as tf

from tfhrnn.errors import ConfigError
from tfhrnn.layers.top_k import ClusteredIndex, Marks, TopK, streaming_top_k

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
    """Best items and log-probabilities without the scores of all items at once.

    Args:
      name: "streaming" goes through the catalogue 8,192 items at a time: the answers of a softmax
        over everything, and its log-probabilities within 1e-5. "clustered" scores the items of the
        clusters that promise most: it may miss some, may answer fewer than k, and its
        log-probabilities rest on an estimate of the normaliser, most often too low, so that they
        are too high by one amount a row.
      weights: `[items, units]` float32, kept as it is (a variable stays one).
      bias: `[items]` float32, likewise.

    Raises:
      ConfigError: there is no such retrieval.
    """

    def __init__(self, name: str, weights: tf.Variable, bias: tf.Variable) -> None:
        super().__init__(name="retrieval")
        if name not in ("streaming", "clustered"):
            raise ConfigError(
                f"retrieval: got {name!r}, expected one of exact, streaming, clustered"
            )
        self.weights, self.bias = weights, bias
        self.index = ClusteredIndex(weights.numpy(), bias.numpy()) if name == "clustered" else None

    def best(
        self, hidden: tf.Tensor, k: int | tf.Tensor, marks: Marks
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The best items of each row.

        Args:
          hidden: `[batch, units]` float32.
          k: how many, at most the catalogue.
          marks: each row's seen and excluded items.

        Returns:
          Log-probabilities over the whole catalogue, `[batch, k]` float32, and int32 columns, best
          first; −inf and −1 where there are no more.
        """
        if self.index is None:
            found = self._stream(hidden, k, marks)
        else:
            found = self.index.top_k(hidden, k, marks=marks)
        return found.scores - found.log_normalizer[:, tf.newaxis], found.columns

    def log_probabilities(self, hidden: tf.Tensor, columns: tf.Tensor, marks: Marks) -> tf.Tensor:
        """Log-probabilities of given items, exact whatever the retrieval.

        Args:
          hidden: `[batch, units]` float32.
          columns: `[batch, asked]` int32.
          marks: each row's seen items.

        Returns:
          `[batch, asked]` float32.
        """
        scores = tf.einsum("bu,bau->ba", hidden, tf.gather(self.weights, columns))
        scores += tf.gather(self.bias, columns)
        if marks.seen is not None:
            beta = tf.convert_to_tensor(marks.seen_bias, tf.float32)
            beta = tf.gather(beta, columns) if beta.shape.rank == 1 else beta
            seen = tf.reduce_any(columns[:, :, tf.newaxis] == marks.seen[:, tf.newaxis], axis=2)
            scores += beta * tf.cast(seen, tf.float32)
        return scores - self._stream(hidden, 1, marks).log_normalizer[:, tf.newaxis]

    def _stream(self, hidden: tf.Tensor, k: int | tf.Tensor, marks: Marks) -> TopK:
        return streaming_top_k(hidden, self.weights, self.bias, k, _CHUNK, marks=marks)
