"""From a request's strings and numbers to indices and encoded features, checked.

Lists of ids are padded with "" behind the last id of a row; what stands beside the padding in other
inputs is not read. Whatever does not fit is an InvalidArgumentError that names the input.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import tensorflow as tf

from tfhrnn.data.catalogue import FIRST_ITEM, UNKNOWN
from tfhrnn.data.features import FeatureSpec
from tfhrnn.feature_encoder import FeatureEncoder, string_index
from tfhrnn.predicting.steps import Events

Inputs = Mapping[str, tf.Tensor]
Signature = dict[str, tf.TensorSpec]


def spec(name: str, rank: int, dtype: tf.DType) -> Signature:
    """One input of any size, by its name."""
    return {name: tf.TensorSpec([None] * rank, dtype, name=name)}


def feature_signature(prefix: str, specs: Sequence[FeatureSpec], rank: int) -> Signature:
    """An input a raw feature: numbers are float32, all others strings."""
    found: Signature = {}
    for feature in specs:
        dtype = tf.float32 if feature.kind == "numeric" else tf.string
        found |= spec(f"{prefix}{feature.name}", rank, dtype)
    return found


def same_rows(inputs: Inputs, names: Iterable[str]) -> list[tf.Operation]:
    """Checks that inputs are of as many rows as the first one of `names`."""
    first, *others = names
    rows = tf.shape(inputs[first])[0]
    return [
        tf.debugging.assert_equal(
            tf.shape(inputs[name])[0], rows, message=f"{name}: expected as many rows as {first}"
        )
        for name in others
    ]


class RequestReader(tf.Module):
    """Looks up ids and types and encodes user features.

    Args:
      ids: of the items, in catalogue order.
      event_types: those that the model knows; None where it reads none.
      feedback: whether the model reads feedback.
      user_specs: the user features that it reads.
    """

    def __init__(
        self,
        ids: Sequence[str],
        *,
        event_types: Sequence[str] | None,
        feedback: bool,
        user_specs: Sequence[FeatureSpec],
    ) -> None:
        super().__init__(name="requests")
        self.item_index = string_index(list(ids), first=FIRST_ITEM, default=UNKNOWN)
        self.reads_feedback, self.reads_types = feedback, event_types is not None
        if event_types is not None:
            self.type_index = string_index(list(event_types), first=1, default=0)
        self.user_specs = tuple(user_specs)
        self.user_encoders = [FeatureEncoder(feature) for feature in user_specs]

    def event_signature(self, ids: str) -> Signature:
        """The inputs that tell events, `[batch, events]`, their items under the name `ids`."""
        found = {**spec(ids, 2, tf.string), **spec("times", 2, tf.int64)}
        if self.reads_feedback:
            found |= spec("feedback", 2, tf.float32)
        if self.reads_types:
            found |= spec("event_types", 2, tf.string)
        return found

    def user_signature(self) -> Signature:
        """The inputs that tell users' features, `[batch]`."""
        return feature_signature("user_", self.user_specs, 1)

    def columns(self, ids: tf.Tensor) -> tf.Tensor:
        """Columns of the item matrix, int32, −1 for ids that are not in the catalogue."""
        found = tf.cast(self.item_index.lookup(ids), tf.int32) - FIRST_ITEM
        return tf.maximum(found, -1)

    def events(self, inputs: Inputs, ids: str) -> tuple[Events, tf.Tensor]:
        """Events and how many there are.

        Args:
          inputs: with those of `event_signature`.
          ids: the name of the items' input.

        Returns:
          The events, `[batch, events]`, and `[batch]` int32 counts; beyond them, anything.
        """
        items = inputs[ids]
        given = tf.cast(items != "", tf.int32)
        count = tf.reduce_sum(given, axis=1)
        checks = [
            tf.debugging.assert_equal(
                given,
                tf.sequence_mask(count, tf.shape(items)[1], tf.int32),
                message=f"{ids}: expected empty ids only after the last id of a row",
            ),
            *(
                tf.debugging.assert_equal(
                    tf.shape(inputs[name]),
                    tf.shape(items),
                    message=f"{name}: expected the shape of {ids}",
                )
                for name in ("times", "feedback", "event_types")
                if name in inputs
            ),
        ]
        with tf.control_dependencies(checks):
            index = tf.cast(self.item_index.lookup(items), tf.int32)
        types = tf.zeros_like(index)
        if self.reads_types:
            types = tf.cast(self.type_index.lookup(inputs["event_types"]), tf.int32)
        feedback = inputs.get("feedback", tf.fill(tf.shape(index), np.float32(np.nan)))
        return Events(index, inputs["times"], feedback, types), count

    def user(self, inputs: Inputs, batch: tf.Tensor) -> tf.Tensor:
        """Encoded user features, `[batch, width]` float32."""
        blocks = [
            encode(inputs[f"user_{feature.name}"])
            for feature, encode in zip(self.user_specs, self.user_encoders, strict=True)
        ]
        return tf.concat([tf.zeros([batch, 0]), *blocks], axis=1)
