"""Filters in the graph: which items each row leaves open, held against a reading in Python."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
import pytest
import tensorflow as tf

from tfhrnn.data.catalogue import Catalogue
from tfhrnn.data.features import FeatureColumn, FeatureSet
from tfhrnn.errors import ConfigError
from tfhrnn.predicting.filters import Filters
from tfhrnn.predicting.request_reader import RequestReader
from tfhrnn.predicting.user_reader import Reading

IDS = ["a", "b, é", "c", "d", "e"]
ITEMS = pl.DataFrame(
    {
        "item_id": IDS,
        "genres": ["Drama|Comedy", "Drama", " Comedy | Horror", None, ""],
        "studio": ["X", "Y", "X", "x y", None],
        "year": [1990.0, 1995.0, None, 2000.0, 1990.0],
        "plot": ["one two", "two", "three", None, ""],
    }
)
COLUMNS = (
    FeatureColumn("genres", "multi-hot"),
    FeatureColumn("studio", "categorical"),
    FeatureColumn("year", "numeric"),
    FeatureColumn("plot", "text"),
)
USERS = pl.DataFrame({"age": [20.0, 30.1, 47.0], "group": ["g", "h", "g"], "likes": ["a", "b", ""]})
USER_COLUMNS = (
    FeatureColumn("age", "numeric"),
    FeatureColumn("group", "categorical"),
    FeatureColumn("likes", "multi-hot"),
)
CATALOGUE = Catalogue.from_frame(ITEMS, FeatureSet.fit(COLUMNS, ITEMS))
USER_SET = FeatureSet.fit(USER_COLUMNS, USERS)
assert CATALOGUE.features is not None
READER = RequestReader(IDS, event_types=None, feedback=False, user_specs=USER_SET.specs)


def filters(texts: Mapping[str, str], *, new: bool = False) -> Filters:
    specs = CATALOGUE.features.specs if new and CATALOGUE.features else None
    return Filters(texts, "filter", CATALOGUE, READER, USER_SET.specs, specs)


def left(
    text: str,
    values: Sequence[str] = ("",),
    *,
    user: Mapping[str, Any] | None = None,
    seen: Sequence[int] = (-1,),
    events: Mapping[str, Sequence[str]] | None = None,
) -> set[str]:
    """The ids that a filter leaves open for one user, through a graph."""
    made = filters({"f": text})
    told = user or {}
    raw = {
        "user_age": tf.constant([told.get("age") or np.nan], tf.float32),
        "user_group": tf.constant([told.get("group") or ""]),
        "user_likes": tf.constant([told.get("likes") or ""]),
    }
    encoded = READER.user(raw, tf.constant(1))
    nothing = tf.zeros([1, 4])
    reading = Reading(nothing, tf.constant([list(seen)]), nothing, encoded)
    given = {"filter": tf.constant(["f"]), "filter_values": tf.constant([list(values)])}
    given |= {name: tf.constant([list(value)]) for name, value in (events or {}).items()}

    @tf.function
    def run() -> tf.Tensor:
        return made.open(reading, given).items

    return {item for item, open_ in zip(IDS, run().numpy()[0], strict=True) if open_}


@pytest.mark.parametrize(
    ("condition", "selected"),
    [
        ('Items.genres IN ("Drama")', "ab"),
        ('Items.GENRES IN ("Horror", "Drama")', "abc"),
        ('Items.genres IN ("drama")', ""),  # case counts
        ('Items.genres NOT IN ("Drama")', "cde"),  # missing values are in no list
        ('Items.studio IN ("X")', "ac"),
        ('Items.studio = "x y"', "d"),
        ('Items.ITEM_ID IN ("b, é", "e", "nobody")', "be"),
        ("Items.year > 1990", "bd"),
        ("Items.year >= 1990", "abde"),
        ("Items.year = 1990", "ae"),
        ("Items.year < 1995.5", "abe"),
        ('Items.studio IN ("X") AND Items.genres IN ("Drama")', "a"),
        ('Items.studio IN ("Y") OR Items.studio IN ("X") AND Items.year < 1991', "ab"),
    ],
)
def test_conditions_on_items(condition: str, selected: str) -> None:
    wanted = {item for item in IDS if item[0] in selected}
    assert left(f"INCLUDE ItemID WHERE {condition}") == wanted
    assert left(f"EXCLUDE ItemID WHERE {condition}") == set(IDS) - wanted


def test_expressions_are_joined_as_personalize_joins_them() -> None:
    a, b, c = (f'ItemID WHERE Items.item_id IN ("{x}")' for x in ("a", "b, é", "c"))
    assert left(f"INCLUDE {a} | INCLUDE {b}") == {"a", "b, é"}
    assert left(f"EXCLUDE {a} | EXCLUDE {b}") == {"c", "d", "e"}
    assert left(f"EXCLUDE {a} | INCLUDE {a} | INCLUDE {c}") == {"c"}
    assert left(f"INCLUDE {a} | EXCLUDE {a}") == set()


def test_parameters_come_with_the_request() -> None:
    lists = "INCLUDE ItemID WHERE Items.genres IN ($G)"
    assert left(lists, ["G=Drama"]) == {"a", "b, é"}
    assert left(lists, ["G=Horror", "G=Comedy", ""]) == {"a", "c"}
    assert left(lists, ["G=none"]) == left(lists, ["G="]) == set()
    assert left(lists.replace("$G", '"Horror", $G'), ["G=Drama"]) == {"a", "b, é", "c"}
    assert left(
        lists.replace("IN", "NOT IN", 2).replace("NOT INCLUDE", "INCLUDE"), ["G=Drama"]
    ) == {"c", "d", "e"}
    numbers = "INCLUDE ItemID WHERE Items.year <= $Y"
    assert left(numbers, ["Y=1990"]) == {"a", "e"}
    assert left(numbers, ["Y= 1.995e3 "]) == {"a", "b, é", "e"}
    two = "EXCLUDE ItemID WHERE Items.year <= $Y AND Items.genres IN ($G)"
    assert left(two, ["Y=1990", "G=Drama"]) == {"b, é", "c", "d", "e"}
    # An EXCLUDE whose parameters are not all there does not count.
    assert left(two, ["Y=1990"]) == left(two) == set(IDS)


@pytest.mark.parametrize(
    ("text", "values", "message"),
    [
        ("INCLUDE ItemID WHERE Items.genres IN ($G)", [""], "expected G=value for the filter f"),
        ("EXCLUDE ItemID WHERE Items.year < $Y", ["Y=soon"], "expected Y=NUMBER, got"),
        ("EXCLUDE ItemID WHERE Items.year < $Y", ["Y=1", "Y=2"], "expected one value of Y"),
        (
            "EXCLUDE ItemID WHERE Items.year < 3 IF CurrentUser.group IN ($G)",
            ["G=k"],
            "expected values of group that are known, got",
        ),
        (
            'EXCLUDE ItemID WHERE Interactions.event_type IN ("buy")',
            [""],
            "filter f: reads types of events, which a state does not hold",
        ),
    ],
)
def test_a_request_that_does_not_fit_is_refused(text: str, values: list[str], message: str) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        left(text, values)


@pytest.mark.parametrize(
    ("condition", "ages"),
    [
        ("CurrentUser.age = 30.1", [30.1]),
        ("CurrentUser.age > 30.1", [47.0, 31.0]),
        ("CurrentUser.age >= 30.1", [30.1, 47.0, 31.0]),
        ("CurrentUser.AGE < 30.1 AND CurrentUser.age > 10", [20.0, 30.0]),
    ],
)
def test_an_expression_counts_for_some_users(condition: str, ages: list[float]) -> None:
    text = f'INCLUDE ItemID WHERE Items.item_id IN ("a") IF {condition}'
    for age in (20.0, 30.0, 30.1, 31.0, 47.0, None):
        wanted = {"a"} if age in ages else set(IDS)
        assert left(text, user={"age": age}) == wanted, age


def test_users_are_told_by_their_values() -> None:
    text = 'EXCLUDE ItemID WHERE Items.item_id IN ("a") IF CurrentUser.'
    rest = set(IDS) - {"a"}
    for group, is_in in (("g", True), ("h", False), ("other", False), (None, False)):
        assert left(f'{text}group = "g"', user={"group": group}) == (rest if is_in else set(IDS))
        assert left(f'{text}group NOT IN ("g")', user={"group": group}) == (
            set(IDS) if is_in else rest
        )
        assert left(f"{text}group IN ($G)", ["G=h", "G=g"], user={"group": group}) == (
            rest if group in ("g", "h") else set(IDS)
        )
    assert left(f'{text}likes IN ("b")', user={"likes": "a|b"}) == rest
    assert left(f"{text}age < $A", ["A=30"], user={"age": 20.0}) == rest
    assert left(f"{text}age < $A", user={"age": 20.0}) == set(IDS)  # not brought


def test_items_that_a_user_had() -> None:
    any_type = 'EXCLUDE ItemID WHERE Interactions.event_type IN ("*")'
    assert left(any_type, seen=[3, 0, -1]) == {"b, é", "c", "e"}
    assert left(any_type.replace("EXCLUDE", "INCLUDE"), seen=[3, 0, -1]) == {"a", "d"}
    events = {
        "history": ["a", "c", "a", "e", "nobody", "b, é", ""],
        "event_types": ["view", "BUY", "", "É", "buy", "Click", ""],
    }
    typed = 'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("buy", "é")'
    assert left(typed, events=events) == {"a", "b, é", "d"}  # in any case
    dynamic = "INCLUDE ItemID WHERE Interactions.event_type IN ($T)"
    assert left(dynamic, ["T=click", "T=view"], events=events) == {"a", "b, é"}
    assert left(dynamic, ["T=*"], events=events) == {"a", "b, é", "c", "e"}


def test_rows_name_filters_of_their_own_and_new_items_are_asked_alike() -> None:
    made = filters(
        {
            "drama/é": "INCLUDE ItemID WHERE Items.genres IN ($G, 'Drama')",
            "old": "EXCLUDE ItemID WHERE Items.year > 1992.3",
            "of ids": 'EXCLUDE ItemID WHERE Items.item_id IN ("n1") OR Items.studio NOT IN ("X")',
            "had": "INCLUDE ItemID WHERE Interactions.event_type IN (*)",
        },
        new=True,
    )
    assert set(made.signature()) == {"filter", "filter_values"} and not made.reads_event_types
    rows = ["", "drama/é", "old", "of ids", "had"]
    nothing = tf.zeros([5, 4])
    reading = Reading(nothing, tf.constant([[1]] * 5), nothing, tf.zeros([5, USER_SET.width]))
    inputs = {
        "filter": tf.constant(rows),
        "filter_values": tf.constant([["G=Comedy"]] * 5),
        "cold_items": tf.constant([["n1", "n2", ""]] * 5),
        "cold_item_genres": tf.constant([["Horror| Comedy", "", ""]] * 5),
        "cold_item_studio": tf.constant([["X", " X ", ""]] * 5),
        "cold_item_year": tf.constant([[1992.3, 2001.0, np.nan]] * 5),
        "cold_item_plot": tf.constant([["", "", ""]] * 5),
    }
    found = tf.function(lambda: made.open(reading, inputs))()
    items = ["".join(IDS[at][0] for at in np.flatnonzero(row)) for row in found.items.numpy()]
    assert items == ["abcde", "abc", "ace", "ac", "b"]
    # The last new item is none: what is said of it does not matter.
    assert found.new_items.numpy()[:, :2].tolist() == [
        [True, True],
        [True, False],
        [True, False],
        [False, True],
        [False, False],
    ]
    with pytest.raises(tf.errors.InvalidArgumentError, match="filter: expected one of drama/"):
        made.open(reading, {**inputs, "filter": tf.constant(["new", *rows[1:]])})


def test_numbers_that_a_table_has_as_texts_are_numbers() -> None:
    frame = pl.DataFrame({"item_id": IDS, "year": ["1990", "", "1990.5", None, "2001"]})
    features = FeatureSet.fit((FeatureColumn("year", "numeric"),), frame)
    catalogue = Catalogue.from_frame(frame, features)
    text = {"f": "INCLUDE ItemID WHERE Items.year > 1990"}
    made = Filters(text, "filter", catalogue, READER, (), None)
    nothing = tf.zeros([1, 4])
    reading = Reading(nothing, tf.constant([[-1]]), nothing, tf.zeros([1, 0]))
    found = made.open(reading, {"filter": tf.constant(["f"])}).items.numpy()[0]
    assert found.tolist() == [False, False, True, False, True]
    user = {"f": "INCLUDE ItemID WHERE Items.year > 1990 IF CurrentUser.age > 3"}
    with pytest.raises(ConfigError, match=r"CurrentUser\.age, but this model reads no user feat"):
        Filters(user, "filter", catalogue, READER, (), None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "INCLUDE ItemID WHERE Items.genre IN ($G)",
            "filter 'x', position 22: got Items.genre, expected one of item_id, genres, studio, "
            "year (did you mean 'genres'?)",
        ),
        (
            "INCLUDE ItemID WHERE Items.plot IN ($G)",
            "position 22: got Items.plot, a text; expected a feature of another kind",
        ),
        (
            "INCLUDE ItemID WHERE Items.year IN ('1990')",
            "got Items.year IN, but it is a number; compare it by",
        ),
        (
            "INCLUDE ItemID WHERE Items.studio > 3",
            "got Items.studio >, but it is categorical; ask it by IN or NOT IN",
        ),
        (
            "EXCLUDE ItemID WHERE Items.year > 3 IF CurrentUser.size > 3",
            "position 40: got CurrentUser.size, expected one of age, group, likes",
        ),
        (
            "EXCLUDE ItemID WHERE Items.year > 3 IF CurrentUser.group = 'G'",
            "position 40: got 'G', expected a value of group that the model knows",
        ),
    ],
)
def test_a_filter_that_asks_for_what_is_not_there_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        filters({"x": text})
    with pytest.raises(ConfigError, match="filter: got the name ' ', expected one with letters"):
        filters({" ": "INCLUDE ItemID WHERE Items.year > 3"})
