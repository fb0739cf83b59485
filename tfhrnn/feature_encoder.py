"""Raw features to what a model reads, in the graph: `tfhrnn.data.features` for the SavedModel.

In go strings and numbers as a client sends them, out come the rows and indices that training had.
Standard TensorFlow ops only.
"""

from __future__ import annotations

import tensorflow as tf

from tfhrnn.data.features import FeatureSpec
from tfhrnn.data.words import NO_WORD, POWERS, PRIME, WORD_BYTES


class FeatureEncoder(tf.Module):
    """`FeatureSpec.encode` in the graph: raw values `[batch]` to `[batch, width]`."""

    def __init__(self, spec: FeatureSpec) -> None:
        super().__init__()
        self.spec = spec
        if spec.kind in ("categorical", "multi-hot"):
            self.table = string_index(list(spec.vocabulary), first=0, default=len(spec.vocabulary))

    def __call__(self, values: tf.Tensor) -> tf.Tensor:
        """Encodes values: float32 with NaN for unknown where numeric, else strings."""
        spec = self.spec
        if spec.kind == "numeric":
            known = tf.math.is_finite(values)
            scaled = tf.where(known, (values - spec.mean) / (spec.std or 1.0), 0.0)
            return tf.stack([scaled, tf.cast(~known, tf.float32)], axis=1)
        if spec.kind == "categorical":
            return tf.one_hot(self.table.lookup(tf.strings.strip(values)), spec.width)
        if spec.kind == "text":
            spaced = tf.strings.regex_replace(
                tf.strings.lower(values, encoding="utf-8"), NO_WORD, " "
            )
            pieces = tf.strings.split(spaced)
            columns = _word_buckets(pieces.values, spec.buckets)
        else:
            pieces = tf.strings.split(values, spec.separator)
            columns = self.table.lookup(tf.strings.strip(pieces.values))
        rows = tf.one_hot(columns, spec.width)
        summed = tf.math.unsorted_segment_max(rows, pieces.value_rowids(), tf.shape(values)[0])
        present = tf.maximum(summed, 0.0)  # a row without pieces holds the lowest float
        return tf.math.l2_normalize(present, axis=1)


def _word_buckets(words: tf.Tensor, buckets: int) -> tf.Tensor:
    """`tfhrnn.data.words.word_buckets` in the graph: words `[n]` to int64 `[n]`."""
    padded = tf.io.decode_raw(words, tf.uint8, fixed_length=WORD_BYTES)
    powers = tf.constant(POWERS, tf.int64)
    return tf.linalg.matvec(tf.cast(padded, tf.int64), powers) % PRIME % buckets


def string_index(keys: list[str], *, first: int, default: int) -> tf.lookup.StaticHashTable:
    """Keys to consecutive numbers from `first`; anything else to `default`."""
    values = tf.range(first, first + len(keys), dtype=tf.int64)
    initializer = tf.lookup.KeyValueTensorInitializer(tf.constant(keys, tf.string), values)
    return tf.lookup.StaticHashTable(initializer, default)
