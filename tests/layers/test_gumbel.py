"""Noise by hashing: is it Gumbel's, does it depend on what it should, and on that alone?"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfhrnn.layers.gumbel import gumbel_noise


def test_it_has_the_distribution_of_gumbel() -> None:
    noise = gumbel_noise(np.arange(200)[:, None], np.arange(500)).numpy()
    assert noise.dtype == np.float32 and np.isfinite(noise).all()
    # Mean γ, variance π²/6, and P(g < x) = exp(−exp(−x)); 100,000 draws, five standard errors.
    assert abs(noise.mean() - 0.5772) < 5 * 1.283 / np.sqrt(noise.size)
    assert abs(noise.var() - np.pi**2 / 6) < 0.05
    for x in (-1.0, 0.0, 1.0, 3.0):
        share = np.exp(-np.exp(-x))
        assert abs((noise < x).mean() - share) < 5 * np.sqrt(share * (1 - share) / noise.size)


def test_seeds_and_keys_that_are_near_are_not_alike() -> None:
    noise = gumbel_noise(np.arange(-50, 50)[:, None], np.arange(400)).numpy()
    rows, columns = np.corrcoef(noise), np.corrcoef(noise.T)
    assert np.abs(rows[~np.eye(100, dtype=bool)]).max() < 6 / np.sqrt(400)
    assert np.abs(columns[~np.eye(400, dtype=bool)]).max() < 6 / np.sqrt(100)


def test_it_depends_on_seed_and_key_and_not_on_their_place() -> None:
    whole = gumbel_noise(tf.constant([[5], [6]], tf.int64), tf.range(10)).numpy()
    part = gumbel_noise(tf.constant([[6]]), tf.constant([[9, 3]], tf.int64)).numpy()
    # The hash is the same; a logarithm's last bit depends on its place in a vector.
    np.testing.assert_allclose(part[0], whole[1, [9, 3]], rtol=1e-6)
    again = tf.function(gumbel_noise)(tf.constant([[5], [6]], tf.int64), tf.range(10))
    np.testing.assert_allclose(again, whole, rtol=1e-6)


def test_the_largest_sums_are_draws_from_the_softmax() -> None:
    log_p = np.log([0.5, 0.3, 0.15, 0.05])
    noise = gumbel_noise(np.arange(20_000)[:, None], np.arange(4)).numpy()
    first = np.bincount(np.argmax(log_p + noise, axis=1), minlength=4) / 20_000
    np.testing.assert_allclose(first, np.exp(log_p), atol=5 * np.sqrt(0.25 / 20_000))
