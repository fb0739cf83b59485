"""Training ratings as arrays, and rows cut into those of each user."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tfhrnn.baselines.rating_data import TrainingRatings, asked_ratings, of_each_user
from tfhrnn.data.event_log import EventLog, write_event_log
from tfhrnn.errors import DataError


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> EventLog:
    rows = [("0", "a", 1, 4.0), ("0", "b", 2, None), ("1", "c", 1, 5.0), ("2", "b", 1, 2.0)]
    rows.append(("2", "a", 2, 1.0))
    frame = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp", "feedback"], orient="row")
    out: Path = tmp_path_factory.mktemp("data") / "log"
    return write_event_log(frame, out)


def test_users_are_counted_in_the_order_given(log: EventLog) -> None:
    found = TrainingRatings.of(log, np.array([2, 0]))
    assert found.user.tolist() == [0, 0, 1] and found.item.tolist() == [1, 0, 0]
    assert found.rating.tolist() == [2, 1, 4] and found.mean == pytest.approx(7 / 3)
    assert (found.users, found.items) == (2, 3)


def test_arrays_are_cut_by_user(log: EventLog) -> None:
    rows = asked_ratings(log, np.array([2, 1, 0]), 3)
    places = np.arange(4)
    found = [(a.tolist(), b.tolist()) for a, b in of_each_user(rows, places, -places)]
    assert found == [([0, 1], [0, -1]), ([2], [-2]), ([3], [-3])]


def test_what_cannot_be_asked_is_told(log: EventLog) -> None:
    with pytest.raises(DataError, match=r"got 3 items, expected the 4 that were there in fitting"):
        asked_ratings(log, np.array([0]), 4)
    with pytest.raises(DataError, match=r"got judged users that stand there twice, expected each"):
        asked_ratings(log, np.array([0, 1, 0]), 3)
    with pytest.raises(DataError, match=r"got train users from -1 to 1, expected indices below 3"):
        TrainingRatings.of(log, np.array([-1, 1]))
    with pytest.raises(DataError, match=r"got no validation users"):
        asked_ratings(log, np.array([], np.int64), 3, "validation")
