"""Schedules: the cosine, the constant, and what counts as a plateau."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tfhrnn.config import TrainingConfig
from tfhrnn.schedules import learning_rate, plateaus


def test_the_rate_rises_once_and_falls_to_its_share() -> None:
    config = TrainingConfig(epochs=20, learning_rate=0.1, final_learning_rate=0.01)
    rates = [learning_rate(config, epoch) for epoch in range(20)]
    assert rates[0] == 0.05 and rates[1] > 0.099
    assert all(a > b for a, b in pairwise(rates[1:]))
    assert 0.001 < rates[-1] < 0.003


def test_a_constant_rate_stays_after_its_warm_up() -> None:
    config = TrainingConfig(epochs=5, learning_rate=0.1, schedule="constant")
    # Perplexities that fall or rise change nothing.
    assert [learning_rate(config, epoch, [9.0] * epoch) for epoch in range(5)] == [0.05, *[0.1] * 4]


@pytest.mark.parametrize(
    ("watched", "patience", "wanted"),
    [
        ([], 1, 0),
        ([5.0], 1, 0),
        ([5.0, 5.0], 1, 1),  # as good is not better
        ([5.0, 6.0, 5.5], 1, 2),  # better than the last, not than the best
        ([5.0, 6.0, 4.0, 4.5], 2, 0),  # a better epoch begins the wait anew
        ([5.0, 6.0, 7.0, 4.0, 4.5, 4.4, 4.1, 4.0], 2, 3),
        ([5.0, 6.0, 6.0, 6.0, 6.0], 3, 1),
    ],
)
def test_plateaus_are_counted(watched: list[float], patience: int, wanted: int) -> None:
    assert plateaus(watched, patience) == wanted


def test_the_rate_is_cut_at_each_plateau_and_never_rises() -> None:
    config = TrainingConfig(
        epochs=8, learning_rate=1.0, schedule="plateau", plateau_patience=2, plateau_factor=0.5
    )
    watched = [5.0, 6.0, 7.0, 4.0, 4.5, 4.4, 3.0, 3.0]
    rates = [learning_rate(config, epoch, watched[:epoch]) for epoch in range(8)]
    # Half at first; cut after the third and the sixth epoch.
    assert rates == [0.5, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25]
