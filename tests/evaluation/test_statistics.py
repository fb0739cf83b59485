"""Intervals that cover as often as they say, tests that reject as often as they should."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest

from tfhrnn.evaluation.metrics import perplexity, standard_error, user_weights
from tfhrnn.evaluation.statistics import (
    bootstrap_interval,
    bootstrap_means,
    paired_test,
    sign_flip_p,
    user_sums,
)


def world(
    rng: np.random.Generator, users: int = 60, spread: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Targets with mean 3 and an effect of their user's own, 1 to 30 a user."""
    whose = np.repeat(np.arange(users), rng.integers(1, 31, users))
    return 3 + rng.normal(0, spread, users)[whose] + rng.normal(0, 1, len(whose)), whose


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    rng, covered, by_target = np.random.default_rng(0), 0, 0
    for _ in range(400):
        values, whose = world(rng)
        found = bootstrap_interval(values, whose, samples=400)
        covered += found.low <= 3 <= found.high
        # Drawing targets instead, as if they had nothing to do with each other.
        alone = bootstrap_interval(values, np.arange(len(values)), samples=400)
        by_target += alone.low <= 3 <= alone.high
    # 95 % of 400 is 380 with a deviation of 4.4; percentile intervals of 60 users run a little
    # short.
    assert 365 <= covered <= 392
    assert by_target < 240  # which is why users are drawn


@pytest.mark.parametrize("level", [0.5, 0.8])
def test_other_levels_cover_less(level: float) -> None:
    rng = np.random.default_rng(1)
    inside = 0
    for _ in range(300):
        values, whose = world(rng)
        found = bootstrap_interval(values, whose, level=level, samples=400)
        inside += found.low <= 3 <= found.high
    deviation = math.sqrt(300 * level * (1 - level))
    assert abs(inside - 300 * level) < 3.5 * deviation


def test_draws_spread_as_the_standard_error_says() -> None:
    values, whose = world(np.random.default_rng(2), users=200)
    means = bootstrap_means(*user_sums(values, whose), samples=4000)
    # The linearised error and the draws' deviation differ by terms of the order of one over users.
    assert means.std() == pytest.approx(standard_error(-values, whose), rel=0.06)
    found = bootstrap_interval(values, whose)
    assert found.value == pytest.approx(values.mean())
    assert math.exp(found.value) == pytest.approx(perplexity(-values))


def test_means_over_users_weigh_every_user_alike() -> None:
    values, whose = np.array([1.0, 1, 1, 4]), np.array([5, 5, 5, 2])
    weight = user_weights(whose)
    assert bootstrap_interval(values, whose).value == pytest.approx(7 / 4)
    found = bootstrap_interval(values, whose, weight)
    assert found == pytest.approx((5 / 2, 1, 4))  # two users are 1 and 4, 4 and 4 or 1 and 1
    assert bootstrap_interval(values[:3], whose[:3]) == (1, 1, 1)  # a single user


def test_several_figures_share_their_draws() -> None:
    values, whose = world(np.random.default_rng(3), users=12)
    sums, weights = user_sums(values, whose)
    both = bootstrap_means(np.stack([sums, 2 * sums], axis=1), weights, samples=50, seed=4)
    assert both.shape == (50, 2)
    np.testing.assert_allclose(both[:, 0], bootstrap_means(sums, weights, samples=50, seed=4))
    np.testing.assert_allclose(both[:, 1], 2 * both[:, 0])


def test_a_seed_repeats_everything_and_another_does_not() -> None:
    rng = np.random.default_rng(5)
    first, whose = world(rng)
    second = first + rng.normal(0, 1, len(first))
    found = [paired_test(first, second, whose, samples=300, seed=seed) for seed in (0, 0, 1)]
    assert found[0] == found[1] != found[2]
    order = rng.permutation(len(first))
    # Nor does the order of the targets count, but for rounding.
    again = paired_test(first[order], second[order], whose[order], samples=300, seed=0)
    assert again.difference == pytest.approx(found[0].difference)
    assert again.permutation_p == found[0].permutation_p


def test_under_the_null_hypothesis_p_is_uniform() -> None:
    rng = np.random.default_rng(6)
    found: dict[str, list[float]] = {"bootstrap_p": [], "permutation_p": []}
    for _ in range(400):
        first, whose = world(rng, users=40)
        effect = rng.normal(0, 0.5, 40)[whose]  # models differ on each user, not on the whole
        test = paired_test(first, first + effect, whose, samples=300)
        for name, values in found.items():
            values.append(getattr(test, name))
    for name, values in found.items():
        levels = np.array([0.05, 0.25, 0.5, 0.75])
        below = np.array([np.mean(np.array(values) <= level) for level in levels])
        # 400 draws: deviations .011 to .025. The bootstrap rejects a little too often, as its
        # intervals are a little short.
        wide = 0.03 if name == "bootstrap_p" else 0.0
        assert (np.abs(below - levels) < np.array([0.033, 0.07, 0.08, 0.07]) + wide).all(), below


def test_a_real_difference_is_found_where_pairing_is_what_finds_it() -> None:
    rng = np.random.default_rng(7)
    first, whose = world(rng, users=80, spread=3)
    second = first - 0.1 + rng.normal(0, 0.3, len(first))
    found = paired_test(first, second, whose)
    assert found.difference.high < 0 and found.bootstrap_p < 0.01 and found.permutation_p < 0.01
    # Each alone is known to about ± 0.7.
    alone = [bootstrap_interval(values, whose) for values in (first, second)]
    assert alone[0].low < alone[1].high
    assert found.first_better > 2 * found.second_better
    turned = paired_test(second, first, whose)
    assert turned.difference.value == pytest.approx(-found.difference.value)
    assert (turned.first_better, turned.second_better) == (
        found.second_better,
        found.first_better,
    )


def test_models_that_are_the_same_do_not_differ() -> None:
    values, whose = world(np.random.default_rng(8))
    found = paired_test(values, values, whose, samples=100)
    assert found.difference == (0, 0, 0)
    assert found.bootstrap_p == found.permutation_p == 1
    assert found.first_better == found.second_better == 0


@pytest.mark.parametrize("users", [1, 4, 9])
def test_few_users_exchange_in_every_way(users: int) -> None:
    sums = np.random.default_rng(users).normal(0.5, 1, users)
    every = [abs(np.dot(signs, sums)) for signs in product((-1, 1), repeat=users)]
    expected = np.mean(np.array(every) >= abs(sums.sum()) - 1e-12)
    assert sign_flip_p(sums) == pytest.approx(expected)
    # Fewer samples than ways: drawn, and near that.
    assert sign_flip_p(sums, samples=1) in (0.5, 1.0)


def test_drawn_signs_are_near_all_of_them() -> None:
    sums = np.random.default_rng(9).normal(0.4, 1, 13)
    exact = sign_flip_p(sums, samples=1 << 13)
    # 4,000 draws: a deviation of at most .008.
    assert sign_flip_p(sums, samples=4000) == pytest.approx(exact, abs=0.025)


def test_p_is_never_zero() -> None:
    found = paired_test(np.zeros(100), np.ones(100), np.arange(100), samples=99)
    assert found.permutation_p == 1 / 100 and found.bootstrap_p == 2 / 100
