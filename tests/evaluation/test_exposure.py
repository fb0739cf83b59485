"""Breadth and popularity of lists, by hand and by their definitions as loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfhrnn.evaluation.exposure import (
    coverage,
    exposure,
    gini,
    mean_log_popularity,
    novelty,
    shown_counts,
)

LISTS = st.lists(st.lists(st.integers(0, 7), min_size=3, max_size=3), min_size=1, max_size=9)


@given(LISTS)
def test_breadth_follows_its_definitions(rows: list[list[int]]) -> None:
    lists = np.array(rows)
    counts = [sum(row.count(item) for row in rows) for item in range(8)]
    assert shown_counts(lists, 8).tolist() == counts
    assert coverage(lists, 8) == len({item for row in rows for item in row}) / 8
    # Half the mean difference of all pairs, over the mean.
    apart = sum(abs(a - b) for a in counts for b in counts) / 64
    assert gini(lists, 8) == pytest.approx(apart / 2 / (sum(counts) / 8), abs=1e-12)


@given(LISTS, st.lists(st.integers(0, 50), min_size=8, max_size=8))
def test_popularity_follows_its_definition(rows: list[list[int]], counts: list[int]) -> None:
    total = sum(counts) + 8
    bits = [-math.log2((counts[item] + 1) / total) for row in rows for item in row]
    lists, events = np.array(rows), np.array(counts)
    assert novelty(lists, events) == pytest.approx(sum(bits) / len(bits))
    assert mean_log_popularity(lists, events) == pytest.approx(-math.log(2) * sum(bits) / len(bits))


def test_places_that_a_list_lacks_are_left_out() -> None:
    lists, counts = np.array([[2, -1], [0, 2]]), np.array([7, 0, 0, 5])
    found = exposure(lists, counts)
    # Shares 8/16 and 1/16, the latter twice: (1 + 4 + 4) / 3 bits; shown 1, 0, 2, 0 times.
    assert found["novelty_bits"] == pytest.approx(3)
    assert found["mean_log_popularity"] == pytest.approx(-3 * math.log(2))
    assert found["coverage"] == 0.5
    # Differences of pairs: 2 · (1 + 1 + 1 + 2 + 0 + 2) / 16 = 14/16, halved over the mean 3/4.
    assert found["gini"] == pytest.approx(7 / 16 / (3 / 4))


def test_the_same_list_for_all_is_narrow_and_what_all_know_is_not_novel() -> None:
    popular = np.arange(100)[::-1]
    same, wide = np.tile([0, 1], (50, 1)), np.arange(100).reshape(50, 2)
    assert coverage(same, 100) == 0.02 and coverage(wide, 100) == 1
    assert gini(same, 100) == pytest.approx(0.98) and gini(wide, 100) == 0
    assert novelty(same, popular) < novelty(wide, popular)
