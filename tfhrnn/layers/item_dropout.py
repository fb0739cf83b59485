"""Dropout of whole items at the input: for one update some items' rows are 0 wherever they stand.

A window's occurrences of an item go together, so that a prediction cannot hang on one item
(Merity et al. 2017, section 4.3, "embedding dropout"; Gal and Ghahramani 2016, section 4.2). Only
what is read is dropped: the decoder scores with all rows, tied or not.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf


class ItemDropout(tf.keras.layers.Layer):
    """Drops the vectors of a random share of the items.

    The start and the unknown index stand for no item and are never dropped nor scaled.

    Args:
      num_items: items of the catalogue, without those two.
      rate: share of the items dropped in training; the others are scaled by 1/(1 − rate).
      first_item: index of the first item.
      seed: of the draws; `drop` holds their generator.
    """

    def __init__(
        self,
        num_items: int,
        rate: float,
        *,
        first_item: int,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_items, self.rate, self.first_item, self.seed = num_items, rate, first_item, seed
        self.drop = tf.keras.layers.Dropout(
            rate, seed=seed, force_generator=True, dtype=self._dtype_policy
        )

    def build(self, input_shape: Any) -> None:
        """Makes the generator now, so that a checkpoint finds it before the first draw."""
        self.drop.build([self.num_items])
        super().build(input_shape)

    def call(self, vectors: tf.Tensor, item: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Drops items.

        Args:
          vectors: `[..., width]` embeddings.
          item: `[...]` int32 indices of the items that they embed.
          training: whether to draw; else `vectors` are handed back.

        Returns:
          `[..., width]`, each item's vectors all 0 or all scaled up.
        """
        if not training:
            return vectors
        kept = self.drop(tf.ones([self.num_items], self.compute_dtype), training=True)
        kept = tf.concat([tf.ones([self.first_item], self.compute_dtype), kept], axis=0)
        return vectors * tf.gather(kept, item)[..., tf.newaxis]

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        own = {
            "num_items": self.num_items,
            "rate": self.rate,
            "first_item": self.first_item,
            "seed": self.seed,
        }
        return {**super().get_config(), **own}
