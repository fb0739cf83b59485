"""Advice follows from the figures it names."""

from __future__ import annotations

from typing import Any

import pytest

from tfhrnn.data.diagnosis import diagnose
from tfhrnn.data.event_log import EventLog
from tfhrnn.evaluation.advice import advise, retrain_age


@pytest.fixture
def found(tiny_log: EventLog) -> dict[str, Any]:
    return diagnose(tiny_log)


def said(found: dict[str, Any], topic: str) -> str:
    return " / ".join(piece.text for piece in advise(found) if piece.topic == topic)


def test_what_is_to_be_done_comes_first(found: dict[str, Any]) -> None:
    acts = [piece.act for piece in advise(found)]
    assert acts == sorted(acts, reverse=True) and acts[0]


def test_thresholds(found: dict[str, Any]) -> None:
    gaps = found["gaps"]
    gaps |= {"thresholds": [60, 3600], "proposed": [30, 1800], "level_shares": [0.999, 0.001, 0.0]}
    text = said(found, "gaps")
    assert "leave a level almost empty" in text and "`--thresholds 30,1800`" in text
    gaps["level_shares"] = [0.5, 0.3, 0.2]
    assert "Every level of the thresholds in use has gaps" in said(found, "gaps")
    gaps["thresholds"] = gaps["proposed"]
    assert "The thresholds in use, 30 s, 30 min, are those" in said(found, "gaps")
    gaps["gaps"] = 0
    assert said(found, "gaps").startswith("No user has two events")


@pytest.mark.parametrize(
    ("before", "words"),
    [(0.0, "leave seen items out"), (0.3, "let the learned"), (0.7, "never leave seen items out")],
)
def test_repeats(found: dict[str, Any], before: float, words: str) -> None:
    found["repeats"]["before"] = before
    assert words in said(found, "repeats")


def test_retraining(found: dict[str, Any]) -> None:
    steps = ((0, 0.0), (86_400, 0.01), (172_800, 0.03))
    ages = [{"age_seconds": age, "change": change, "perplexity": 9.0} for age, change in steps]
    found["popularity"] |= {"ages": ages, "drift": [], "windows": []}
    assert retrain_age(ages) == pytest.approx(1.5 * 86_400)
    assert "2% higher about 2 d after training" in said(found, "retraining")
    assert "ages slowly: 1 d after" in said(
        {**found, "popularity": {**found["popularity"], "ages": ages[:2]}}, "retraining"
    )
    assert "too short a time" in said(
        {**found, "popularity": {**found["popularity"], "ages": []}}, "retraining"
    )


def test_a_change_that_chance_makes_or_that_passes_is_no_reason_to_retrain() -> None:
    def age(*changes: tuple[float, float]) -> float | None:
        rows = [{"age_seconds": 0, "change": 0.0, "change_error": 0.0}]
        for number, (change, error) in enumerate(changes, 1):
            rows.append({"age_seconds": 10.0 * number, "change": change, "change_error": error})
        return retrain_age(rows)

    assert age((0.04, 0.01)) == 5.0
    assert age((0.04, 0.03)) is None  # perhaps chance
    assert age((0.04, 0.01), (0.01, 0.001)) is None  # passes
    assert age((0.04, 0.01), (0.01, 0.001), (0.03, 0.01)) == 25.0
    assert age((0.04, 0.03), (0.05, 0.01)) == 20.0  # sure from the second on


def test_new_items_ask_for_features_or_use_them(found: dict[str, Any]) -> None:
    found["popularity"]["drift"] = [{"period_seconds": 86_400, "new_items": 0.25}]
    assert "25.0% of events are of items" in said(found, "retraining")
    assert "`hrnn-coldstart`" in said(found, "retraining")
    found["items"]["has_features"] = False
    assert "`--items`" in said(found, "retraining")


def test_a_short_memory_is_advised_where_it_tells_more(found: dict[str, Any]) -> None:
    windows = [{"window_seconds": 86_400.0, "variation": 0.2}]
    found["popularity"]["windows"] = [*windows, {"window_seconds": None, "variation": 0.3}]
    assert "The last 1 d tell better" in said(found, "retraining")
    found["popularity"]["windows"] = [*windows, {"window_seconds": None, "variation": 0.19}]
    assert "keep all" in said(found, "retraining")
    windows = [{"window_seconds": 86_400.0, "variation": 0.442}]
    found["popularity"]["windows"] = [*windows, {"window_seconds": None, "variation": 0.454}]
    assert "hardly tell better" in said(found, "retraining")
    assert "recency_mask" not in said(found, "retraining")


def test_popularity_sessions_and_size(found: dict[str, Any]) -> None:
    for slope, words in (-2.5, "watch coverage"), (-0.3, "rather even"), (-1.0, "ordinary"):
        found["items"]["power_law"]["slope"] = slope
        assert words in said(found, "popularity")
    found["sessions"]["mean"] = 1.2
    assert "Hardly anything happens within sessions" in said(found, "sessions")
    found |= {"events": 10, "rows_read": 100, "dropped": {"identical row": 90}}
    found["users"]["single"] = 0.9
    text = said(found, "data")
    assert "are few" in text and "90% of the rows repeated" in text and "`session_id`" in text
