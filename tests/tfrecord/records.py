"""TFRecord files of Examples as other programs may write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf


def example(**features: list[Any]) -> bytes:
    """An Example of lists; the first value of each tells its kind."""
    lists = {}
    for name, values in features.items():
        if values and isinstance(values[0], str):
            encoded = [value.encode() for value in values]
            lists[name] = tf.train.Feature(bytes_list=tf.train.BytesList(value=encoded))
        elif values and isinstance(values[0], float):
            lists[name] = tf.train.Feature(float_list=tf.train.FloatList(value=values))
        else:
            lists[name] = tf.train.Feature(int64_list=tf.train.Int64List(value=values))
    record: bytes = tf.train.Example(features=tf.train.Features(feature=lists)).SerializeToString()
    return record


def write(path: Path, *records: bytes) -> Path:
    """A TFRecord file."""
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)
    return path


GOOD = [
    example(user_id=["a"], item_id=["x", "y"], timestamp=[5, 6]),
    example(user_id=["b"], item_id=["x"], timestamp=[7], feedback=[2.5]),
]
