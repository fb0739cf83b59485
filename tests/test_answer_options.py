"""What is wanted of an answer, as the arrays of a request."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tfhrnn.answer_options import AnswerOptions
from tfhrnn.data.features import FeatureSpec
from tfhrnn.errors import ConfigError, DataError

GENRES = FeatureSpec("genres", "multi-hot", ("Drama", "Horror"))
YEAR = FeatureSpec("year", "numeric")


def test_every_user_is_asked_about_with_the_same_options() -> None:
    options = AnswerOptions(k=3, exclude_seen=True, deny=["a", "b, é"], exploration=0.5, seed=-7)
    arrays = options.inputs(2, None)
    assert list(arrays) == ["k", "exclude_seen", "allow", "deny", "exploration", "seed"]
    assert arrays["k"].tolist() == [3, 3] and arrays["k"].dtype == np.int32
    assert arrays["exclude_seen"].tolist() == [True, True]
    assert arrays["allow"].tolist() == [[""], [""]]
    assert arrays["deny"].tolist() == [["a", "b, é"]] * 2
    assert arrays["exploration"].tolist() == [0.5, 0.5] and arrays["seed"].tolist() == [-7, -7]
    assert AnswerOptions(k=10**15).inputs(1, None)["k"].tolist() == [2**31 - 1]


def test_new_items_bring_their_features_and_lack_what_is_unknown() -> None:
    cold: dict[str, Any] = {
        "item_id": ["x", 5],
        "genres": [["Drama", "Horror"], None],
        "colour": ["red", "red"],
    }
    arrays = AnswerOptions(cold_items=cold).inputs(2, (GENRES, YEAR))
    assert arrays["cold_items"].tolist() == [["x", "5"]] * 2
    assert arrays["cold_item_genres"].tolist() == [["Drama|Horror", ""]] * 2
    assert np.isnan(arrays["cold_item_year"]).all() and arrays["cold_item_year"].shape == (2, 2)
    blank = AnswerOptions().inputs(1, (GENRES, YEAR))
    assert blank["cold_items"].tolist() == blank["cold_item_genres"].tolist() == [[""]]
    nobody = AnswerOptions(cold_items=cold).inputs(0, (GENRES,))
    assert nobody["cold_items"].shape == nobody["cold_item_genres"].shape == (0, 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k": 0}, "k: got 0, expected 1 or more"),
        ({"allow": []}, "allow: got no ids, expected one or more, or None for all items"),
        ({"allow": ["", ""]}, "allow: got no ids"),
        ({"allow": "a,b"}, "allow: got 'a,b', expected a list of ids"),
        ({"percent_promoted_items": 101}, "percent_promoted_items: got 101, expected 0 to 100"),
        ({"promotion": "a"}, "promotion: got it without percent_promoted_items, expected both"),
        ({"percent_promoted_items": 5}, "percent_promoted_items: got it without promotion"),
        ({"deny": "a"}, "deny: got 'a', expected a list of ids"),
        ({"exploration": -1.0}, "exploration: got -1.0, expected 0 or more"),
        ({"exploration": float("nan")}, "exploration: got nan, expected 0 or more"),
        ({"exploration": float("inf")}, "exploration: got inf, expected 0 or more"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        AnswerOptions(**options)


def test_what_only_some_models_take_is_told_to_those() -> None:
    options = AnswerOptions(
        filter="f",
        filter_values={"GENRE": ["Drama", "a=b"], "YEAR": 1990},
        promotion="p",
        percent_promoted_items=20,
    )
    takes = ("filter", "filter_values", "promotion", "percent_promoted_items")
    arrays = options.inputs(2, None, takes)
    assert arrays["filter"].tolist() == ["f", "f"] and arrays["promotion"].tolist() == ["p", "p"]
    assert arrays["filter_values"].tolist() == [["GENRE=Drama", "GENRE=a=b", "YEAR=1990"]] * 2
    assert arrays["percent_promoted_items"].tolist() == [20, 20]
    nothing = AnswerOptions().inputs(1, None, takes)
    assert [nothing[name].tolist() for name in takes] == [[""], [[""]], [""], [0]]
    with pytest.raises(ConfigError, match="filter: got 'f', but this model was made without"):
        options.inputs(1, None)


def test_new_items_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ConfigError, match="cold_items: got some, but this model reads no item fea"):
        AnswerOptions(cold_items={"item_id": ["x"]}).inputs(1, None)
    with pytest.raises(ConfigError, match="cold_items: got no item_id, expected a column of ids"):
        AnswerOptions(cold_items={"genres": ["x"]}).inputs(1, (GENRES,))
    short: dict[str, Any] = {"item_id": ["x", "y"], "genres": ["Drama"]}
    with pytest.raises(DataError, match="column genres: got 1 values, expected 2, one an item"):
        AnswerOptions(cold_items=short).inputs(1, (GENRES,))
    wrong: dict[str, Any] = {"item_id": ["x", "y"], "year": [1999, "new"]}
    with pytest.raises(DataError, match="cold items, row 2, column year: got 'new', expected a nu"):
        AnswerOptions(cold_items=wrong).inputs(1, (YEAR,))
