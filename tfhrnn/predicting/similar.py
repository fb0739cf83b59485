"""Which items are alike: by the cosine of rows, cos(a, b) = a·b / (|a| |b|).

Items of the catalogue are compared by the decoder's rows, which are near where the same histories
lead to both. An item known by its features alone is compared by what features say, with every
item's row as it would be if nobody had met it: what is known of their events would outweigh the
rest.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfhrnn.layers.marks import Marks
from tfhrnn.layers.top_k import streaming_top_k
from tfhrnn.predicting.new_items import NewItems
from tfhrnn.predicting.request_reader import Inputs, RequestReader, Signature, spec


class SimilarItems(tf.Module):
    """Answers the items most similar to one.

    Args:
      ids: of the items, in catalogue order.
      requests: looks ids up.
      weights: `[items, units]` rows of the decoder.
      new_items: embeds features; None for a model without item features.
      by_features: `[items, units]` rows of `NewItems.rows_as_if_new`; with `new_items` only.
    """

    def __init__(
        self,
        ids: Sequence[str],
        requests: RequestReader,
        weights: tf.Variable,
        new_items: NewItems | None,
        by_features: tf.Variable | None,
    ) -> None:
        super().__init__(name="similar")
        self.num_items, self.item_ids = len(ids), tf.constant(ids)
        self.requests, self.weights = requests, weights
        self.new_items, self.by_features = new_items, by_features

    def items_signature(self) -> Signature:
        """The inputs of `items`."""
        return {**spec("items", 1, tf.string), **spec("k", 1, tf.int32)}

    def features_signature(self) -> Signature:
        """The inputs of `features`; none without item features."""
        if self.new_items is None:
            return {}
        return {**self.new_items.signature("item_", 1), **spec("k", 1, tf.int32)}

    def items(self, inputs: Inputs) -> dict[str, tf.Tensor]:
        """The items most similar to an item, not itself; none for an id that is not known."""
        column = self.requests.columns(inputs["items"])
        query = tf.gather(self.weights, tf.maximum(column, 0))
        known = column >= 0
        return self._nearest(query, known, column, self.weights, inputs["k"])

    def features(self, inputs: Inputs) -> dict[str, tf.Tensor]:
        """The items whose features are most similar to those of an item in no catalogue."""
        assert self.new_items is not None and self.by_features is not None
        query, _ = self.new_items.rows(inputs, "item_")
        nobody = tf.fill(tf.shape(inputs["k"]), -1)
        return self._nearest(query, nobody < 0, nobody, self.by_features, inputs["k"])

    def _nearest(
        self,
        query: tf.Tensor,
        known: tf.Tensor,
        own: tf.Tensor,
        weights: tf.Variable,
        k: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        """The nearest rows to queries `[batch, units]`, their own columns `[batch]` left out."""
        positive = tf.debugging.assert_positive(k, message="k: expected 1 or more")
        with tf.control_dependencies([positive]):
            k = tf.identity(k)
        width = tf.clip_by_value(tf.reduce_max(k), 0, self.num_items)
        found = streaming_top_k(
            tf.math.l2_normalize(query, axis=1),
            tf.math.l2_normalize(weights, axis=1),
            tf.zeros([self.num_items]),
            width,
            marks=Marks(excluded=own[:, tf.newaxis]),
        )
        valid = (tf.range(width) < k[:, tf.newaxis]) & (found.columns >= 0) & known[:, tf.newaxis]
        ids = tf.gather(self.item_ids, tf.maximum(found.columns, 0))
        return {
            "items": tf.where(valid, ids, ""),
            "similarities": tf.where(valid, found.scores, -np.inf),
        }
