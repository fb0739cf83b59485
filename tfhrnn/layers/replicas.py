"""What differs where a step runs in the replicas of a distribution strategy."""

from __future__ import annotations

import tensorflow as tf


def sum_over_replicas(x: tf.Tensor) -> tf.Tensor:
    """The sum of every replica's `x`, the same on each; `x` itself where there is only one.

    An optimizer adds up the replicas' gradients, so a mean over all lanes is each replica's sum
    over its own, divided by the weight of all. No gradient is meant to flow through.
    """
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return x
    return context.all_reduce(tf.distribute.ReduceOp.SUM, x)


def gather_rows(table: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
    """`tf.gather(table, index)`, under a strategy with a gradient of the table's own shape.

    The gradient of a gather is rows and their indices. Where the table was put together from
    others, each of those gets as many rows as happen to be its own, a number known only when run:
    a TPU wants static shapes, and gathering no rows at all crashes TensorFlow's ring collectives
    (2.21). Plain TensorFlow keeps the rows; a clip of the gradients' norm then counts those of one
    index each for itself, and here their sum.
    """
    if not tf.distribute.has_strategy():
        return tf.gather(table, index)

    @tf.custom_gradient
    def dense(whole: tf.Tensor) -> tuple[tf.Tensor, object]:
        return tf.identity(whole), tf.convert_to_tensor

    return tf.gather(dense(table), index)
