"""Metrics against their definitions as plain loops, and errors against leaving users out."""

from __future__ import annotations

import math
from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfhrnn.evaluation.metrics import (
    TieRule,
    hit_rate,
    mae,
    mrr,
    ndcg,
    perplexity,
    precision,
    random_precision,
    ranks_of,
    rmse,
    standard_error,
    user_weights,
)

RANKS = st.lists(st.integers(0, 60), min_size=1, max_size=30)
K = st.integers(1, 70)  # also beyond the largest rank
LOG_P = st.floats(-20, 0, allow_subnormal=False)
# Sums of 30 doubles in another order differ by a few units in the last place.
CLOSE = 1e-12


def test_metrics_on_a_world_worked_by_hand() -> None:
    ranks = np.array([0, 1, 2, 6, 7])
    # At 3: three of five hit; 1 + 1/log2(3) + 1/2, and 1 + 1/2 + 1/3, over five.
    assert hit_rate(ranks, 3) == 3 / 5
    assert ndcg(ranks, 3) == pytest.approx((1 + 1 / math.log2(3) + 0.5) / 5)
    assert mrr(ranks, 3) == pytest.approx((1 + 1 / 2 + 1 / 3) / 5)
    # At 7 the rank 6 comes in, worth 1/log2(8) and 1/7.
    assert hit_rate(ranks, 7) == 4 / 5
    assert ndcg(ranks, 7) == pytest.approx((1 + 1 / math.log2(3) + 0.5 + 1 / 3) / 5)
    assert mrr(ranks, 7) == pytest.approx((1 + 1 / 2 + 1 / 3 + 1 / 7) / 5)


@given(RANKS, K)
def test_rank_metrics_follow_their_definitions(ranks: list[int], k: int) -> None:
    given_ranks = np.array(ranks)
    # The sums of gains over a list of k answers of which one, at `rank`, is right.
    dcg = [sum((at == rank) / math.log2(at + 2) for at in range(k)) for rank in ranks]
    reciprocal = [next((1 / (at + 1) for at in range(k) if at == rank), 0.0) for rank in ranks]
    assert hit_rate(given_ranks, k) == pytest.approx(np.mean([r in range(k) for r in ranks]))
    assert ndcg(given_ranks, k) == pytest.approx(sum(dcg) / len(ranks), rel=CLOSE, abs=CLOSE)
    assert mrr(given_ranks, k) == pytest.approx(sum(reciprocal) / len(ranks), rel=CLOSE, abs=CLOSE)


@given(RANKS, K)
def test_metrics_are_shares_in_a_fixed_order(ranks: list[int], k: int) -> None:
    # A hit at place r is worth 1/r <= 1/log2(r + 1) <= 1.
    given_ranks = np.array(ranks)
    found = [metric(given_ranks, k) for metric in (mrr, ndcg, hit_rate)]
    assert 0 <= found[0] <= found[1] + 1e-12 and found[1] <= found[2] + 1e-12 <= 1 + 1e-12
    for metric, value in zip((mrr, ndcg, hit_rate), found, strict=True):
        assert metric(given_ranks, k + 1) >= value - 1e-12  # a longer list can't do worse


@pytest.mark.parametrize("metric", [hit_rate, ndcg, mrr])
def test_at_one_every_rank_metric_is_the_share_of_first_places(metric: object) -> None:
    ranks = np.array([0, 1, 0, 5])
    assert callable(metric) and metric(ranks, 1) == 0.5
    assert metric(np.array([4, 9]), 4) == 0.0 and metric(np.array([0]), 5) == 1.0


@given(st.lists(LOG_P, min_size=1, max_size=30))
def test_perplexity_is_the_geometric_mean_of_one_over_p(log_p: list[float]) -> None:
    product = math.prod(math.exp(-value / len(log_p)) for value in log_p)
    assert perplexity(np.array(log_p)) == pytest.approx(product)


@pytest.mark.parametrize("items", [1, 2, 1682])
def test_a_uniform_guess_has_the_catalogues_size_as_perplexity(items: int) -> None:
    assert perplexity(np.full(7, -math.log(items))) == pytest.approx(items)


def test_perplexity_adds_up_in_float64() -> None:
    # A million float32 values; added one by one in float32 they would be off by whole percents.
    log_p = np.full(1_000_000, -math.log(1000), np.float32)
    assert perplexity(log_p) == pytest.approx(1000, rel=1e-6)  # the rounding of log 1000 itself


def test_a_target_that_was_thought_impossible_is_infinitely_perplexing() -> None:
    assert perplexity(np.array([-1.0, -np.inf])) == math.inf


@given(st.lists(st.tuples(st.integers(0, 9), LOG_P, st.integers(0, 4)), min_size=1, max_size=12))
def test_a_weight_of_n_counts_as_n_copies(rows: list[tuple[int, float, int]]) -> None:
    rows = [*rows, (3, -1.0, 1)]  # weights that are all 0 have no mean
    ranks, log_p, weight = (np.array(column) for column in zip(*rows, strict=True))
    copies, copied = np.repeat(ranks, weight), np.repeat(log_p, weight)
    weight = weight.astype(np.float64)
    for metric in (hit_rate, ndcg, mrr):
        assert metric(ranks, 5, weight) == pytest.approx(metric(copies, 5), rel=CLOSE, abs=CLOSE)
    assert perplexity(log_p, weight) == pytest.approx(perplexity(copied))


def test_weights_without_a_sum_are_refused() -> None:
    for metric in (hit_rate, ndcg, mrr):
        with pytest.raises(ZeroDivisionError):
            metric(np.array([1, 2]), 5, np.zeros(2))


def test_standard_error_worked_by_hand() -> None:
    # Mean of -log p: (1 + 3 + 2) / 3 = 2. Residuals: user a 1 + 3 - 2·2 = 0, user b 2 - 2 = 0.
    assert standard_error(np.array([-1.0, -3, -2]), np.array([0, 0, 1])) == 0
    # a: 1 + 1 - 2·2 = -2, b: 4 - 2 = 2; sqrt((4 + 4) · 2/1) / 3 = 4/3.
    found = standard_error(np.array([-1.0, -1, -4]), np.array([8, 8, 5]))
    assert found == pytest.approx(4 / 3)


def jackknife(log_p: np.ndarray, users: np.ndarray) -> float:
    """Leaves each user out in turn; the spread of the means tells the error of the whole."""
    names = sorted(set(users.tolist()))
    left = [float(log_p[users != name].mean()) for name in names]
    centre = sum(left) / len(left)
    return math.sqrt(sum((m - centre) ** 2 for m in left) * (len(left) - 1) / len(left))


@given(st.integers(2, 8), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_standard_error_is_the_jackknifes_where_users_are_of_one_size(
    users: int, targets: int, seed: int
) -> None:
    # With u users of m targets each both are sqrt(sum (mean of user - mean)² / (u (u - 1))).
    rng = np.random.default_rng(seed)
    log_p, whose = -rng.exponential(3, users * targets), np.repeat(np.arange(users), targets)
    order = rng.permutation(len(whose))
    found = standard_error(log_p[order], whose[order])
    assert found == pytest.approx(jackknife(log_p, whose), rel=1e-6)


def test_standard_error_is_near_the_jackknifes_where_they_are_not() -> None:
    # The two differ by terms of the order of one over the users, here 200.
    rng = np.random.default_rng(0)
    whose = np.repeat(np.arange(200), rng.integers(1, 40, 200))
    log_p = -rng.exponential(3, len(whose)) - rng.normal(0, 1, 200)[whose]
    assert standard_error(log_p, whose) == pytest.approx(jackknife(log_p, whose), rel=0.05)


@given(st.lists(st.tuples(st.integers(-3, 3), LOG_P), min_size=1, max_size=20))
def test_standard_error_follows_a_loop(rows: list[tuple[int, float]]) -> None:
    users, log_p = [user for user, _ in rows], [value for _, value in rows]
    mean = sum(log_p) / len(log_p)
    residual = {user: 0.0 for user in users}
    for user, value in rows:
        residual[user] += mean - value
    count = len(residual)
    expected = 0.0
    if count > 1:
        squares = sum(value**2 for value in residual.values())
        expected = math.sqrt(squares * count / (count - 1)) / len(rows)
    found = standard_error(np.array(log_p), np.array(users))
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_a_single_user_has_no_error_to_tell() -> None:
    assert standard_error(np.array([-1.0, -2, -9]), np.array([4, 4, 4])) == 0
    assert standard_error(np.array([-1.0]), np.array([0])) == 0


def test_copies_of_every_user_halve_the_variance() -> None:
    # Twice the users, the same residuals: n/(n - 1) over n² goes from 3/2 / 9 to 6/5 / 36 · 2.
    log_p, users = np.array([-1.0, -2, -6]), np.array([0, 1, 2])
    once = standard_error(log_p, users)
    twice = standard_error(np.tile(log_p, 2), np.concatenate([users, users + 3]))
    assert twice / once == pytest.approx(math.sqrt((2 * 6 / 5 / 36) / (3 / 2 / 9)))


def test_precision_on_a_world_worked_by_hand() -> None:
    scores = np.array([[0.1, 0.9, 0.5, 0.5], [4.0, 3, 2, 1], [1.0, 2, 3, 4]])
    relevant = np.array([[1, 0, 0, 1], [0, 0, 0, 0], [1, 1, 1, 0]], bool)
    # Best first: columns 1 2 3 0 (2 and 3 tie) and 3 2 1 0; the second row has nothing to find.
    for k, hits in ((1, [0, 0]), (2, [0, 1]), (3, [1, 2]), (4, [2, 3])):
        assert precision(scores, relevant, k) == pytest.approx(sum(hits) / 2 / k)
    # Past the last candidate the same five hits, over more places.
    assert precision(scores, relevant, 10) == pytest.approx(5 / 2 / 10)


@pytest.mark.parametrize("k", [1, 2, 3, 4, 7])
def test_random_precision_is_the_mean_over_all_orders(k: int) -> None:
    relevant = np.array([[1, 0, 0, 1], [0, 0, 0, 0], [1, 1, 1, 0], [0, 1, 0, 0]], bool)
    orders = [np.tile(order, (4, 1)).astype(float) for order in permutations(range(4))]
    wanted = np.mean([precision(order, relevant, k) for order in orders])
    assert random_precision(relevant, k) == pytest.approx(wanted)


def test_errors_of_ratings_are_weighted() -> None:
    # Errors 1, -3 and 0 of weights 2, 1 and 1: mean square 11 / 4, mean absolute 5 / 4.
    predicted, feedback = np.array([4.0, 1, 5]), np.array([3.0, 4, 5])
    weight = np.array([2.0, 1, 1])
    assert rmse(predicted, feedback, weight) == pytest.approx(math.sqrt(11 / 4))
    assert mae(predicted, feedback, weight) == pytest.approx(5 / 4)
    # Unweighted, and in float32 given: the mean is taken in float64.
    assert rmse(predicted.astype(np.float32), feedback) == pytest.approx(math.sqrt(10 / 3))
    assert mae(predicted.astype(np.float32), feedback) == pytest.approx(4 / 3)


SCORES = st.lists(st.integers(0, 3), min_size=1, max_size=6)


@given(SCORES, st.integers(0, 5))
def test_tie_rules_follow_all_orders_of_equal_scores(scores: list[int], at: int) -> None:
    column = at % len(scores)
    # Where the target stands in each order of the columns that is sorted by score.
    orders = [
        order.index(column)
        for order in permutations(range(len(scores)))
        if all(scores[a] >= scores[b] for a, b in pairwise(order))
    ]
    expected = {
        "optimistic": min(orders),
        "pessimistic": max(orders),
        "mean": float(np.mean(orders)),
        "catalogue": sorted(range(len(scores)), key=lambda c: -scores[c]).index(column),
    }
    rules: tuple[TieRule, ...] = ("optimistic", "pessimistic", "mean", "catalogue")
    for rule in rules:
        found = ranks_of(np.array([scores], float), np.array([column]), rule)
        assert found == [pytest.approx(expected[rule])]


def test_a_score_that_is_no_number_is_refused_instead_of_ranked_first() -> None:
    scores = np.array([[1.0, 2], [3, np.nan]])
    with pytest.raises(ValueError, match="got NaN in row 1, column 1"):
        ranks_of(scores, np.array([0, 1]))
    assert ranks_of(np.array([[-np.inf, 0.0]]), np.array([0])).tolist() == [1]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), min_size=1, max_size=20))
def test_user_weights_average_each_users_mean(rows: list[tuple[int, int]]) -> None:
    users, ranks = (np.array(column) for column in zip(*rows, strict=True))
    means = [hit_rate(ranks[users == user], 5) for user in np.unique(users)]
    assert hit_rate(ranks, 5, user_weights(users)) == pytest.approx(np.mean(means))
