"""What brought values say, and which feature a condition asks about."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tfhrnn.data.catalogue import Catalogue
from tfhrnn.data.features import FeatureColumn, FeatureSet, FeatureSpec
from tfhrnn.errors import ConfigError
from tfhrnn.filter_grammar import Condition, Parameter
from tfhrnn.predicting.filter_conditions import (
    ID,
    Brought,
    ItemCondition,
    UserCondition,
    event_types,
    field_spec,
)

ITEMS = pl.DataFrame(
    {
        "item_id": ["a", "b", "c", "d"],
        "genres": ["Drama|Comedy", " Comedy ", None, ""],
        "year": ["1990", "1995.5", "soon", None],
    }
)
COLUMNS = (FeatureColumn("genres", "multi-hot"), FeatureColumn("year", "numeric"))
SPECS = [
    FeatureSpec("year", "numeric"),
    FeatureSpec("genres", "multi-hot"),
    FeatureSpec("plot", "text"),
    FeatureSpec("Mood", "categorical"),
    FeatureSpec("mood", "categorical"),
]
NOTHING = Brought(tf.constant([[""]]))


def condition(field: str, operator: str, *values: object, negated: bool = False) -> Condition:
    return Condition("Items", field, operator, tuple(values), negated, 7)  # type: ignore[arg-type]


def brought(*rows: list[str]) -> Brought:
    return Brought(tf.constant(rows))


def test_values_of_a_parameter_keep_their_place_and_others_are_blank() -> None:
    found = brought(["G=x", "GG=y", "G=", "G=p=q\nr", ""])
    assert found.texts("G").numpy().tolist() == [[b"x", b"", b"", b"p=q\nr", b""]]
    assert found.texts("GG").numpy().tolist() == [[b"", b"y", b"", b"", b""]]


def test_a_parameter_is_given_row_by_row_even_where_it_is_blank() -> None:
    found = brought(["G=x", ""], ["", "G="], ["GG=x", ""])
    assert found.is_given("G").numpy().tolist() == [True, True, False]


@given(st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False))
def test_a_number_is_read_as_it_was_written(value: float) -> None:
    for text in (repr(value), f" {value!r} "):
        found = brought(["M=x", f"N={text}"]).number("N").numpy()
        assert found.dtype == np.float64 and found.tolist() == [value]


def test_a_number_that_is_not_given_is_none() -> None:
    found = brought(["N=-3", ""], ["M=4", ""]).number("N").numpy()
    assert found[0] == -3 and math.isnan(found[1])


@pytest.mark.parametrize("text", ["", "x", "1,5", "nan", "inf", "1 2", "0x1", "--1", "1e"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match="filter_values: expected N=NUMBER"):
        brought([f"N={text}"]).number("N")


def test_two_numbers_of_a_row_are_refused_and_one_in_each_is_not() -> None:
    assert brought(["N=1"], ["N=2"]).number("N").numpy().tolist() == [1, 2]
    with pytest.raises(tf.errors.InvalidArgumentError, match="expected one value of N, got"):
        brought(["N=1", "N=1"]).number("N")


def test_a_field_is_found_in_any_case_but_where_case_alone_tells_two_apart() -> None:
    assert field_spec(condition("GENRES", "in"), SPECS, "f").name == "genres"
    assert field_spec(condition("Mood", "in"), SPECS, "f").name == "Mood"
    assert field_spec(condition("mood", "in"), SPECS, "f").name == "mood"
    with pytest.raises(ConfigError, match=r"got Items\.MOOD, expected one of year, genres"):
        field_spec(condition("MOOD", "in"), SPECS, "f")


@pytest.mark.parametrize(
    ("field", "operator", "message"),
    [
        ("yaer", "=", r"the filter, position 7: got Items\.yaer, expected one of .*year"),
        ("plot", "in", r"got Items\.plot, a text; expected a feature of another kind"),
        ("year", "in", r"Items\.year IN, but it is a number; compare it by =, <, <=, > or >="),
        ("genres", "<", r"Items\.genres <, but it is multi-hot; ask it by IN or NOT IN"),
        ("Mood", ">=", r"Items\.Mood >=, but it is categorical"),
    ],
)
def test_what_cannot_be_asked_so_is_refused(field: str, operator: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        field_spec(condition(field, operator), SPECS, "the filter")


def test_a_model_without_user_features_says_so() -> None:
    with pytest.raises(ConfigError, match="but this model reads no user features"):
        field_spec(condition("age", "="), [], "f")


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    items = ITEMS.with_columns(pl.col("year").cast(pl.Float64, strict=False))
    fitted = Catalogue.from_frame(items, FeatureSet.fit(COLUMNS, items))
    return Catalogue(ITEMS, fitted.features, fitted.feature_matrix)


def holds(made: ItemCondition, values: Brought = NOTHING) -> list[str]:
    """The ids of the catalogue for which it holds, a text a row."""
    return ["".join(np.array(list("abcd"))[row]) for row in made.of_catalogue(values).numpy()]


@pytest.mark.parametrize(
    ("operator", "value", "wanted"),
    [
        ("=", 1990.0, "a"),
        ("<", 1995.5, "a"),
        ("<=", 1995.5, "ab"),
        (">", 0.0, "ab"),
        (">=", 2e3, ""),
    ],
)
def test_numbers_compare_and_what_is_none_compares_with_nothing(
    catalogue: Catalogue, operator: str, value: float, wanted: str
) -> None:
    made = ItemCondition(condition("year", operator, value), SPECS[0], catalogue)
    assert holds(made) == [wanted]
    new = {"year": tf.constant([[1990.0, 1995.5, math.nan]])}
    ids = tf.constant([["x", "y", "z"]])
    found = made.of_new_items(ids, new, NOTHING).numpy()[0]
    assert "".join(np.array(list("abc"))[found]) == wanted


def test_texts_are_in_a_list_or_not_in_the_catalogue_and_new_alike(catalogue: Catalogue) -> None:
    cells = tf.constant([["Drama|Comedy", " Comedy ", "", ""]])
    ids = tf.constant([list("abcd")])
    assert catalogue.features is not None
    spec = catalogue.features.specs[0]
    for values, plain, negated in (
        (("Drama",), "a", "bcd"),
        (("Comedy", "Drama"), "ab", "cd"),
        (("drama", ""), "", "abcd"),
    ):
        for wanted, not_in in ((plain, False), (negated, True)):
            made = ItemCondition(
                condition("genres", "in", *values, negated=not_in), spec, catalogue
            )
            assert holds(made) == [wanted]
            new = made.of_new_items(ids, {"genres": cells}, NOTHING).numpy()[0]
            assert "".join(np.array(list("abcd"))[new]) == wanted


def test_parameters_add_to_what_a_condition_names_row_by_row(catalogue: Catalogue) -> None:
    made = ItemCondition(condition("item_id", "in", "d", Parameter("X")), ID, catalogue)
    assert holds(made, brought(["X=a", "X=b"], ["X=nobody", ""])) == ["abd", "d"]
    new = made.of_new_items(
        tf.constant([["a", "new"], ["a", "new"]]), {}, brought(["X=new"], ["X=a"])
    )
    assert new.numpy().tolist() == [[False, True], [True, False]]


def test_types_of_events_are_in_small_letters() -> None:
    asked = condition("event_type", "in", "BUY", "Größe", Parameter("T"))
    found = event_types(asked, brought(["T=VIEW", ""], ["", "T=ÄH"]))
    texts = [[one.decode() for one in row] for row in found.numpy().tolist()]
    assert texts == [["buy", "größe", "view", ""], ["buy", "größe", "", "äh"]]


USERS = pl.DataFrame({"age": [20.0, 30.1, 47.0], "group": ["g", "h", "g"]})
USER_SET = FeatureSet.fit(
    (FeatureColumn("age", "numeric"), FeatureColumn("group", "categorical")), USERS
)


def test_users_are_told_by_encoded_features_and_unknown_ones_are_in_no_list() -> None:
    rows = tf.constant(USER_SET.encode(pl.DataFrame({"age": [30.1, None], "group": ["h", None]})))
    older = UserCondition(condition("age", ">=", 30.1), USER_SET, "f")
    assert older.holds(rows, NOTHING).numpy().tolist() == [True, False]
    grouped = UserCondition(condition("group", "in", "h"), USER_SET, "f")
    assert grouped.holds(rows, NOTHING).numpy().tolist() == [True, False]
    others = UserCondition(condition("group", "in", "h", negated=True), USER_SET, "f")
    assert others.holds(rows, NOTHING).numpy().tolist() == [False, True]
    named = UserCondition(condition("group", "in", Parameter("G")), USER_SET, "f")
    assert named.holds(rows, brought(["G=h"], ["G=h"])).numpy().tolist() == [True, False]
    with pytest.raises(tf.errors.InvalidArgumentError, match="values of group that are known, got"):
        named.holds(rows, brought(["G=x"], [""]))


def test_a_value_that_the_model_never_met_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"f, position 7: got 'hh', expected a value of group"):
        UserCondition(condition("group", "in", "hh"), USER_SET, "f")
