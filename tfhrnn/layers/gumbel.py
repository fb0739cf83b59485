"""Gumbel noise by hashing: the same number for the same seed and key, wherever it is drawn.

The k largest of log p_j + g_j, with g_j drawn from a Gumbel distribution, are a draw of k items
without replacement from p (Kool, van Hoof and Welling 2019). Here g_j is a function of a row's seed
and of the item alone, so that a catalogue scored in parts, in any order or in another process gets
the same draw, and no generator has a state to keep. The hash is that of SplitMix64 (Steele, Lea and
Flood 2014).
"""

from __future__ import annotations

from typing import Final

import tensorflow as tf

_SEED, _KEY = 0x9E3779B97F4A7C15, 0xD1B54A32D192ED03
_ROUNDS: Final = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1))
_BITS: Final = 23  # a float32 holds that many and a half, so that no draw is exactly 0 or 1


def gumbel_noise(seed: tf.Tensor, key: tf.Tensor) -> tf.Tensor:
    """Standard Gumbel noise.

    Args:
      seed: integers of any shape.
      key: integers, of a shape that broadcasts with it.

    Returns:
      float32 of the common shape, between −2.9 and 16.7.
    """
    mixed = tf.cast(seed, tf.uint64) * _wide(_SEED) + tf.cast(key, tf.uint64) * _wide(_KEY)
    for shift, factor in _ROUNDS:
        shifted = tf.bitwise.right_shift(mixed, _wide(shift))
        mixed = tf.bitwise.bitwise_xor(mixed, shifted) * _wide(factor)
    whole = tf.bitwise.right_shift(mixed, _wide(64 - _BITS))
    uniform = (tf.cast(whole, tf.float32) + 0.5) / 2.0**_BITS
    return -tf.math.log(-tf.math.log(uniform))


def _wide(number: int) -> tf.Tensor:
    return tf.constant(number, tf.uint64)
