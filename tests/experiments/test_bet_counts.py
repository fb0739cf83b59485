"""Counts of bets: a case worked by hand, and what many sequences come to."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tfhrnn.data.simulate_bets import simulate_bets
from tfhrnn.experiments.bet_counts import counted_row, smoothed_counts


def test_smoothed_counts_by_hand() -> None:
    counts = np.array([[3.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    share = np.array([4, 2, 2]) / 8  # what was met at all, each item once more
    expected = np.array([(counts[0] + 2 * share) / 6, (counts[1] + 2 * share) / 3])
    np.testing.assert_allclose(np.exp(smoothed_counts(counts, 2.0)), expected)
    many = np.exp(smoothed_counts(counts * 1e9, 2.0))
    np.testing.assert_allclose(many[0], [0.75, 0.25, 0], atol=1e-8)


def test_more_sequences_bring_counts_nearer_to_the_bound() -> None:
    few, many = (counted_row(simulate_bets(n + 600), n, 100) for n in (300, 3000))
    assert few["bound"] == many["bound"] == pytest.approx(9.65, abs=0.01)
    assert 0.03 < many["over_bound"] < 0.4 * few["over_bound"]
    for row in (few, many):
        assert row["perplexity"] == pytest.approx(row["sample_bound"] * (1 + row["over_bound"]))


def test_the_smoothing_is_chosen_on_validation_alone() -> None:
    bets = simulate_bets(700)
    row = counted_row(bets, 300, 100)
    # The same training and test sequences; those that choose are of one bet each, the first: with
    # so little to say of later bets, the least smoothing wins.
    is_late = (pl.col("user_id").cast(int).is_between(300, 399)) & ~pl.col(
        "user_id"
    ).is_first_distinct()
    short = bets._replace(interactions=bets.interactions.filter(~is_late))
    other = counted_row(short, 300, 100)
    assert other["sample_bound"] == row["sample_bound"]
    assert other["perplexity"] > row["perplexity"]
