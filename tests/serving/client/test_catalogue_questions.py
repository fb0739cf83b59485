"""What questions about items say of themselves, and how their answers are read."""

from __future__ import annotations

from typing import Any, cast

import pytest

from serving.client.answers import Description, Page, Similar
from serving.client.catalogue_questions import (
    AboutModel,
    DescribeItems,
    SearchItems,
    SimilarByFeatures,
    SimilarItems,
)

TOLD = {
    "items": ["a", "b", ""],
    "titles": ["A", "B", ""],
    "popularity": [0.5, 0.25, 0.0],
    "item_genres": ["Drama", "", ""],
}
A = Description("a", True, "A", 0.5, {"genres": "Drama"})


def test_a_question_names_what_is_known_and_nothing_else() -> None:
    assert SearchItems("a b", offset=9).inputs() == {"text": "a b", "k": 10, "offset": 9}
    assert SimilarItems("a", k=2**40).inputs() == {"items": "a", "k": 2**31 - 1}
    assert SimilarByFeatures({"year": 1999}, k=2).inputs() == {"item_year": 1999, "k": 2}
    assert DescribeItems(["a"]).inputs() == {"items": ["a"]} and AboutModel().inputs() == {}


def test_what_fills_up_a_row_is_no_answer() -> None:
    page = SearchItems("").answer({**TOLD, "found": 7})
    assert page == Page((A, Description("b", True, "B", 0.25, {"genres": ""})), 7)
    row = {"items": ["b", ""], "similarities": [0.5, -1.0]}
    assert SimilarItems("a").answer(row) == Similar(("b",), (0.5,))


def test_as_many_items_are_described_as_were_asked_about() -> None:
    known = {**TOLD, "known": [True, False, False]}
    assert DescribeItems(["a", "b"]).answer(known) == (
        A,
        Description("b", False, "B", 0.25, {"genres": ""}),
    )


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="offset: got -1, expected 0 or more"):
        SearchItems("", offset=-1).inputs()
    with pytest.raises(ValueError, match="items: got 'ab', expected a list of ids"):
        DescribeItems("ab").inputs()
    with pytest.raises(ValueError, match="item: got '', expected ids"):
        SimilarItems("").inputs()
    with pytest.raises(ValueError, match="text: got 4, expected a text"):
        SearchItems(cast(Any, 4)).inputs()
    with pytest.raises(ValueError, match="offset: got '1', expected a whole number"):
        SearchItems("", offset=cast(Any, "1")).inputs()
    with pytest.raises(ValueError, match="item: got 'Drama', expected features by name"):
        SimilarByFeatures(cast(Any, "Drama")).inputs()
