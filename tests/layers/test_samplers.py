"""Draws against the distributions they are said to come from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tfhrnn.errors import ConfigError
from tfhrnn.layers.samplers import NegativeSampler, alias_table, sampling_probabilities

COUNTS = np.array([5, 9, 5, 0])


def test_log_uniform_follows_the_ranks_by_count() -> None:
    # Ranks: item 1, then 0 and 2 (equal, in catalogue order), then 3. log(2), log(3/2), log(4/3)
    # and log(5/4) add up to log(5).
    found = sampling_probabilities("log_uniform", COUNTS)
    wanted = np.log([3 / 2, 2, 4 / 3, 5 / 4]) / np.log(5)
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


@pytest.mark.parametrize(
    ("alpha", "wanted"), [(1.0, [6, 10, 6, 1]), (0.0, [1, 1, 1, 1]), (2.0, [36, 100, 36, 1])]
)
def test_popularity_is_a_power_of_the_count_plus_one(alpha: float, wanted: list[float]) -> None:
    found = sampling_probabilities("popularity", COUNTS, alpha=alpha)
    np.testing.assert_allclose(found, np.array(wanted) / sum(wanted), rtol=1e-12)


@pytest.mark.parametrize("name", ["log_uniform", "popularity", "uniform"])
def test_every_item_can_be_drawn(name: str) -> None:
    found = sampling_probabilities(name, np.zeros(1000, np.int64))
    assert found.sum() == pytest.approx(1) and found.min() > 0


def test_uniform_does_not_look_at_counts() -> None:
    assert sampling_probabilities("uniform", COUNTS).tolist() == [0.25] * 4


@pytest.mark.parametrize(
    ("name", "counts", "alpha", "message"),
    [
        ("unifrom", COUNTS, 1.0, "no sampler named 'unifrom'; there are: log_uniform, popularity"),
        ("popularity", COUNTS, -0.5, "alpha: got -0.5"),
        ("uniform", COUNTS[:0], 1.0, r"item_counts: got shape \(0,\)"),
    ],
)
def test_wrong_settings_are_named(name: str, counts: Any, alpha: float, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        sampling_probabilities(name, counts, alpha=alpha)


def chances(threshold: np.ndarray, alias: np.ndarray) -> np.ndarray:
    """What an alias table draws: a column's own threshold, and what others leave to it."""
    left = np.zeros(len(threshold))
    np.add.at(left, alias, 1 - threshold)
    return (threshold + left) / len(threshold)


@given(st.lists(st.floats(0.0, 1e6), min_size=1, max_size=40).filter(lambda x: sum(x) > 1e-3))
def test_an_alias_table_holds_its_distribution(shares: list[float]) -> None:
    wanted = np.array(shares) / sum(shares)
    threshold, alias = alias_table(wanted)
    assert threshold.min() >= 0 and threshold.max() <= 1
    np.testing.assert_allclose(chances(threshold, alias), wanted, atol=1e-12)


def test_rare_items_keep_their_probability_in_float32() -> None:
    # Shares down to 5e-9: a float32 running sum near 1 moves in steps of 6e-8.
    counts = np.concatenate([[200_000_000], np.zeros(100_000, np.int64)])
    wanted = sampling_probabilities("popularity", counts, alpha=1.0)
    threshold, alias = alias_table(wanted)
    found = chances(threshold.astype(np.float32).astype(np.float64), alias)
    np.testing.assert_allclose(found[1:], wanted[1:], rtol=1e-3)


@pytest.mark.parametrize(
    "mode", [lambda f: f, tf.function, lambda f: tf.function(f, jit_compile=True)]
)
def test_items_are_drawn_as_often_as_expected(mode: Callable[..., Any]) -> None:
    wanted = sampling_probabilities("log_uniform", np.arange(7))
    sampler, draws = NegativeSampler(wanted, seed=1), 50_000
    items, log_expected = mode(lambda: sampler.draw(draws))()
    np.testing.assert_allclose(log_expected, np.log(draws * wanted)[items], rtol=1e-5)
    # Pearson's statistic has mean 6 and 99.99 % below 27.9; the seed is fixed.
    counts = np.bincount(items, minlength=7)
    assert np.sum((counts - draws * wanted) ** 2 / (draws * wanted)) < 27.9
    again, _ = mode(lambda: sampler.draw(draws))()
    assert np.any(again != items)


def test_draws_come_one_at_a_time() -> None:
    # With replacement: neighbours are equal as often as independent draws are, Σ q² = 1/4.
    items, _ = NegativeSampler(np.full(4, 0.25), seed=3).draw(40_000)
    equal = np.mean(items[1:].numpy() == items[:-1].numpy())
    assert equal == pytest.approx(0.25, abs=5 * np.sqrt(0.25 * 0.75 / 40_000))


def test_a_checkpoint_keeps_where_the_draws_stand(tmp_path: Path) -> None:
    even = np.full(1000, 1e-3)
    sampler = NegativeSampler(even, seed=5)
    first = sampler.draw(20).items.numpy()
    path = tf.train.Checkpoint(sampler=sampler).write(str(tmp_path / "state"))
    second = sampler.draw(20).items.numpy()
    other = NegativeSampler(even, seed=99)
    tf.train.Checkpoint(sampler=other).read(path).assert_consumed()
    np.testing.assert_array_equal(other.draw(20).items, second)
    np.testing.assert_array_equal(NegativeSampler(even, seed=5).draw(20).items, first)
    assert np.any(first != second)
