"""Items by their raw features alone: what scores an item that is in no catalogue.

A new item's row is w(f) and b(f), λ being 1 (paper, section 2). Its statistics are those of an item
without events, and its factors 0: it stands near no other.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfhrnn.data.facts import STATISTICS_WITHOUT_EVENTS
from tfhrnn.data.features import FeatureSpec
from tfhrnn.feature_encoder import FeatureEncoder
from tfhrnn.models.hrnn import HRNN
from tfhrnn.predicting.request_reader import Inputs, Signature, feature_signature


class NewItems(tf.Module):
    """Encodes raw features and embeds them as the decoder does.

    Args:
      model: one that reads item features.
      specs: the features, as the catalogue has them.
    """

    def __init__(self, model: HRNN, specs: Sequence[FeatureSpec]) -> None:
        super().__init__(name="new_items")
        self.specs = tuple(specs)
        self.encoders = [FeatureEncoder(feature) for feature in specs]
        decoder = model.decoder
        self._decoder = lambda: decoder  # not tracked, or its own functions would be saved
        self.variables_read = [
            decoder.feature_weights,
            decoder.feature_center,
            decoder.feature_slope,
            decoder.feature_bias,
        ]
        statistics = STATISTICS_WITHOUT_EVENTS if model.config.item_statistics else ()
        width = model.facts.item_features.shape[1] - sum(one.width for one in self.specs)
        self.rest = np.zeros(width, np.float32)  # of statistics, then factors
        self.rest[: len(statistics)] = statistics

    def signature(self, prefix: str, rank: int) -> Signature:
        """An input a feature, named `prefix` and the feature."""
        return feature_signature(prefix, self.specs, rank)

    def rows(self, inputs: Inputs, prefix: str) -> tuple[tf.Tensor, tf.Tensor]:
        """Rows of the item matrix, float32 `[..., units]`, and their biases `[...]`.

        Args:
          inputs: with those of `signature`, of one shape.
          prefix: what their names begin with.
        """
        first = inputs[f"{prefix}{self.specs[0].name}"]
        shape = tf.shape(first)
        blocks = [
            encode(tf.reshape(inputs[f"{prefix}{feature.name}"], [-1]))
            for feature, encode in zip(self.specs, self.encoders, strict=True)
        ]
        weights, bias = self._embedded(tf.concat(blocks, axis=1))
        units = weights.shape[-1]
        return tf.reshape(weights, tf.concat([shape, [units]], 0)), tf.reshape(bias, shape)

    def rows_as_if_new(self, features: npt.NDArray[np.float32]) -> tf.Tensor:
        """Rows `[items, units]` of encoded features, as if nobody had met the items."""
        return self._embedded(tf.constant(features))[0]

    def _embedded(self, encoded: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        rest = tf.repeat(tf.constant(self.rest)[tf.newaxis], tf.shape(encoded)[0], axis=0)
        return self._decoder().feature_embeddings(tf.concat([encoded, rest], axis=1))
