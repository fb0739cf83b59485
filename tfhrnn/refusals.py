"""A graph's refusals as errors that a caller can mend."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import tensorflow as tf

from serving.client.refusals import readable
from tfhrnn.errors import ConfigError


@contextmanager
def without_nodes() -> Iterator[None]:
    """Tells a graph's refusal of its inputs without the graph, as TensorFlow's own error.

    Raises:
      tf.errors.InvalidArgumentError: the graph refused its inputs.
    """
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        words = " ".join(readable(error.message).split())
        raise tf.errors.InvalidArgumentError(error.node_def, error.op, words) from None


@contextmanager
def in_words() -> Iterator[None]:
    """Makes a graph's refusal of its inputs an error that a caller can mend.

    Raises:
      ConfigError: the graph refused its inputs.
    """
    try:
        with without_nodes():
            yield
    except tf.errors.InvalidArgumentError as error:
        raise ConfigError(error.message) from None
