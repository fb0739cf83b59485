"""One-step-ahead regression against a regression solved anew at every event."""

from __future__ import annotations

import numpy as np
import pytest

from tfhrnn.baselines.fold_in import one_step_ahead


def solved_anew(x: np.ndarray, y: np.ndarray, mean: np.ndarray, ridge: np.ndarray) -> list[float]:
    found = []
    for k in range(len(y)):
        before = x[:k]
        theta = mean + np.linalg.solve(
            before.T @ before + np.diag(ridge), before.T @ (y[:k] - before @ mean)
        )
        found.append(float(x[k] @ theta))
    return found


@pytest.mark.parametrize("block", [1, 3, 7, 100])
@pytest.mark.parametrize("width", [1, 4, 30])
def test_it_is_the_regression_on_earlier_events(width: int, block: int) -> None:
    random = np.random.default_rng(width)
    x, y = random.normal(size=(20, width)), random.normal(size=20)
    mean, ridge = random.normal(size=width), random.uniform(0.5, 4.0, width)
    found = one_step_ahead(x, y, mean, ridge, block=block)
    np.testing.assert_allclose(found, solved_anew(x, y, mean, ridge), atol=1e-10)


def test_no_answer_depends_on_what_it_is_asked_about_or_on_later_events() -> None:
    random = np.random.default_rng(0)
    x, y = random.normal(size=(9, 3)), random.normal(size=9)
    whole = one_step_ahead(x, y, np.zeros(3), np.ones(3), block=4)
    x[6:], y[5:] = random.normal(size=(3, 3)), random.normal(size=4)
    again = one_step_ahead(x, y, np.zeros(3), np.ones(3), block=4)
    np.testing.assert_allclose(again[:6], whole[:6], atol=1e-12)
    assert abs(again[6] - whole[6]) > 1e-3


def test_no_events_have_no_predictions() -> None:
    assert one_step_ahead(np.zeros((0, 2)), np.zeros(0), np.zeros(2), np.ones(2)).shape == (0,)
