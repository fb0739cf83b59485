"""Counts that can be checked by hand."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from rich.console import Console

from tfhrnn.data.diagnosis import diagnose
from tfhrnn.data.event_log import EventLog, write_event_log
from tfhrnn.data.event_rules import EventRules
from tfhrnn.data.summary import print_summary, repeat_share, summarize


@pytest.fixture
def log(tmp_path: Path) -> EventLog:
    frame = pl.DataFrame(
        {
            "user_id": ["a", "a", "a", "a", "b", "b", "c"],
            "item_id": ["x", "y", "x", "x", "x", "y", "y"],
            "timestamp": [0, 0, 70, 90_070, 5, 5, 6],
            "rating": [1.0, None, 3.0, 5.0, None, None, None],
            "device": ["tv"] * 7,
        }
    )
    items = pl.DataFrame({"item_id": ["x", "z"], "title": ["The [X]", "Zed"]})
    return write_event_log(frame, tmp_path / "log", items=items, name="tiny")


def test_counts(log: EventLog) -> None:
    summary = json.loads(json.dumps(summarize(log)))
    assert (summary["users"], summary["items"], summary["events"]) == (3, 3, 7)
    assert summary["cold_items"] == 1
    assert summary["ignored_columns"] == ["device"]
    # a's third and fourth event are repeats
    assert summary["repeats"] == pytest.approx(2 / 7) == repeat_share(log)
    # gaps: 0, 70, 90000 of a, 0 of b
    assert summary["tied_gaps"] == 0.5
    assert summary["level_shares"] == [0.5, 0.25, 0.0, 0.25]
    assert summary["feedback"]["mean"] == 3.0
    assert summary["events_per_user"] == {"0.0": 1, "0.25": 1.5, "0.5": 2, "0.75": 3, "1.0": 4}
    assert summary["last_event"] == "1970-01-02 01:01:10"


def test_the_decoded_user_is_the_median_one(log: EventLog) -> None:
    user = summarize(log)["user"]
    assert (user["id"], user["events"]) == ("b", 2)
    assert user["first"] == [
        {
            "item": "x",
            "title": "The [X]",
            "time": "1970-01-01 00:00:05",
            "gap": None,
            "level": 4,
            "feedback": None,
            "event_type": None,
        },
        {
            "item": "y",
            "title": "y",
            "time": "1970-01-01 00:00:05",
            "gap": 0,
            "level": 0,
            "feedback": None,
            "event_type": None,
        },
    ]
    assert len(summarize(log, events=1)["user"]["first"]) == 1


def shown(summary: dict[str, Any]) -> str:
    out = io.StringIO()
    print_summary(summary, Console(file=out, width=120))
    return out.getvalue()


def test_print_shows_text_as_it_is(log: EventLog) -> None:
    text = shown(summarize(log))
    for part in (
        "tiny",
        "The [X]",
        "3 (1 without events)",
        "50.0 % of gaps",
        "device",
        "cold items",
    ):
        assert part in text


def test_without_feedback_or_gaps(tmp_path: Path) -> None:
    frame = pl.DataFrame({"user": ["a", "b"], "item": ["x", "y"], "time": [1, 2]})
    summary = summarize(write_event_log(frame, tmp_path / "log"))
    assert (summary["feedback"], summary["gap_quantiles"], summary["tied_gaps"]) == (None, {}, 0.0)
    print_summary(summary, Console(file=io.StringIO()))


def test_event_types_are_counted_and_shown(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "user": ["a", "a", "a", "b"],
            "item": ["x", "y", "y", "x"],
            "time": [1, 2, 3, 4],
            "event_type": ["view", "[buy]", None, "view"],
        }
    )
    summary = summarize(write_event_log(frame, tmp_path / "log"))
    assert summary["event_types"] == {"": 1, "[buy]": 1, "view": 2}
    assert [event["event_type"] for event in summary["user"]["first"]] == ["view", "[buy]", None]
    text = shown(summary)
    assert "unknown: 1, [buy]: 1, view: 2" in text and text.count("[buy]") == 2
    bare = summarize(write_event_log(frame.drop("event_type"), tmp_path / "bare"))
    assert bare["event_types"] == {} and "event type " not in shown(bare)


def test_rules_and_impressions_are_told_with_what_they_left_out(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "user": ["a", "a", "a", "a", "b", "b"],
            "item": ["x", "y", "x", "y", "x", "y"],
            "time": [1, 2, 3, 4, 5, 6],
            "event_type": ["view", "buy", "buy", "buy", "view", "buy"],
            "feedback": [None, 9.5, None, 12.0, 0.5, 10.0],
            "impressions": ["x|y|none", None, None, "x|y", "x", "odd|y"],
        }
    )
    rules = EventRules((), {"view": 0.0, "buy": 2.0}, {"buy": 10.0, "view": -1.0})
    log = write_event_log(frame, tmp_path / "log", rules=rules)
    summary = summarize(log)
    assert summary["event_weights"] == {"view": 0.0, "buy": 2.0} and summary["weightless"] == 1
    assert summary["event_thresholds"] == {
        "buy": {"least": 10.0, "below": 1, "unknown": 1},
        "view": {"least": -1.0, "below": 0, "unknown": 1},
    }
    # of the three events that stay, only a's purchase was chosen from several known items
    assert summary["impressions"] == {"events": 1, "shown": 1, "most": 1, "unknown_ids": 1}
    text = " ".join(shown(summary).replace("│", " ").split())
    assert "view: 0, buy: 2, 1 events of weight 0 are history alone" in text
    assert "buy: 10 or more (1 rows below, 1 unknown), view: -1 or more (0 rows below" in text
    assert "1 events have some, 1 at most; 1 items shown beside the chosen ones, 1 shown" in text
    found = diagnose(log)
    assert found["event_types"] == {"buy": 2, "view": 1} and found["with_impressions"] == 1


def test_without_rules_and_impressions_there_is_no_line_of_them(log: EventLog) -> None:
    summary = summarize(log)
    assert summary["impressions"] is None and summary["event_thresholds"] == {}
    text = shown(summary)
    assert "event weights" not in text and "impressions" not in text
