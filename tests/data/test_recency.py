"""Recency weights: halving, and ranges that are empty or short."""

from __future__ import annotations

import numpy as np
import pytest

from tfhrnn.data.recency import recency_weights

DAY = 86_400


@pytest.mark.parametrize("half_life", [0.05, 0.5, 1.0])
def test_a_half_life_older_is_half_the_weight(half_life: float) -> None:
    first, last = 1_500_000_000, 1_500_000_000 + 1000 * DAY
    step = round(half_life * 1000 * DAY)
    time = last - step * np.arange(4)
    found = recency_weights(time, first=first, last=last, half_life=half_life)
    np.testing.assert_allclose(found, [1, 1 / 2, 1 / 4, 1 / 8], rtol=1e-6)
    assert found.dtype == np.float32


def test_one_moment_weighs_one() -> None:
    found = recency_weights(np.full(3, 7), first=7, last=7, half_life=0.25)
    assert found.tolist() == [1, 1, 1]


def test_the_oldest_of_a_tiny_half_life_are_finite() -> None:
    found = recency_weights(np.array([0, 10]), first=0, last=10, half_life=1e-4)
    assert found.tolist() == [0, 1]
