"""The scores of a factorization machine for every candidate after some last items.

See `next_item_fm` for the equation.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

Floats = npt.NDArray[np.floating]


class FactorScores(tf.keras.layers.Layer):
    """φ of every candidate after some last items.

    A context is 0 for the start event, else 1 + the last item's place in the catalogue.

    Args:
      item_features: `[items, width]` float32; width may be 0.
      rank: length of the vectors v.
      last_id: whether the last item's id is a feature.
      bias: `[items]` where w_j starts.
      seed: of the vectors.

    Source: Rendle 2012, eq. 1.
    """

    def __init__(
        self,
        item_features: Floats,
        rank: int,
        *,
        last_id: bool = False,
        bias: Floats | None = None,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.item_features = np.asarray(item_features, np.float32)
        self.rank, self.last_id, self.seed = rank, last_id, seed
        items, width = self.item_features.shape
        self.bias = np.zeros(items, np.float32) if bias is None else np.asarray(bias, np.float32)
        self._table = tf.constant(self.item_features)
        # A context's features: the start event has none but its own.
        self._last_table = tf.pad(self._table, [[1, 0], [0, 0]])

        def vectors(name: str, rows: int, offset: int) -> tf.Variable:
            start = tf.keras.initializers.RandomNormal(stddev=0.05, seed=seed + offset)
            return self.add_weight(name=name, shape=(rows, rank), initializer=start)

        self.id_bias = self.add_weight(
            name="id_bias",
            shape=(items,),
            initializer=tf.keras.initializers.Constant(self.bias),
        )
        self.feature_bias = self.add_weight(
            name="feature_bias", shape=(width,), initializer="zeros"
        )
        self.id_vectors = vectors("id_vectors", items, 1)
        self.feature_vectors = vectors("feature_vectors", width, 2)
        self.last_id_vectors = vectors("last_id_vectors", 1 + items if last_id else 1, 3)
        self.last_feature_vectors = vectors("last_feature_vectors", width, 4)
        self.built = True

    def call(self, contexts: tf.Tensor) -> tf.Tensor:
        """Scores.

        Args:
          contexts: `[batch]` int.

        Returns:
          `[batch, items]` float32.
        """
        vectors = self.id_vectors + self._table @ self.feature_vectors  # [items, rank]
        squares = tf.reduce_sum(self.id_vectors**2, axis=1) + tf.linalg.matvec(
            self._table**2, tf.reduce_sum(self.feature_vectors**2, axis=1)
        )
        bias = self.id_bias + tf.linalg.matvec(self._table, self.feature_bias)
        bias += 0.5 * (tf.reduce_sum(vectors**2, axis=1) - squares)
        last = tf.gather(self._last_table, contexts) @ self.last_feature_vectors
        if self.last_id:
            last += tf.gather(self.last_id_vectors, contexts)
        else:
            last += tf.cast(contexts == 0, tf.float32)[:, tf.newaxis] * self.last_id_vectors
        return tf.matmul(last, vectors, transpose_b=True) + bias

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        own = {
            "item_features": self.item_features,
            "rank": self.rank,
            "last_id": self.last_id,
            "bias": self.bias,
            "seed": self.seed,
        }
        return {**super().get_config(), **own}
