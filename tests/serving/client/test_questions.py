"""What a question says of itself, by the names of a signature's inputs."""

from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.client.answers import Ranking, Recommendation
from serving.client.questions import (
    Rank,
    RankFromState,
    Recommend,
    RecommendFromState,
    Start,
    Update,
)


def test_a_question_names_what_is_known_and_nothing_else() -> None:
    assert Recommend(["a", "b"], [10, 20], gap=60, k=3, deny=["c"]).inputs() == {
        "history": ["a", "b"],
        "times": [10, 20],
        "query_time": 80,
        "k": 3,
        "exclude_seen": False,
        "allow": [],
        "deny": ["c"],
        "exploration": 0.0,
        "seed": 0,
    }
    assert Start().inputs() == {} and Start({"age": 3}).inputs() == {"user_age": 3}
    assert Update(b"s", ["a"], [10.9], feedback=[None]).inputs() == {
        "state_bytes": b"s",
        "items": ["a"],
        "times": [10],
        "feedback": [None],
    }


def test_filters_and_promotions_are_named_where_they_are_asked_for() -> None:
    found = Recommend(
        [],
        [],
        query_time=0,
        filter="f",
        filter_values={"GENRE": ["Drama", "a=b"], "YEAR": 1990},
        promotion="p",
        percent_promoted_items=20,
    ).inputs()
    assert (found["filter"], found["promotion"], found["percent_promoted_items"]) == ("f", "p", 20)
    assert found["filter_values"] == ["GENRE=Drama", "GENRE=a=b", "YEAR=1990"]


def test_numpys_values_are_numbers_too() -> None:
    asked: dict[str, Any] = {
        "times": np.array([10, 20]),
        "feedback": np.array([4.0, 5.0], np.float32),
    }
    asked |= {"gap": np.float32(60), "k": np.int64(3), "seed": np.int32(1)}
    found = Recommend(["a", "b"], **asked).inputs()
    assert (found["times"], found["query_time"]) == ([10, 20], 80)
    assert (found["k"], found["seed"], found["feedback"]) == (3, 1, [4.0, 5.0])


def test_cold_items_have_every_feature_that_any_has() -> None:
    cold: dict[str, dict[str, Any]] = {"n": {"genres": "Drama"}, "m": {"year": 1999}}
    found = Recommend([], [], query_time=0, cold_items=cold).inputs()
    assert found["cold_items"] == ["n", "m"]
    assert found["cold_item_genres"] == ["Drama", None]
    assert found["cold_item_year"] == [None, 1999]


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"promotion": "p"}, "promotion: got 'p' with percent_promoted_items 0, expected both"),
    ({"filter_values": {"A": ["x", None]}}, "filter_values: got None for A, expected a text"),
    ({"history": "ab"}, "history: got 'ab', expected a list of ids"),
    ({"history": ["a", ""]}, "history: got '', expected ids"),
    ({"history": ["a", 3]}, "history: got 3, expected ids"),
    ({"times": [1]}, "times: got 1 values, expected 2, one an event"),
    ({"feedback": [1.0]}, "feedback: got 1 values, expected 2"),
    ({"feedback": [1.0, float("inf")]}, "feedback: got .*, expected finite numbers"),
    ({"event_types": []}, "event_types: got 0 values, expected 2"),
    ({"times": [1, 10**12]}, "times: got 1000000000000, expected Unix seconds"),
    ({"times": [1, float("nan")]}, "times: got nan, expected Unix seconds"),
    ({"times": [1, datetime(2020, 1, 1)]}, "times: got .*, expected one with a time zone"),
    ({"query_time": 5, "gap": 5}, "gap: got query_time too, expected one of them"),
    ({"gap": -1}, "gap: got -1, expected seconds, 0 or more"),
    ({"history": [], "times": [], "gap": 1}, "gap: got an empty history, expected query_time"),
    ({"k": 0}, "k: got 0, expected 1 or more"),
    ({"allow": []}, "allow: got no ids, expected one or more, or None for all items"),
    ({"deny": "a"}, "deny: got 'a', expected a list of ids"),
    ({"exploration": float("nan")}, "exploration: got nan, expected 0 or more"),
    # Of another type.
    ({"history": None}, "history: got None, expected a list of ids"),
    ({"times": ["1", "2"]}, "times: got '1', expected Unix seconds or a datetime"),
    ({"times": [1, None]}, "times: got None, expected Unix seconds or a datetime"),
    ({"times": 7}, "times: got 7, expected a list of values"),
    ({"query_time": "now"}, "query_time: got 'now', expected Unix seconds or a datetime"),
    ({"gap": "60"}, "gap: got '60', expected seconds, 0 or more"),
    ({"k": "five"}, "k: got 'five', expected a whole number"),
    ({"k": 5.0}, "k: got 5.0, expected a whole number"),
    ({"k": None}, "k: got None, expected a whole number"),
    ({"seed": 1.5}, "seed: got 1.5, expected a whole number"),
    ({"allow": "a"}, "allow: got 'a', expected a list of ids"),
    ({"allow": {"a": 1}}, "allow: got {'a': 1}, expected a list of ids"),
    ({"deny": 3}, "deny: got 3, expected a list of ids"),
    ({"exploration": "1"}, "exploration: got '1', expected 0 or more"),
    ({"feedback": [1.0, "x"]}, "feedback: got 'x', expected finite numbers, None if unknown"),
    ({"feedback": 4.0}, "feedback: got 4.0, expected a list of values"),
    ({"event_types": "buy"}, "event_types: got 'buy', expected a list of values"),
    ({"user": "age"}, "user: got 'age', expected features by name"),
    ({"cold_items": ["a"]}, r"cold_items: got \['a'\], expected features by name for each id"),
    ({"cold_items": {"a": "Drama"}}, "cold_items: got .*, expected features by name for each id"),
    ({"filter_values": ["A=x"]}, r"filter_values: got \['A=x'\], expected values by name"),
    (
        {"promotion": "p", "percent_promoted_items": "20"},
        "percent_promoted_items: got '20', expected a whole number",
    ),
]


@pytest.mark.parametrize(("changed", "message"), REFUSED)
def test_a_question_that_makes_no_sense_is_refused(changed: dict[str, Any], message: str) -> None:
    asked: dict[str, Any] = {"history": ["a", "b"], "times": [1, 2], **changed}
    with pytest.raises(ValueError, match=message):
        Recommend(**asked).inputs()


def test_who_is_known_by_a_state_is_asked_about_by_it() -> None:
    found = RecommendFromState(b"s", query_time=9.9, k=2).inputs()
    of_history = Recommend(["a"], [1], query_time=9.9, k=2).inputs()
    shared = {key for key in of_history if key not in ("history", "times")}
    assert found == {"state_bytes": b"s", **{key: of_history[key] for key in shared}}
    assert found["query_time"] == 9
    assert RankFromState(b"s", ["b"], query_time=3).inputs() == {
        "state_bytes": b"s",
        "query_time": 3,
        "items": ["b"],
    }


def test_ranking_names_its_items_beside_the_user() -> None:
    assert Rank(["a"], [10], ["x", "y"], gap=5, user={"age": 3}).inputs() == {
        "history": ["a"],
        "times": [10],
        "query_time": 15,
        "user_age": 3,
        "items": ["x", "y"],
    }
    with pytest.raises(ValueError, match="items: got '', expected ids"):
        Rank(["a"], [10], ["x", ""], gap=5).inputs()


@pytest.mark.parametrize("state", ["text", 3, None])
def test_what_is_no_state_is_refused(state: Any) -> None:
    for asked in (
        RecommendFromState(state, query_time=1),
        RankFromState(state, ["a"], query_time=1),
        Update(state, ["a"], [1]),
    ):
        with pytest.raises(ValueError, match="state: got"):
            asked.inputs()


@given(
    seconds=st.integers(0, 4_000_000_000),
    zone=st.integers(-12, 14),
    part=st.integers(0, 999_999),
)
def test_a_time_is_the_same_in_every_zone_and_whole_seconds(
    seconds: int, zone: int, part: int
) -> None:
    when = datetime.fromtimestamp(seconds, timezone(timedelta(hours=zone)))
    found = Update(b"s", ["a", "b"], [when + timedelta(microseconds=part), seconds]).inputs()
    assert found["times"] == [seconds, seconds]


def test_an_answer_ends_where_the_row_is_filled_up() -> None:
    row = {
        "items": ["a", "b", ""],
        "log_probabilities": [-1.0, -2.0, -math.inf],
        "cold": [False, True, False],
    }
    asked = Recommend([], [], query_time=0)
    assert asked.answer(row) == Recommendation(("a", "b"), (-1.0, -2.0), (False, True))
    promoted = asked.answer({**row, "promoted": [True, False, False]})
    assert promoted.promoted == (True, False)
    nothing = {"items": ["", ""], "log_probabilities": [-math.inf] * 2, "cold": [False] * 2}
    assert asked.answer(nothing) == Recommendation((), (), ())


def test_a_ranking_has_the_items_that_were_given_and_feedback_where_there_is_some() -> None:
    asked = Rank([], [], ["x", "y"], query_time=0)
    row = {"log_probabilities": [-1.0, -math.inf, -9.0]}  # as wide as another row's
    assert asked.answer(row) == Ranking(("x", "y"), (-1.0, -math.inf), None)
    rated = RankFromState(b"s", ["x"], query_time=0).answer({**row, "feedback": [3.5, 1.0, 1.0]})
    assert rated == Ranking(("x",), (-1.0,), (3.5,))


def test_a_state_comes_back_as_bytes() -> None:
    for asked in (Start(), Update(b"s", ["a"], [1])):
        assert asked.answer({"state_bytes": b"\x00\xff"}) == b"\x00\xff"
