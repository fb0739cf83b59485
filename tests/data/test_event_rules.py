"""Rules by type of event: what becomes an event, what it counts, and rules that cannot be."""

from __future__ import annotations

import math
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfhrnn.data.event_rules import (
    ANY,
    BELOW,
    OTHER_TYPE,
    UNKNOWN,
    EventRules,
    below_reason,
    unknown_reason,
)
from tfhrnn.errors import ConfigError, DataError

NAN = math.nan
TYPES = ["view", "buy", "", "rate", "view", "rate"]
FEEDBACK = [1.0, NAN, 0.7, 0.7, 5.0, 0.69]


def events(types: list[str] = TYPES, feedback: list[float] = FEEDBACK) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "row": range(len(types)),
            "event_type": pl.Series(types, dtype=pl.String),
            "feedback": pl.Series(feedback, dtype=pl.Float32),
            "weight": pl.Series([2.0] * len(types), dtype=pl.Float32),
        }
    )


def rows(rules: EventRules) -> tuple[list[int], dict[str, int]]:
    """The numbers of the rows that stay, and the counts of those left out."""
    kept, left_out = rules.apply(events())
    return kept["row"].to_list(), left_out


def test_without_rules_everything_stays_as_it_is() -> None:
    rules = EventRules()
    assert not rules
    kept, left_out = rules.apply(events())
    assert kept.equals(events()) and left_out == {}
    rules.require_columns("t.csv", {})
    rules.require_types("t.csv", "kind", ())


@pytest.mark.parametrize(
    "given", [{"types": ("a",)}, {"weights": {"a": 1.0}}, {"thresholds": {ANY: 0.0}}]
)
def test_any_rule_is_one(given: dict[str, Any]) -> None:
    assert EventRules(**given)


def test_types_that_are_not_asked_for_are_no_events() -> None:
    assert rows(EventRules(types=("view", "rate"))) == ([0, 3, 4, 5], {OTHER_TYPE: 2})


def test_a_threshold_is_reached_by_what_equals_it_and_not_by_unknown_feedback() -> None:
    # 0.7 as float32 is less than 0.7 as float64, and reaches it all the same.
    assert rows(EventRules(thresholds={"rate": 0.7})) == (
        [0, 1, 2, 3, 4],
        {unknown_reason("rate"): 0, below_reason("rate"): 1},
    )
    assert rows(EventRules(thresholds={"buy": 0.1})) == (
        [0, 2, 3, 4, 5],
        {unknown_reason("buy"): 1, below_reason("buy"): 0},
    )
    assert unknown_reason("buy") == "unknown feedback where the threshold of buy asks for some"


def test_the_threshold_of_any_type_is_of_those_without_their_own_and_of_unknown_ones() -> None:
    assert rows(EventRules(thresholds={ANY: 0.9, "rate": 0.0})) == (
        [0, 3, 4, 5],
        {UNKNOWN: 1, BELOW: 1, unknown_reason("rate"): 0, below_reason("rate"): 0},
    )


def test_weights_multiply_those_of_the_table() -> None:
    kept, left_out = EventRules(weights={"view": 0.25, "rate": 0.0}).apply(events())
    assert kept["weight"].to_list() == [0.5, 2.0, 2.0, 0.0, 0.5, 0.0]
    assert kept["weight"].dtype == pl.Float32 and left_out == {}


@given(
    table=st.lists(
        st.tuples(st.sampled_from(["", "a", "b", "c"]), st.sampled_from([NAN, 0.0, 1.0, 2.5])),
        max_size=12,
    ),
    types=st.sets(st.sampled_from(["a", "b"])),
    thresholds=st.dictionaries(st.sampled_from([ANY, "a"]), st.sampled_from([0.5, 1.0, 3.0])),
)
def test_what_stays_is_said_row_by_row(
    table: list[tuple[str, float]], types: set[str], thresholds: dict[str, float]
) -> None:
    if types and "a" in thresholds:
        types = types | {"a"}
    rules = EventRules(tuple(sorted(types)), {}, thresholds)
    kept, left_out = rules.apply(events([kind for kind, _ in table], [value for _, value in table]))
    wanted = []
    for row, (kind, value) in enumerate(table):
        least = thresholds.get(kind, thresholds.get(ANY)) if kind else thresholds.get(ANY)
        reached = least is None or value >= least  # false of NaN
        if (not types or kind in types) and reached:
            wanted.append(row)
    assert kept["row"].to_list() == wanted
    assert len(table) - len(wanted) == sum(left_out.values())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"weights": {"a": -1.0}}, r"event weights: got -1\.0 for 'a', expected a finite number"),
        ({"weights": {"a": NAN}}, "event weights: got nan for 'a'"),
        ({"weights": {"a": math.inf}}, "event weights: got inf for 'a'"),
        ({"thresholds": {"a": NAN}}, "event thresholds: got nan for 'a', expected a finite"),
        (
            {"types": ("click", "buy"), "weights": {"clik": 1.0}},
            r"event types: got a weight or threshold for 'clik'.*click.*one of the types asked for",
        ),
        ({"types": ("buy",), "thresholds": {"view": 1.0}}, "for 'view'.*asked for: buy"),
    ],
)
def test_rules_that_cannot_be_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        EventRules(**given)


def test_a_negative_threshold_and_one_of_any_type_beside_types_can_be() -> None:
    assert EventRules(("buy",), {}, {ANY: -3.0, "buy": -1.0})


@pytest.mark.parametrize(
    ("given", "mapping", "role"),
    [
        ({"types": ("a",)}, {"feedback": "f"}, "event_type"),
        ({"weights": {"a": 1.0}}, {"feedback": "f"}, "event_type"),
        ({"thresholds": {"a": 1.0}}, {"feedback": "f"}, "event_type"),
        ({"thresholds": {ANY: 1.0}}, {"event_type": "k"}, "feedback"),
    ],
)
def test_rules_for_columns_that_are_not_there_are_refused(
    given: dict[str, Any], mapping: dict[str, str], role: str
) -> None:
    rules = EventRules(**given)
    with pytest.raises(DataError, match=rf"t\.csv: got no column for {role}.*--map {role}=COLUMN"):
        rules.require_columns("t.csv", mapping)
    rules.require_columns("t.csv", {"event_type": "k", "feedback": "f"})
    again = EventRules.from_json(rules.to_json())
    again.require_columns("later.csv", {})  # a later table may lack them


def test_a_threshold_of_any_type_needs_no_types() -> None:
    EventRules(thresholds={ANY: 1.0}).require_columns("t.csv", {"feedback": "f"})


def test_rules_for_types_that_no_row_has_are_refused_but_in_a_later_table() -> None:
    rules = EventRules(types=("view", "buyy"))
    with pytest.raises(DataError) as caught:
        rules.require_types("t.csv", "kind", {"view", "buy", ""})
    assert "column kind: got no event of the type 'buyy'" in str(caught.value)
    assert "buy, view" in str(caught.value)
    rules.require_types("t.csv", "kind", {"view", "buyy"})
    EventRules.from_json(rules.to_json()).require_types("later.csv", "kind", {"view"})


def test_rules_come_back_from_json_as_rules_of_an_earlier_table() -> None:
    rules = EventRules(("a", "b"), {"a": 0.5}, {ANY: 1.0})
    again = EventRules.from_json(rules.to_json())
    assert again.remembered and not rules.remembered
    assert (
        again.to_json()
        == rules.to_json()
        == {
            "types": ["a", "b"],
            "weights": {"a": 0.5},
            "thresholds": {"": 1.0},
        }
    )
    assert EventRules.from_json(None) == EventRules()
