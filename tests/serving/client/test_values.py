"""A caller's values become plain ones, or are refused by name."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from serving.client.questions import Rank, Recommend, RecommendFromState
from serving.client.values import (
    event_inputs,
    feature_inputs,
    id_list,
    item_count,
    state_input,
    time_of_asking,
    unix_seconds,
)

THEN = datetime(1970, 1, 1, 3, 0, 0, 999_999, tzinfo=timezone(timedelta(hours=2)))


def test_times_are_datetimes_or_seconds_and_lose_their_fractions() -> None:
    assert unix_seconds("x", THEN) == 3600
    assert [unix_seconds("x", when) for when in (5, 5.9, -0.5)] == [5, 5, -1]


@pytest.mark.parametrize("when", [10**11, -(10**11), float("nan"), float("inf")])
def test_what_is_no_unix_time_is_refused(when: float) -> None:
    with pytest.raises(ValueError, match=r"x: got .*, expected Unix seconds"):
        unix_seconds("x", when)


def test_the_time_of_asking_is_given_or_a_gap_after_the_last_event_or_now(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("time.time", lambda: 1234.5)
    assert time_of_asking(THEN) == 3600
    assert time_of_asking(None, 60.5, [10, 20]) == 80
    assert time_of_asking(None) == 1234
    for question in (Recommend(["a"], [9]), Rank(["a"], [9], ["b"]), RecommendFromState(b"s")):
        assert question.inputs()["query_time"] == 1234


def test_events_are_told_as_far_as_they_are_known() -> None:
    assert event_inputs("items", ["a"], [THEN], None, None) == {"items": ["a"], "times": [3600]}
    found = event_inputs("history", ["a", "b"], [1, 2], [None, 3.0], ["buy", None])
    assert found["feedback"] == [None, 3.0] and found["event_types"] == ["buy", None]


def test_ids_are_a_list_of_their_own() -> None:
    given = ["a", "b"]
    found = id_list("x", given)
    assert found == given and found is not given


def test_counts_features_and_states() -> None:
    assert item_count(2**31) == 2**31 - 1
    assert feature_inputs("user_", {"age": None}) == {"user_age": None}
    assert state_input(b"s") == {"state_bytes": b"s"}
    state: Any = "c3RhdGU="
    with pytest.raises(ValueError, match="state: got str, expected bytes"):
        state_input(state)
