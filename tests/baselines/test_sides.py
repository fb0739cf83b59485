"""Two sides against sums over all pairs of features, and their updates against minima."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from tfhrnn.baselines.sides import Penalties, Ratings, Side, update_side

USERS, ITEMS, RANK, MEAN = 5, 7, 3, 3.5
PENALTIES = Penalties(0.7, 1.3, 2.1)


def random_side(ids: int, width: int, seed: int) -> Side:
    random = np.random.default_rng(seed)
    return Side(
        random.normal(size=(ids, width)) * (random.random((ids, width)) < 0.7),
        random.normal(size=(ids, 1 + RANK)),
        random.normal(size=(width, 1 + RANK)),
    )


def predicted(users: Side, items: Side, user: int, item: int) -> float:
    """Rendle's equation 1, pair by pair, over (user, its features, item, its features)."""
    x = np.concatenate(
        [np.eye(USERS)[user], users.features[user], np.eye(ITEMS)[item], items.features[item]]
    )
    parameters = np.concatenate([users.own, users.shared, items.own, items.shared])
    pairs = combinations(np.flatnonzero(x).tolist(), 2)
    return float(
        MEAN
        + x @ parameters[:, 0]
        + sum(parameters[a, 1:] @ parameters[b, 1:] * x[a] * x[b] for a, b in pairs)
    )


def test_two_sides_are_the_sum_over_all_pairs() -> None:
    users, items = random_side(USERS, 2, 0), random_side(ITEMS, 4, 1)
    left, right = users.table(), items.table()
    found = MEAN + left[:, :1] + right[:, 0] + left[:, 1:] @ right[:, 1:].T
    wanted = [[predicted(users, items, u, i) for i in range(ITEMS)] for u in range(USERS)]
    np.testing.assert_allclose(found, wanted)
    new = Side(users.features, np.zeros_like(users.own), users.shared)
    np.testing.assert_allclose(users.table(own=False), new.table())


def objective(users: Side, items: Side, rated: np.ndarray, rating: np.ndarray) -> float:
    error = [
        r - predicted(users, items, u, i) for (u, i), r in zip(rated.tolist(), rating, strict=True)
    ]
    cost = float(np.square(error).sum())
    for side in (users, items):
        cost += PENALTIES.bias * float((side.own[:, 0] ** 2).sum())
        cost += PENALTIES.factors * float((side.own[:, 1:] ** 2).sum())
        cost += PENALTIES.features * float((side.shared**2).sum())
    return cost


def test_an_update_is_the_minimum_and_never_makes_it_worse() -> None:
    random = np.random.default_rng(3)
    rated = np.stack([random.integers(0, USERS, 40), random.integers(0, ITEMS - 1, 40)], axis=1)
    rating = random.normal(size=40)
    by_user = Ratings.by(rated[:, 0], rated[:, 1], rating, USERS)
    users, items = random_side(USERS, 2, 4), random_side(ITEMS, 4, 5)
    before = objective(users, items, rated, rating)
    after = update_side(users, items, by_user, MEAN, PENALTIES)
    lower = objective(after, items, rated, rating)
    assert lower < before
    # Without features all ids are at the minimum; with them the feature updated last is.
    alone = Side(users.features[:, :0], users.own, users.shared[:0])
    alone = update_side(alone, items, by_user, MEAN, PENALTIES)
    for side, array in ((alone, alone.own), (after, after.shared[-1:])):
        lowest = objective(side, items, rated, rating)
        for place in np.ndindex(array.shape):
            array[place] += 1e-4
            up = objective(side, items, rated, rating)
            array[place] -= 2e-4
            down = objective(side, items, rated, rating)
            array[place] += 1e-4
            assert up > lowest and down > lowest
            assert abs(up - down) < 1e-3 * (up + down - 2 * lowest)
    # The last item has no ratings, so nothing but its penalty speaks.
    by_item = Ratings.by(rated[:, 1], rated[:, 0], rating, ITEMS)
    found = update_side(items, after, by_item, MEAN, PENALTIES)
    assert objective(after, found, rated, rating) < lower
    assert not found.own[-1].any() and found.own[:-1].all()


def test_biases_become_the_ridge_regression_on_both_together() -> None:
    random = np.random.default_rng(6)
    user, item = random.integers(0, USERS, 60), random.integers(0, ITEMS, 60)
    rating = random.normal(size=60) + user
    x = np.concatenate([np.eye(USERS)[user], np.eye(ITEMS)[item]], axis=1)
    wanted = np.linalg.solve(x.T @ x + 0.7 * np.eye(USERS + ITEMS), x.T @ (rating - MEAN))
    sides = [Side(np.zeros((n, 0)), np.zeros((n, 1)), np.zeros((0, 1))) for n in (USERS, ITEMS)]
    by = [Ratings.by(user, item, rating, USERS), Ratings.by(item, user, rating, ITEMS)]
    for _ in range(300):
        for one in (0, 1):
            sides[one] = update_side(sides[one], sides[1 - one], by[one], MEAN, PENALTIES)
    found = np.concatenate([side.own[:, 0] for side in sides])
    np.testing.assert_allclose(found, wanted, atol=1e-8)
