"""Simulated bets walk as the outcomes say, within the range, from anywhere in it."""

from __future__ import annotations

import numpy as np
import polars as pl

from tfhrnn.data.simulate_bets import simulate_bets


def test_outcomes_tell_the_next_bet_and_the_first_is_the_users_feature() -> None:
    bets = simulate_bets(400)
    firsts = dict(zip(bets.users["user_id"], bets.users["first"], strict=True))
    edges = 0
    for (user,), events in bets.interactions.group_by("user_id", maintain_order=True):
        items = events["item_id"].cast(pl.Int64).to_list()
        outcomes = events["feedback"].to_list()
        assert firsts[str(user)] == str(items[0])
        for item, outcome, following in zip(items, outcomes, items[1:], strict=False):
            if item in (0, 100):
                edges += 1
                assert following == {0: 1, 100: 99}[item]
            else:
                assert following - item == {1.0: 1, 0.0: -1}[outcome]
    assert edges > 10  # 400 sequences meet an edge some 40 times
    assert bets.users["first_number"].cast(pl.String).equals(bets.users["first"], null_equal=True)


def test_lengths_firsts_and_outcomes_are_uniform() -> None:
    bets = simulate_bets(4000)
    lengths = np.zeros(4000, np.int64)
    for user, size in bets.interactions.group_by("user_id").len().iter_rows():
        lengths[int(user)] = size
    # 190.5 of each length from 0 to 20, with a standard deviation of 13.5.
    np.testing.assert_allclose(np.bincount(lengths, minlength=21), 190.5, atol=55)
    firsts = bets.users["first_number"].to_numpy()
    assert (firsts.min(), firsts.max()) == (0, 100)
    assert abs(firsts.mean() - 50) < 2  # a standard error of .46
    outcome = bets.interactions["feedback"].to_numpy()
    assert set(outcome) == {0.0, 1.0} and abs(outcome.mean() - 0.5) < 0.01


def test_parity_is_an_items_feature() -> None:
    items = simulate_bets(1).items
    assert len(items) == 101
    assert items.filter(pl.col("item_id").is_in(["0", "7", "100"]))["parity"].to_list() == [
        *("even", "odd", "even")
    ]


def test_more_sequences_leave_the_first_ones_as_they_are() -> None:
    few, many = simulate_bets(5, seed=3), simulate_bets(9, seed=3)
    assert many.interactions.head(len(few.interactions)).equals(few.interactions)
    assert many.users.head(5).equals(few.users)
