"""The exact softmax over all items, in chunks, so that `[tokens, items]` is never held.

−log p(target) = log Σ_j exp(s_j) − s_target, s_j = w_j·h + b_j + β·seen_j, where β is one number,
one of each item or one of each step. Lanes are taken a few at a time, and a chunk leaves its part
of the gradient behind, so that its scores are computed once. Where several tied items share a
target, s_target is their mean. The seen term marks the items among a user's last distinct ones; it
comes as stays (item, from step, to step), so that a window costs one scatter and one running sum
instead of a list a token.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from tfhrnn.layers.pieces import Pieces

_CHUNK_TOKENS = 256  # scores of this many tokens are held at once


class Targets(NamedTuple):
    """What is to be predicted at each step.

    Attributes:
      items: `[lanes, window, tied]` int32 columns of the item matrix (not the log's indices).
      count: `[lanes, window]` int32, how many of `items` share the target, at least 1.
    """

    items: tf.Tensor
    count: tf.Tensor


def seen_mask(stays: tf.Tensor, window: int | tf.Tensor, num_items: int | tf.Tensor) -> tf.Tensor:
    """Which items are in the seen set at each step.

    Args:
      stays: `[lanes, entries, 3]` int32 (column, first step, step after the last), within the
        window; rows whose column is negative or whose steps are equal count for nothing.
      window: steps.
      num_items: columns.

    Returns:
      `[lanes, window, num_items]` float32 of 0 and 1.
    """
    lanes, entries = (n or tf.shape(stays)[at] for at, n in enumerate(stays.shape[:2]))
    column, first, end = tf.unstack(stays, axis=-1)
    valid = tf.cast((column >= 0) & (end > first), tf.float32)
    row = tf.broadcast_to(tf.range(lanes)[:, tf.newaxis] * (window + 1), [lanes, entries])
    place = tf.stack([(row + first) * num_items, (row + end) * num_items]) + tf.maximum(column, 0)
    change = tf.scatter_nd(
        tf.reshape(place, [-1, 1]),
        tf.reshape(tf.stack([valid, -valid]), [-1]),
        [lanes * (window + 1) * num_items],
    )
    change = tf.reshape(change, [lanes, window + 1, num_items])[:, :-1]
    # A running sum over the window, as a product with a triangle of ones: many times faster than
    # cumsum on a CPU.
    triangle = tf.linalg.band_part(tf.ones([window, window]), -1, 0)
    return tf.matmul(tf.repeat(triangle[tf.newaxis], lanes, axis=0), change)


def _scores(
    hidden: tf.Tensor, weights: tf.Tensor, bias: tf.Tensor, stays: tf.Tensor, seen_bias: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor | None]:
    """A chunk's float32 scores `[lanes · window, items]`, and its seen mask if it has stays.

    β is a scalar, `[items]`, or `[lanes · window, 1]`.
    """
    lanes, window, units = (n or tf.shape(hidden)[at] for at, n in enumerate(hidden.shape))
    scores = (
        tf.cast(tf.matmul(tf.reshape(hidden, [-1, units]), weights, transpose_b=True), tf.float32)
        + bias
    )
    if stays.shape[1] == 0:
        return scores, None
    num_items = weights.shape[0] or tf.shape(weights)[0]
    mask = tf.reshape(seen_mask(stays, window, num_items), [lanes * window, num_items])
    return scores + seen_bias * mask, mask


def _target_places(items: tf.Tensor, count: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Flat tokens' target columns `[tokens, tied]` and shares (1/count where it counts, else 0)."""
    tied = tf.shape(items)[-1]
    items, count = tf.reshape(items, [-1, tied]), tf.reshape(count, [-1, 1])
    share = tf.cast(tf.range(tied)[tf.newaxis] < count, tf.float32) / tf.cast(count, tf.float32)
    return items, share


def _lanes_at_once(hidden: tf.Tensor) -> int:
    """The most lanes whose tokens fit a chunk and that divide all lanes."""
    lanes, window = hidden.shape[:2]
    if lanes is None or window is None:
        return 1
    return max(
        n for n in range(1, lanes + 1) if lanes % n == 0 and (n == 1 or n * window <= _CHUNK_TOKENS)
    )


def _cut(hidden: tf.Tensor) -> Pieces | None:
    """How to cut windows of which a single one does not fit a chunk."""
    window = hidden.shape[1]
    fits = window is None or window <= _CHUNK_TOKENS
    return None if fits else Pieces.at_most(window, _CHUNK_TOKENS)


def _beta_in_pieces(beta: tf.Tensor | None, cut: Pieces) -> tf.Tensor | None:
    """β for windows that are cut: one of each step is cut as well."""
    if beta is None:
        return None
    beta = tf.convert_to_tensor(beta)
    return cut.steps(beta) if beta.shape.rank == 2 else beta


def _in_groups(x: tf.Tensor, groups: int | tf.Tensor, size: int) -> tf.Tensor:
    """`[lanes, ...]` as `[groups, size, ...]`."""
    return tf.reshape(
        x, [groups, size, *(n or tf.shape(x)[at] for at, n in enumerate(x.shape) if at)]
    )


def _mean_scores(
    hidden: tf.Tensor, weights: tf.Tensor, bias: tf.Tensor, stays: tf.Tensor, seen_bias: tf.Tensor
) -> tf.Tensor:
    """Each step's mean score over all items, `[lanes, window]` float32, without the scores."""
    weights = tf.cast(weights, tf.float32)
    means = tf.linalg.matvec(tf.cast(hidden, tf.float32), tf.reduce_mean(weights, axis=0))
    column, first, end = (part[:, tf.newaxis] for part in tf.unstack(stays, axis=-1))
    step = tf.range(tf.shape(hidden)[1])[:, tf.newaxis]
    held = (column >= 0) & (first <= step) & (step < end)  # [lanes, window, entries]
    held = tf.cast(held, tf.float32)
    if seen_bias.shape.rank == 1:
        seen = tf.reduce_sum(held * tf.gather(seen_bias, tf.maximum(column, 0)), axis=-1)
    else:
        seen = seen_bias * tf.reduce_sum(held, axis=-1)
    return means + tf.reduce_mean(bias) + seen / tf.cast(tf.size(bias), tf.float32)


def _beta_in_groups(beta: tf.Tensor, groups: int | tf.Tensor, size: int) -> tf.Tensor:
    """β of each chunk as `_scores` takes it, `[groups, ...]`."""
    if beta.shape.rank == 2:
        return tf.reshape(beta, [groups, size * (beta.shape[1] or tf.shape(beta)[1]), 1])
    return tf.broadcast_to(beta[tf.newaxis], tf.concat([[groups], tf.shape(beta)], axis=0))


def _slope_of_beta(slope: tf.Tensor, mask: tf.Tensor, beta: tf.Tensor) -> tf.Tensor:
    """What a chunk's scores' slopes `[tokens, items]` say of its β, in the shape of β."""
    if beta.shape.rank == 0:
        return tf.reduce_sum(slope * mask)
    per_step = beta.shape.rank == 2
    return tf.reduce_sum(slope * mask, axis=1 if per_step else 0, keepdims=per_step)


def chunked_cross_entropy(
    hidden: tf.Tensor,
    weights: tf.Tensor,
    bias: tf.Tensor,
    targets: Targets,
    *,
    weight: tf.Tensor,
    stays: tf.Tensor | None = None,
    seen_bias: tf.Tensor | None = None,
    label_smoothing: float = 0.0,
) -> tuple[tf.Tensor, tf.Tensor]:
    """−log p of each step's target, exact over all items, and its differentiable weighted sum.

    A chunk's scores are computed once: the sum's gradient is linear in `weight`, so the forward
    pass leaves it ready. With label smoothing ε the sum is of −Σ_j q_j log p_j, q = (1 − ε) target
    + ε/items, which is log Σ_j exp(s_j) − (1 − ε) s_target − ε mean_j(s_j): the mean is taken of
    the rows instead of the scores (Szegedy et al. 2016, section 7).

    Args:
      hidden: `[lanes, window, units]`, any float dtype; scores are added up in float32.
      weights: `[items, units]` and
      bias: `[items]`, from `Decoder.item_matrix`.
      targets: whose scores are to be high.
      weight: `[lanes, window]` float32, what a step counts in the sum; no gradient flows to it.
      stays: `[lanes, entries, 3]`, see `seen_mask`; none if left out.
      seen_bias: β, a scalar, `[items]` or `[lanes, window]`; 0 if left out.
      label_smoothing: ε, the share of a target spread evenly over all items.

    Returns:
      Scalar Σ weight · (smoothed) nats, with gradients to hidden, weights, bias and seen_bias; and
      the `[lanes, window]` float32 nats of the true targets, never smoothed, without.
    """
    if stays is None:
        stays = tf.zeros([tf.shape(hidden)[0], 0, 3], tf.int32)
    stays = tf.ensure_shape(stays, [hidden.shape[0], stays.shape[1], 3])
    cut = _cut(hidden)
    if cut is not None:
        total, nats = chunked_cross_entropy(
            cut.steps(hidden),
            weights,
            bias,
            Targets(cut.steps(targets.items), cut.steps(targets.count, 1)),
            weight=cut.steps(weight),
            stays=cut.stays(stays),
            seen_bias=_beta_in_pieces(seen_bias, cut),
            label_smoothing=label_smoothing,
        )
        return total, cut.joined(nats)
    bias = tf.cast(bias, tf.float32)
    beta = tf.constant(0.0) if seen_bias is None else tf.cast(seen_bias, tf.float32)
    # A small weight is 0 in float16: slopes go there as they are and are weighed afterwards.
    weigh_late = hidden.dtype == tf.float16

    @tf.custom_gradient
    def entropy(
        hidden: tf.Tensor, matrix: tf.Tensor, bias: tf.Tensor, beta: tf.Tensor
    ) -> tuple[tuple[tf.Tensor, tf.Tensor], Callable[..., tuple[tf.Tensor, ...]]]:
        weights = tf.cast(matrix, hidden.dtype)
        size = _lanes_at_once(hidden)
        groups = (hidden.shape[0] or tf.shape(hidden)[0]) // size

        split = [
            _in_groups(x, groups, size)
            for x in (hidden, stays, targets.items, targets.count, weight)
        ]
        betas = _beta_in_groups(beta, groups, size)
        per_step = beta.shape.rank == 2

        def body(
            i: tf.Tensor, nats: tf.TensorArray, slopes: tf.TensorArray, *sums: tf.Tensor
        ) -> tuple:
            hidden_, stays_, items_, count_, weight_ = (x[i] for x in split)
            factor = tf.reshape(weight_, [-1, 1])
            scores, mask = _scores(hidden_, weights, bias, stays_, betas[i])
            columns, share = _target_places(items_, count_)
            normalizer = tf.reduce_logsumexp(scores, axis=1, keepdims=True)
            target = tf.reduce_sum(share * tf.gather(scores, columns, batch_dims=1), axis=1)
            nats = nats.write(i, tf.reshape(normalizer[:, 0] - target, tf.shape(hidden_)[:2]))
            d_weights, d_bias, d_beta, spread = sums
            if label_smoothing:
                spread += label_smoothing * tf.reduce_sum(factor[:, 0] * target)
                share *= 1.0 - label_smoothing
            # d nats / d scores = p − share of the target, times the step's weight.
            rows = tf.broadcast_to(tf.range(tf.shape(columns)[0])[:, tf.newaxis], tf.shape(columns))
            slope = tf.tensor_scatter_nd_sub(
                tf.exp(scores - normalizer) * factor,
                tf.stack([rows, columns], axis=-1),
                share * factor,
            )
            unweighted = tf.math.divide_no_nan(slope, factor) if weigh_late else slope
            low = tf.cast(unweighted, hidden.dtype)
            slopes = slopes.write(i, tf.reshape(tf.matmul(low, weights), tf.shape(hidden_)))
            flat = tf.reshape(hidden_, [-1, tf.shape(hidden)[2]])
            if weigh_late:
                d_weights += tf.matmul(slope, tf.cast(flat, tf.float32), transpose_a=True)
            else:
                d_weights += tf.cast(tf.matmul(low, flat, transpose_a=True), tf.float32)
            d_bias += tf.reduce_sum(slope, axis=0)
            if mask is not None:
                d_beta_ = _slope_of_beta(slope, mask, betas[i])
                if per_step:
                    d_beta = tf.tensor_scatter_nd_update(d_beta, [[i]], d_beta_[tf.newaxis])
                else:
                    d_beta += d_beta_
            return i + 1, nats, slopes, d_weights, d_bias, d_beta, spread

        _, nats, slopes, d_weights, d_bias, d_beta, spread = tf.while_loop(
            lambda i, *_: i < groups,
            body,
            (
                0,
                tf.TensorArray(tf.float32, groups),
                tf.TensorArray(hidden.dtype, groups),
                tf.zeros(tf.shape(weights)),
                tf.zeros_like(bias),
                tf.zeros_like(betas if per_step else beta),
                tf.constant(0.0),  # what smoothing takes from the targets' scores
            ),
            parallel_iterations=1,
        )
        nats = tf.ensure_shape(tf.reshape(nats.stack(), tf.shape(hidden)[:2]), hidden.shape[:2])
        d_hidden = tf.reshape(slopes.stack(), tf.shape(hidden))

        def backward(upstream: tf.Tensor, _: tf.Tensor) -> tuple[tf.Tensor, ...]:
            # A loss scale over a small weight is past float16's range; its products are not.
            each = upstream * weight[..., tf.newaxis] if weigh_late else upstream
            return (
                tf.cast(tf.cast(d_hidden, tf.float32) * each, hidden.dtype),
                tf.cast(d_weights * upstream, matrix.dtype),
                d_bias * upstream,
                tf.reshape(d_beta, tf.shape(beta)) * upstream,
            )

        total = tf.reduce_sum(nats * weight)
        return (total + spread if label_smoothing else total, nats), backward

    total, nats = entropy(hidden, weights, bias, beta)
    if label_smoothing:
        means = _mean_scores(hidden, weights, bias, stays, beta)
        total -= label_smoothing * tf.reduce_sum(means * tf.stop_gradient(weight))
    return total, tf.stop_gradient(nats)


def chunked_ranks(
    hidden: tf.Tensor,
    weights: tf.Tensor,
    bias: tf.Tensor,
    target: tf.Tensor,
    *,
    stays: tf.Tensor | None = None,
    seen_bias: tf.Tensor | None = None,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Log-probability and rank of each step's target among all items.

    Args:
      hidden: `[lanes, window, units]`.
      weights: `[items, units]`.
      bias: `[items]`.
      target: `[lanes, window]` int32 columns.
      stays: as in `chunked_cross_entropy`.
      seen_bias: as in `chunked_cross_entropy`.

    Returns:
      `[lanes, window]` float32 log p(target), and `[lanes, window]` int32 ranks from 0: the items
      that score more, and those that score the same and stand before it in the catalogue.
    """
    if stays is None:
        stays = tf.zeros([tf.shape(hidden)[0], 0, 3], tf.int32)
    cut = _cut(hidden)
    if cut is not None:
        log_p, ranks = chunked_ranks(
            cut.steps(hidden),
            weights,
            bias,
            cut.steps(target),
            stays=cut.stays(stays),
            seen_bias=_beta_in_pieces(seen_bias, cut),
        )
        return cut.joined(log_p), cut.joined(ranks)
    beta = tf.constant(0.0) if seen_bias is None else tf.cast(seen_bias, tf.float32)
    weights, bias = tf.cast(weights, hidden.dtype), tf.cast(bias, tf.float32)

    size = _lanes_at_once(hidden)
    groups = (hidden.shape[0] or tf.shape(hidden)[0]) // size

    def rank(parts: tuple[tf.Tensor, ...]) -> tuple[tf.Tensor, tf.Tensor]:
        hidden_, target_, stays_, beta_ = parts
        scores, _ = _scores(hidden_, weights, bias, stays_, beta_)
        target_ = tf.reshape(target_, [-1, 1])
        own = tf.gather(scores, target_, batch_dims=1)
        before = tf.range(tf.shape(scores)[1])[tf.newaxis] < target_
        ahead = (scores > own) | ((scores == own) & before)
        log_p = own[:, 0] - tf.reduce_logsumexp(scores, axis=1)
        return log_p, tf.reduce_sum(tf.cast(ahead, tf.int32), axis=1)

    log_p, ranks = tf.map_fn(
        rank,
        (
            *(_in_groups(x, groups, size) for x in (hidden, target, stays)),
            _beta_in_groups(beta, groups, size),
        ),
        fn_output_signature=(tf.TensorSpec([None], tf.float32), tf.TensorSpec([None], tf.int32)),
        parallel_iterations=1,
    )
    shape = tf.shape(hidden)[:2]
    return (
        tf.ensure_shape(tf.reshape(log_p, shape), hidden.shape[:2]),
        tf.ensure_shape(tf.reshape(ranks, shape), hidden.shape[:2]),
    )
