"""Attention over a user's last `context` events, in windows of any length.

The keys of a window are the `context` − 1 cached ones and its own. A query k sees key j where both
belong to one user and 0 ≤ k − j < context, whatever the windows, and scores it

    q_k · k_j / √d + P[k − j] + Σ_l B_l[number of gaps of level ≥ l between j and k],

with P and the B_l learned a head, by bucket. The counts tell how many sessions lie between (l = 1)
and, by the largest l that is not 0, the longest gap crossed.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfhrnn.layers.control import Control

LEVELS = 3  # told apart by the bias; a gap of a higher level counts as one of the third
DISTANCE_BUCKETS = 16
BORDER_BUCKETS = 8
_HIDDEN = -1e30  # finite, so that no gradient is NaN


def buckets(length: int, count: int) -> NDArray[np.int32]:
    """Cuts 0 … length − 1 into at most `count` buckets, the second half of them logarithmic.

    Returns:
      `[length]` int32, rising from 0 without gaps; each number its own bucket where they suffice.

    >>> buckets(4, 8).tolist()
    [0, 1, 2, 3]
    >>> buckets(16, 4).tolist()
    [0, 1, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3]

    Source: Raffel et al. 2020 (T5), section 2.1.
    """
    if length <= count:
        return np.arange(length, dtype=np.int32)
    exact = count // 2
    wide = np.round(np.geomspace(exact, length, count - exact, endpoint=False))
    edges = np.unique(np.concatenate([np.arange(exact), wide]))
    return (np.searchsorted(edges, np.arange(length), side="right") - 1).astype(np.int32)


def most_borders(context: int) -> int:
    """The first count of the last bucket: where counters of borders are clipped."""
    return int(np.argmax(buckets(context, BORDER_BUCKETS)))


def newest(x: tf.Tensor, count: int) -> tf.Tensor:
    """The last `count` (0 or more) along axis 1, a length that need not be known."""
    kept = x[:, tf.shape(x)[1] - count :]
    return tf.ensure_shape(kept, [x.shape[0], count, *x.shape[2:]])


class Sight(NamedTuple):
    """What each query of a window sees; `keys` = context − 1 + window.

    Attributes:
      visible: `[lanes, window, keys]` bool, whether a query sees a key.
      distance: `[window, keys]` int32, k − j clipped to 0 … context − 1.
      borders: for each level from 1, `[lanes, window, keys]` int32 counts of gaps of at least that
        level in between, clipped to 0 … `most_borders(context)`.
    """

    visible: tf.Tensor
    distance: tf.Tensor
    borders: tuple[tf.Tensor, ...]


def survey(
    control: Control, valid: tf.Tensor, borders: tf.Tensor, context: int
) -> tuple[Sight, tf.Tensor, tf.Tensor]:
    """Finds what a window's queries see, and carries the cached keys' counters on.

    Args:
      control: `reset` and `level`, `[lanes, window]`; a level at a reset is the start event's, no
        gap's, and is not counted.
      valid: `[lanes, context - 1]` float32, 1 where a cached key is of the present user.
      borders: `[lanes, context - 1, LEVELS]` float32, how many gaps of at least level 1, 2, …
        lie between a cached key and the window's first step.
      context: events a query sees, itself included.

    Returns:
      The sight, and `valid` and `borders` as the next window needs them.
    """
    limit = most_borders(context)
    reset = tf.cast(control.reset, tf.float32)  # [lanes, window]
    level = tf.where(reset > 0, 0, tf.cast(control.level, tf.int32))
    gaps = tf.cast(level[..., tf.newaxis] >= tf.range(1, LEVELS + 1), tf.float32)
    passed = tf.cumsum(gaps, axis=1)  # [lanes, window, levels], this step's own gap included
    since = tf.concat([-borders, passed - gaps], axis=1)  # [lanes, keys, levels]
    user = tf.cumsum(reset, axis=1)  # 0 is the one before the window's first reset
    owner = tf.concat([tf.where(valid > 0.5, 0.0, -1.0), user], axis=1)  # [lanes, keys]

    step = tf.range(tf.shape(reset)[1])
    place = tf.range(-(context - 1), tf.shape(reset)[1])
    distance = step[:, tf.newaxis] - place  # [window, keys]
    near = (distance >= 0) & (distance < context)
    visible = near & (user[:, :, tf.newaxis] == owner[:, tf.newaxis])
    counts = [
        (passed - gaps)[:, :, tf.newaxis, index] - since[:, tf.newaxis, :, index]
        for index in range(LEVELS)
    ]
    sight = Sight(
        visible,
        tf.clip_by_value(distance, 0, context - 1),
        tuple(tf.cast(tf.clip_by_value(count, 0.0, limit), tf.int32) for count in counts),
    )
    stays = newest(owner, context - 1) == user[:, -1:]
    carried = passed[:, -1:] - newest(since, context - 1)
    carried = tf.where(stays[..., tf.newaxis], tf.clip_by_value(carried, 0.0, limit), 0.0)
    return sight, tf.cast(stays, tf.float32), carried


class SlidingAttention(tf.keras.layers.Layer):
    """Attention of several heads over cached and present keys, biased by what lies between.

    Args:
      units: width of inputs, keys, values and outputs, a multiple of `heads`.
      heads: how many.
      context: events a query sees, itself included.
      seed: of weights.

    Source: Vaswani et al. 2017, section 3.2; Raffel et al. 2020, section 2.1 (bias).
    """

    def __init__(
        self, units: int, *, heads: int, context: int, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.units, self.heads, self.context, self.seed = units, heads, context, seed
        self.inward, self.outward = (
            tf.keras.layers.Dense(
                width,
                kernel_initializer=tf.keras.initializers.GlorotUniform(
                    seed=None if seed is None else seed + index
                ),
                dtype=self._dtype_policy,
                name=name,
            )
            for index, (name, width) in enumerate((("inward", 3 * units), ("outward", units)))
        )

    def build(self, shape: Any) -> None:
        """Creates the bias tables, float32 under every policy, 0 at first."""
        distances = int(buckets(self.context, DISTANCE_BUCKETS)[-1]) + 1
        borders = int(buckets(self.context, BORDER_BUCKETS)[-1]) + 1
        self.distance_bias, self.border_bias = (
            self.add_weight(
                name,
                table,
                dtype=tf.float32,
                initializer="zeros",
                experimental_autocast=False,
            )
            for name, table in (
                ("distance_bias", [self.heads, distances]),
                ("border_bias", [self.heads, LEVELS, borders]),
            )
        )
        super().build(shape)

    def call(
        self, x: tf.Tensor, sight: Sight, keys: tf.Tensor, values: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Attends from a window.

        Args:
          x: `[lanes, window, units]`.
          sight: from `survey`.
          keys: `[lanes, context - 1, units]`, cached.
          values: likewise.

        Returns:
          `[lanes, window, units]`, and the keys and values to cache for the next window.
        """
        query, key, value = tf.split(self.inward(x), 3, axis=-1)
        keys = tf.concat([tf.cast(keys, key.dtype), key], axis=1)  # [lanes, keys, units]
        values = tf.concat([tf.cast(values, value.dtype), value], axis=1)
        # In float32 under every policy: sums in half precision would differ from window to window.
        query32, keys32, values32 = (self._split(part) for part in (query, keys, values))
        scores = tf.einsum("lqhd,lkhd->hlqk", query32, keys32) / (self.units // self.heads) ** 0.5
        scores = tf.where(sight.visible, scores + self._bias(sight), _HIDDEN)
        # Not every exponential underflows to 0: what is hidden is hidden again after it.
        shares = tf.where(sight.visible, tf.nn.softmax(scores), 0.0)
        read = tf.einsum("hlqk,lkhd->lqhd", shares, values32)
        y = self.outward(tf.cast(tf.reshape(read, tf.shape(query)), query.dtype))
        return y, newest(keys, self.context - 1), newest(values, self.context - 1)

    def _split(self, x: tf.Tensor) -> tf.Tensor:
        """`[lanes, steps, units]` to float32 `[lanes, steps, heads, units / heads]`."""
        lanes, steps, _ = tf.unstack(tf.shape(x))
        shape = [lanes, steps, self.heads, self.units // self.heads]
        return tf.cast(tf.reshape(x, shape), tf.float32)

    def _bias(self, sight: Sight) -> tf.Tensor:
        """Float32 `[heads, lanes, window, keys]`."""
        # Buckets are looked up in the small tables, so that only one gather is as large as a sight.
        by_distance = tf.gather(
            self.distance_bias, buckets(self.context, DISTANCE_BUCKETS), axis=1
        )  # [heads, context]
        by_borders = tf.gather(
            self.border_bias,
            buckets(self.context, BORDER_BUCKETS)[: most_borders(self.context) + 1],
            axis=2,
        )  # [heads, levels, counts]
        bias = tf.gather(by_distance, sight.distance, axis=1)[:, tf.newaxis]
        for index, count in enumerate(sight.borders):
            bias += tf.gather(by_borders[:, index], count, axis=1)
        return bias

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        own = {
            "units": self.units,
            "heads": self.heads,
            "context": self.context,
            "seed": self.seed,
        }
        return {**super().get_config(), **own}
