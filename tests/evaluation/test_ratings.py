"""Rating rows and figures, worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tfhrnn.data.event_log import EventLog, write_event_log
from tfhrnn.errors import DataError
from tfhrnn.evaluation.ratings import rating_figures, rating_rows


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> EventLog:
    """Two users of three events, one without feedback, and one user without any."""
    rows = [("0", "a", 1, 4.0), ("0", "b", 2, None), ("0", "a", 3, 2.0)]
    rows += [("1", "b", 1, 5.0), ("1", "c", 1, 1.0), ("2", "a", 1, None), ("2", "b", 2, None)]
    frame = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp", "feedback"], orient="row")
    out: Path = tmp_path_factory.mktemp("ratings") / "log"
    return write_event_log(frame, out)


def test_each_known_rating_has_a_row_in_the_order_asked_for(log: EventLog) -> None:
    found = rating_rows(log, np.array([1, 0, 2]))
    assert found.rows() == [(1, 0, 3, 5.0), (1, 1, 4, 1.0), (0, 0, 2, 4.0), (0, 2, 2, 2.0)]


def test_users_without_ratings_are_told(log: EventLog) -> None:
    with pytest.raises(DataError, match=r"no feedback in 2 events of 1 users, expected ratings"):
        rating_rows(log, np.array([2]))


def test_figures_by_hand() -> None:
    # Errors 1 and 3 of user 0, 0 of user 1: mean square 10 / 3, mean absolute 4 / 3.
    frame = pl.DataFrame(
        {"user": [0, 0, 1], "feedback": [1.0, 1.0, 5.0], "prediction": [2.0, 4.0, 5.0]}
    )
    found = rating_figures(frame)
    assert found["rmse"] == pytest.approx((10 / 3) ** 0.5)
    assert found["mae"] == pytest.approx(4 / 3)
    # Users' sums less their share: 10 − 2 · 10/3 = 10/3 and 0 − 10/3; √(2 · (10/3)² · 2/1) / 3 is
    # the error of the mean square, and that of its root is half of it over the root.
    of_mean = (2 * (10 / 3) ** 2 * 2) ** 0.5 / 3
    assert found["rmse_standard_error"] == pytest.approx(of_mean / 2 / (10 / 3) ** 0.5)


def test_perfect_predictions_have_no_error() -> None:
    frame = pl.DataFrame({"user": [0, 1], "feedback": [1.0, 2.0], "prediction": [1.0, 2.0]})
    assert rating_figures(frame) == {"rmse": 0.0, "rmse_standard_error": 0.0, "mae": 0.0}
