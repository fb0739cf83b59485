"""The benchmark of states on a small log: its rows, not their times."""

from __future__ import annotations

from typing import Any

from benchmarks.state import costs
from tfhrnn.config import preset
from tfhrnn.data.event_log import EventLog


def test_updates_and_answers_are_timed_for_each_preset(
    tiny_log: EventLog, tiny_settings: dict[str, Any]
) -> None:
    configs = {
        "best": preset("best", {**tiny_settings, "seen_items": 5}),
        "hrnn": preset("hrnn", {"units": 3, "seen_items": 4}),
    }
    rows = costs(tiny_log, configs, 1, events=(2, 9), histories=(1, 7))
    assert [row["what"] for row in rows] == [
        "best: update after 2 events",
        "best: update after 9 events",
        "best: 10 answers from a state",
        "best: 10 answers from 1 events",
        "best: 10 answers from 7 events",
        "best: update",
        "hrnn: update",
    ]
    assert all(row["milliseconds"] > 0 and row["ratio"] > 0 for row in rows)
    # 49 of head, numbers and checksum; 2 a seen item; 4 a unit.
    assert rows[0]["bytes"] == 49 + 10 + 16 and rows[-1]["bytes"] == 49 + 8 + 12
