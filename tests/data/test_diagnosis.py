"""What is told of a log, on a log whose answers are known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tfhrnn.data.diagnosis import diagnose, power_law, session_lengths
from tfhrnn.data.event_log import EventLog, write_event_log


def log_of(rows: list[tuple[str, str, int]], out: Path) -> EventLog:
    frame = pl.DataFrame(rows, schema=["user", "item", "time"], orient="row")
    return write_event_log(frame, out, keep_duplicates=True)


@pytest.fixture
def small(tmp_path: Path) -> EventLog:
    return log_of(
        [
            *(("a", "x", 0), ("a", "x", 10), ("a", "y", 400), ("a", "x", 5000)),
            *(("b", "x", 5001), ("b", "x", 5001)),
        ],
        tmp_path / "log",
    )


def test_sessions_end_at_a_break_and_at_a_user(small: EventLog) -> None:
    assert session_lengths(small, 400).tolist() == [3, 1, 2]
    assert session_lengths(small, 390).tolist() == [2, 1, 1, 2]
    assert session_lengths(small, 10_000).tolist() == [4, 2]


def test_repeats_are_told_apart(small: EventLog) -> None:
    found = diagnose(small)
    assert found["repeats"] == {"before": pytest.approx(3 / 6), "last": pytest.approx(2 / 6)}
    assert found["gaps"]["zero"] == 0.25
    assert found["gaps"]["longer_than"]["60"] == 0.5
    assert found["items"]["head_share"] == pytest.approx(5 / 6)
    assert found["popularity"]["period_seconds"] is None
    assert found["known_feedback"] == 0.0


def test_it_is_plain_values_that_agree_with_the_log(tiny_log: EventLog) -> None:
    found = diagnose(tiny_log)
    assert json.loads(json.dumps(found)) == found
    assert found["events"] == tiny_log.num_events
    assert sum(found["gaps"]["proposed_shares"]) == pytest.approx(1)
    sessions = found["sessions"]
    assert sessions["mean"] * sessions["sessions"] == pytest.approx(tiny_log.num_events)
    assert found["users"]["power_law"]["points"][0][1] == tiny_log.num_users


def test_a_power_law_has_its_slope() -> None:
    draws = (1 - np.random.default_rng(0).random(200_000)) ** (-1 / 1.5)  # P(≥ n) = n^-1.5
    law = power_law(np.floor(draws).astype(np.int64))
    kept = [(n, count) for n, count in law["points"] if count > 100]
    x, y = np.log(np.array(kept, float).T)
    (slope, _) = np.polyfit(x, y, 1)
    assert slope == pytest.approx(-1.5, abs=0.05)
    assert law["slope"] < 0 and len(law["points"]) <= 60


def test_counts_all_alike_have_no_slope() -> None:
    assert power_law(np.array([3, 3, 3])) == {"points": [[3, 3]], "slope": None, "rmse": None}


def test_users_of_one_event_have_no_gaps(tmp_path: Path) -> None:
    found = diagnose(log_of([("a", "x", 1), ("b", "y", 2)], tmp_path / "log"))
    assert found["gaps"]["gaps"] == 0 and found["gaps"]["quantiles"] == {}
    assert found["sessions"]["single"] == 1.0
