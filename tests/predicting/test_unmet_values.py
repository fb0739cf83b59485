"""Which values of filters the data have not, and what is said of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
import pytest

from tfhrnn.data.catalogue import Catalogue
from tfhrnn.data.features import FeatureColumn, FeatureSet
from tfhrnn.predicting.filters import Filters
from tfhrnn.predicting.request_reader import RequestReader

ITEMS = pl.DataFrame(
    {
        "item_id": ["a", "b", "c"],
        "genres": ["Drama|Comedy", " Comedy ", None],
        "size": ["mugs", "plates", ""],
        "year": [1990.0, None, 2000.0],
    }
)
COLUMNS = (
    FeatureColumn("genres", "multi-hot"),
    FeatureColumn("size", "categorical"),
    FeatureColumn("year", "numeric"),
)
CATALOGUE = Catalogue.from_frame(ITEMS, FeatureSet.fit(COLUMNS, ITEMS))
READER = RequestReader(["a", "b", "c"], event_types=None, feedback=False, user_specs=())
TYPES = ("buy", "cart", "view")


def unmet(
    condition: str,
    brought: Mapping[str, Sequence[str]] | None = None,
    new: Mapping[str, Sequence[Any]] | None = None,
    *,
    types: Sequence[str] = TYPES,
    name: str = "filter",
) -> list[str]:
    text = f"EXCLUDE ItemID WHERE {condition}"
    assert CATALOGUE.features is not None
    made = Filters({name: text}, "filter", CATALOGUE, READER, (), CATALOGUE.features.specs)
    return made.unmet(types, brought or {}, new or {})


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        (
            'Items.size IN ("mug", "plates")',
            "no item of the catalogue has 'mug' in size (did you mean 'mugs'?)",
        ),
        (
            'Items.genres NOT IN ("DRAMA")',
            "no item of the catalogue has 'DRAMA' in genres (did you mean 'Drama'?)",
        ),
        (
            'Items.size = "soap"',
            "no item of the catalogue has 'soap' in size (there are: mugs, plates)",
        ),
        (
            'Interactions.event_type IN ("bought", "BUY")',
            "no event of the data has the type 'bought' (there are: buy, cart, view)",
        ),
        (
            'Items.item_id IN ("a", "zz")',
            "no item of the catalogue has 'zz' in item_id (there are: a, b, c)",
        ),
    ],
)
def test_a_value_in_vain_is_told_with_the_nearest(condition: str, said: str) -> None:
    assert unmet(condition) == [f"filter, position 22: {said}"]
    assert unmet(condition, name="of") == [f"filter 'of', position 22: {said}"]


@pytest.mark.parametrize(
    "condition",
    [
        'Items.size IN ("mugs") AND Items.genres IN ("Comedy", "Drama")',
        "Items.year > 3000",
        'Interactions.event_type IN ("*")',
        'Interactions.event_type IN ("Buy")',
        "Items.size IN ($S)",
    ],
)
def test_nothing_is_said_of_what_there_is(condition: str) -> None:
    assert unmet(condition) == []


def test_values_that_a_request_brings_are_named_by_their_parameter() -> None:
    brought = {"S": ["mugs", "plate"], "T": ["view", "look"], "OTHER": ["x"]}
    assert unmet("Items.size IN ($S)", brought) == [
        "filter, $S: no item of the catalogue has 'plate' in size (did you mean 'plates'?)"
    ]
    assert unmet("Interactions.event_type IN ($T)", brought, types=()) == [
        "filter, $T: no event of the data has the type 'view' (there are none)",
        "filter, $T: no event of the data has the type 'look' (there are none)",
    ]


def test_what_a_cold_item_has_is_not_in_vain() -> None:
    new: dict[str, Sequence[Any]] = {
        "item_id": ["n"],
        "genres": [["Horror", "Western"]],
        "size": [None],
    }
    assert unmet('Items.genres IN ("Western", "Horror")', new=new) == []
    assert unmet('Items.item_id IN ("n")', new=new) == []
    assert len(unmet('Items.size IN ("n")', new=new)) == 1


def test_a_value_that_is_named_twice_at_one_place_is_told_once() -> None:
    assert len(unmet('Items.size IN ("mug", "mug")')) == 1
    assert len(unmet('Items.size IN ("mug") OR Items.size IN ("mug")')) == 2
