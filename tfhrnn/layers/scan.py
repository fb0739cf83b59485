"""A gated linear recurrence over a whole window at once.

h_k = a_k · h_{k−1} + b_k, elementwise. Two steps in a row are one step of the same kind: (a, b) and
then (a', b') make (a' a, a' b + b'). Steps can so be joined in any grouping, and a window costs a
logarithmic number of operations on whole tensors, not one after another for every step.

Source: Blelloch 1990, "Prefix sums and their applications"; for recurrences, Martin and Cundy 2018.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf


def associative_scan(a: tf.Tensor, b: tf.Tensor, start: tf.Tensor) -> tf.Tensor:
    """All states of h_k = a_k · h_{k−1} + b_k.

    Where a_k is exactly 0, h_k is exactly b_k, and nothing earlier that is finite shows in later
    states or receives a gradient from them. Meant for |a| ≤ 1: it multiplies many steps' a.

    Args:
      a: `[lanes, window, units]`, a window of 1 or more; in a graph lanes and window may be
        unknown.
      b: as `a`.
      start: `[lanes, units]`, h before the first step.

    Returns:
      `[lanes, window, units]`, float64 if `a` is and else float32, which halves are raised to.
      Other groupings of the steps, so other lengths of window, round differently.
    """
    a = tf.convert_to_tensor(a)
    dtype = tf.float64 if a.dtype == tf.float64 else tf.float32
    return _recurrence(tf.cast(a, dtype), tf.cast(b, dtype), tf.cast(start, dtype))


@tf.custom_gradient
def _recurrence(
    a: tf.Tensor, b: tf.Tensor, start: tf.Tensor
) -> tuple[tf.Tensor, Callable[[tf.Tensor], tuple[tf.Tensor, ...]]]:
    """The states, with a gradient that keeps them alone instead of every level of the scan."""
    h = _scan(a, b, start)

    def backward(upstream: tf.Tensor) -> tuple[tf.Tensor, ...]:
        # d_k = upstream_k + a_{k+1} · d_{k+1}: what h_k is worth there and in all later states.
        # The last step's a is a later window's; here it meets a start of 0, so any will do.
        later = tf.roll(a, -1, axis=1)
        worth = tf.reverse(
            _scan(tf.reverse(later, [1]), tf.reverse(upstream, [1]), tf.zeros_like(start)), [1]
        )
        earlier = tf.concat([start[:, tf.newaxis], h[:, :-1]], axis=1)
        return worth * earlier, worth, a[:, 0] * worth[:, 0]

    return h, backward


def _scan(a: tf.Tensor, b: tf.Tensor, start: tf.Tensor) -> tf.Tensor:
    return _by_doubling(a, b, start) if b.shape[1] is None else _by_halves(a, b, start)


def _by_halves(a: tf.Tensor, b: tf.Tensor, start: tf.Tensor) -> tf.Tensor:
    """Joins neighbours, solves the half as long problem, and fills in between.

    About two joins a step in all, on 2 log₂(window) levels, unrolled into the graph.
    """
    lanes, window, units = (tf.shape(b)[at] if n is None else n for at, n in enumerate(b.shape))
    if window == 1:
        return a * start[:, tf.newaxis] + b
    if window % 2:
        h = _by_halves(a[:, :-1], b[:, :-1], start)
        return tf.concat([h, a[:, -1:] * h[:, -1:] + b[:, -1:]], axis=1)
    pairs = [lanes, window // 2, 2, units]
    a_first, a_second = tf.unstack(tf.reshape(a, pairs), axis=2)
    b_first, b_second = tf.unstack(tf.reshape(b, pairs), axis=2)
    second = _by_halves(a_second * a_first, a_second * b_first + b_second, start)
    before = tf.concat([start[:, tf.newaxis], second[:, :-1]], axis=1)
    first = a_first * before + b_first
    return tf.reshape(tf.stack([first, second], axis=2), [lanes, window, units])


def _by_doubling(a: tf.Tensor, b: tf.Tensor, start: tf.Tensor) -> tf.Tensor:
    """Joins each step to the one 1, 2, 4, … before it, for a window known only when run.

    log₂(window) rounds over the whole window: more arithmetic, but every round has the same shape.
    Source: Hillis and Steele 1986.
    """
    window = tf.shape(b)[1]
    b = tf.concat([a[:, :1] * start[:, tf.newaxis] + b[:, :1], b[:, 1:]], axis=1)
    step = tf.range(window)[:, tf.newaxis]

    def join(reach: tf.Tensor, a: tf.Tensor, b: tf.Tensor) -> tuple[tf.Tensor, ...]:
        inside = step >= reach
        return (
            2 * reach,
            tf.where(inside, a * tf.roll(a, reach, axis=1), a),
            tf.where(inside, a * tf.roll(b, reach, axis=1) + b, b),
        )

    *_, h = tf.while_loop(lambda reach, *_: reach < window, join, (1, a, b), parallel_iterations=1)
    return h
