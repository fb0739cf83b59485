"""A user feature for data without any: the features of the item that the user began with."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfhrnn.layers.embeddings import FIRST_COLUMN, UserEmbedding


class FirstItemEmbedding(tf.keras.layers.Layer):
    """The features of a user's first item, read as user features.

    The first item is known from the start event on, so the first prediction is told what it is to
    predict: the paper's "faked" user features leak the first target, on purpose. Later targets come
    after the first item and are not leaked.

    Args:
      units: width.
      features: `[items, width]` encoded item features.
      seed: of weights.

    Source: Ma and Narayanaswamy, section 3 (Table 2).
    """

    def __init__(
        self,
        units: int,
        *,
        features: npt.NDArray[np.float32],
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units, self.seed = units, seed
        self._features = np.asarray(features, np.float32)
        self.embedding = UserEmbedding(units, seed=seed, dtype=self._dtype_policy, name="embedding")

    def build(self, _: Any) -> None:
        """Creates the table of features; start event and unknown item have none."""
        rows = np.pad(self._features, ((FIRST_COLUMN, 0), (0, 0)))
        initializer = tf.keras.initializers.Constant(rows)
        self.features = self.add_weight(
            "features", rows.shape, initializer=initializer, trainable=False
        )
        super().build(_)

    def call(self, first_item: tf.Tensor) -> tf.Tensor:
        """`[...]` int32 indices of users' first items, 0 where there is none, to `[..., units]`."""
        return self.embedding(tf.gather(self.features, first_item))

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, arrays as lists."""
        own = {"units": self.units, "features": self._features.tolist(), "seed": self.seed}
        return {**super().get_config(), **own}
