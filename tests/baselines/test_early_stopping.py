"""Early stopping on figures that are written down."""

from __future__ import annotations

import math

import pytest

from tfhrnn.baselines.early_stopping import fit_until_best


@pytest.mark.parametrize(
    ("figures", "patience", "best", "epochs"),
    [
        ([9, 5, 4, 6, 7, 3], 3, 5, 5),  # the wait for the best ends within patience
        ([9, 5, 4, 6, 7, 3], 2, 2, 4),  # two epochs after the best one
        ([9, 5, 5, 5, 8, 8], 4, 1, 5),  # equals do not count as better
        ([1, 2, 3, 4, 5, 6], 2, 0, 2),  # nothing beats the beginning
        ([9, math.nan, 8, math.nan, math.nan, 1], 2, 2, 4),
    ],
)
def test_the_best_epoch_is_kept(
    figures: list[float], patience: int, best: int, epochs: int
) -> None:
    ran = [0]
    found = fit_until_best(
        ran.append,
        lambda: figures[ran[-1]],
        lambda: f"after {ran[-1]}",
        epochs=5,
        patience=patience,
    )
    assert found.epoch == best and found.epochs == epochs
    assert found.figure == figures[best] and found.state == f"after {best}"
    assert ran == list(range(epochs + 1))
