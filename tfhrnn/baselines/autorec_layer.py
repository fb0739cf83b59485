"""The network of AutoRec and the sparse matrix that it reads, a row an item or a user.

Only rated entries are ever held: Sedhain et al. 2015 leave all others out of the loss, and as zeros
they add nothing to what the hidden layer reads.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.floating]


class RatingMatrix(NamedTuple):
    """Rated entries of a matrix, one for each (row, column), by row.

    Attributes:
      offsets: `[rows + 1]`; row n has the entries offsets[n] to offsets[n + 1].
      column: `[entries]`.
      value: `[entries]` float32 ratings less their mean.
      columns: how many there are.
    """

    offsets: Ints
    column: Ints
    value: npt.NDArray[np.float32]
    columns: int

    @classmethod
    def of(cls, row: Ints, column: Ints, value: Floats, shape: tuple[int, int]) -> RatingMatrix:
        """Sorts entries; of several in one place the last counts."""
        keys = row * shape[1] + column
        unique, place = np.unique(keys[::-1], return_index=True)
        counts = np.bincount(unique // shape[1], minlength=shape[0])
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        kept = value[::-1][place].astype(np.float32)
        return cls(offsets, unique % shape[1], kept, shape[1])

    def rows(self, some: Ints) -> tuple[Ints, npt.NDArray[np.float32]]:
        """Entries of some rows: (place in `some`, column) `[entries, 2]`, and values."""
        lengths = self.offsets[some + 1] - self.offsets[some]
        row = np.repeat(np.arange(len(some)), lengths)
        within = np.arange(len(row)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        entry = np.repeat(self.offsets[some], lengths) + within
        return np.stack([row, self.column[entry]], axis=1), self.value[entry]


class AutoRecLayer(tf.keras.layers.Layer):
    """The autoencoder, over rated entries alone: `[rows, columns]` are never held.

    Args:
      columns: width of a row.
      hidden: units of the hidden layer.
      seed: of weights.

    Source: Sedhain et al. 2015, eqs. 1 and 2.
    """

    def __init__(self, columns: int, hidden: int, *, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.columns, self.hidden, self.seed = columns, hidden, seed

        def weight(name: str, offset: int) -> tf.Variable:
            start = tf.keras.initializers.GlorotUniform(seed=seed + offset)
            return self.add_weight(name=name, shape=(columns, hidden), initializer=start)

        self.encoder, self.decoder = weight("encoder", 1), weight("decoder", 2)
        self.hidden_bias = self.add_weight(name="hidden_bias", shape=(hidden,), initializer="zeros")
        self.bias = self.add_weight(name="bias", shape=(columns,), initializer="zeros")
        self.built = True

    def encode(self, entries: tf.Tensor, values: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
        """g(V r + μ) of some rows.

        Args:
          entries: `[entries, 2]` int64 (row, column), rows rising.
          values: `[entries]` float32.
          rows: scalar int64, how many rows there are; one without entries is 0.

        Returns:
          `[rows, hidden]` float32.
        """
        shape = tf.stack([tf.cast(rows, tf.int64), tf.constant(self.columns, tf.int64)])
        matrix = tf.SparseTensor(entries, values, shape)
        product = tf.sparse.sparse_dense_matmul(matrix, self.encoder)
        return tf.sigmoid(product + self.hidden_bias)

    def call(self, entries: tf.Tensor, values: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
        """The reconstruction of the entries given; see `encode`.

        Returns:
          `[entries]` float32.
        """
        hidden = tf.gather(self.encode(entries, values, rows), entries[:, 0])
        decoder = tf.gather(self.decoder, entries[:, 1])
        return tf.reduce_sum(hidden * decoder, axis=1) + tf.gather(self.bias, entries[:, 1])

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        own = {"columns": self.columns, "hidden": self.hidden, "seed": self.seed}
        return {**super().get_config(), **own}
