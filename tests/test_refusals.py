"""Refusals of a graph as one line."""

from __future__ import annotations

import pytest
import tensorflow as tf

from tfhrnn.errors import ConfigError
from tfhrnn.refusals import in_words, without_nodes


def test_an_assertion_of_a_graph_is_told_in_its_own_words() -> None:
    @tf.function
    def graph(k: tf.Tensor) -> tf.Tensor:
        values = tf.constant([["Y=abc"]])
        checked = tf.debugging.Assert(k > 0, ["values: expected Y=NUMBER, got", values])
        with tf.control_dependencies([checked]):
            return tf.identity(k)

    with pytest.raises(ConfigError) as caught, in_words():
        graph(tf.constant(0))
    assert str(caught.value) == "values: expected Y=NUMBER, got [Y=abc]"
    with in_words():
        assert graph(tf.constant(2)).numpy() == 2


def test_tensorflows_own_error_can_be_had_without_the_graphs_nodes() -> None:
    @tf.function
    def graph(k: tf.Tensor) -> tf.Tensor:
        return tf.reshape(tf.zeros([k]), [2, 4])

    with pytest.raises(tf.errors.InvalidArgumentError) as caught, without_nodes():
        graph(tf.constant(6))
    assert str(caught.value) == (
        "Input to reshape is a tensor with 6 values, but the requested shape has 8"
    )


def test_other_errors_keep_their_words_in_one_line() -> None:
    with pytest.raises(ConfigError, match=r"^[^\n]*slice index 3[^\n]*$"), in_words():
        _ = tf.constant([1])[3]
    with pytest.raises(KeyError), in_words():
        raise KeyError("passes")
