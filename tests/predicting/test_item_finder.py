"""Titles, features and popularity of items, by id and by words."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
import tensorflow as tf

from tfhrnn.data.catalogue import FIRST_ITEM, Catalogue
from tfhrnn.data.features import FeatureColumn, FeatureSet
from tfhrnn.predicting.item_finder import MAX_WORDS, ItemFinder
from tfhrnn.predicting.request_reader import RequestReader
from tfhrnn.predictor import texts
from tfhrnn.recommender import HRNNRecommender

TITLES = ["Alien (1979)", "ALIENS", "Amélie", "", "What? (a+b)*", "Élan\\E of 12"]
COUNTS = [10, 30, 20, 0, 10, 30]


@pytest.fixture(scope="module")
def finder() -> ItemFinder:
    """Six items with ids 10 to 15."""
    frame = pl.DataFrame(
        {
            "item_id": [str(10 + n) for n in range(6)],
            "title": TITLES,
            "genres": ["a|b", None, "", "b", "c", "a"],
            "year": [1979, 1986, 2001, None, 1972, None],
        }
    )
    columns = (FeatureColumn("genres", "multi-hot"), FeatureColumn("year", "numeric"))
    catalogue = Catalogue.from_frame(frame, FeatureSet.fit(columns, frame))
    requests = RequestReader(catalogue.ids, event_types=None, feedback=False, user_specs=())
    return ItemFinder(catalogue, requests, np.array(COUNTS))


def described(finder: ItemFinder, items: list[list[str]]) -> dict[str, npt.NDArray[Any]]:
    found = finder.describe({"items": tf.constant(items)})
    return {name: value.numpy() for name, value in found.items()}


def searched(finder: ItemFinder, text: str, k: int = 9, offset: int = 0) -> tuple[list[str], int]:
    """The ids that were found, without padding, and how many there are in all."""
    inputs = {"text": tf.constant([text]), "offset": [offset], "k": tf.constant([k])}
    found = finder.search(inputs)
    assert found["items"].shape == (1, min(k, 6))
    ids = texts(found["items"].numpy())[0].tolist()
    return [item for item in ids if item], int(found["found"][0])


def test_items_are_described_as_the_catalogue_has_them(finder: ItemFinder) -> None:
    found = described(finder, [["10", "12"], ["13", "none"]])
    assert texts(found["titles"]).tolist() == [["Alien (1979)", "Amélie"], ["13", "none"]]
    assert texts(found["items"]).tolist() == [["10", "12"], ["13", "none"]]
    assert found["known"].tolist() == [[True, True], [True, False]]
    assert texts(found["item_genres"]).tolist() == [["a|b", ""], ["b", ""]]
    np.testing.assert_array_equal(found["item_year"], [[1979, 2001], [np.nan, np.nan]])
    np.testing.assert_allclose(found["popularity"], [[0.1, 0.2], [0.0, 0.0]], rtol=1e-6)


def test_nothing_asked_is_nothing_described(finder: ItemFinder) -> None:
    found = finder.describe({"items": tf.zeros([2, 0], tf.string)})
    assert {tuple(value.shape) for value in found.values()} == {(2, 0)}


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("alien", ["11", "10"]),  # the more popular one first
        ("1979 ALIEN", ["10"]),
        ("  ", ["11", "15", "12", "10", "14", "13"]),
        ("12", ["12", "15"]),  # the id goes before a title that holds it
        ("(a+b)*", ["14"]),
        ("?", ["14"]),
        (".", []),
        ("\\E", ["15"]),
        ("éLAN", ["15"]),
        ("13", ["13"]),
        ("alien nobody", []),
    ],
)
def test_a_text_finds_what_holds_its_words(finder: ItemFinder, text: str, ids: list[str]) -> None:
    assert searched(finder, text) == (ids, len(ids))


def test_pages_follow_each_other(finder: ItemFinder) -> None:
    pages = [searched(finder, "", k=2, offset=offset) for offset in (0, 2, 4, 6, 100)]
    assert pages == [(["11", "15"], 6), (["12", "10"], 6), (["14", "13"], 6), ([], 6), ([], 6)]


def test_rows_are_answered_each_for_itself(finder: ItemFinder) -> None:
    inputs = {
        "text": tf.constant(["alien", "", "none"]),
        "offset": tf.constant([1, 0, 0]),
        "k": tf.constant([3, 1, 2]),
    }
    found = finder.search(inputs)
    assert texts(found["items"].numpy()).tolist() == [["10", "", ""], ["11", "", ""], [""] * 3]
    assert texts(found["titles"].numpy())[1].tolist() == ["ALIENS", "", ""]
    assert found["found"].numpy().tolist() == [2, 6, 0]


def test_words_past_the_limit_are_not_read(finder: ItemFinder) -> None:
    assert searched(finder, " ".join(["alien"] * MAX_WORDS + ["nobody"]))[0] == ["11", "10"]


@pytest.mark.parametrize(("name", "value"), [("k", 0), ("offset", -1)])
def test_a_page_that_cannot_be_is_refused(finder: ItemFinder, name: str, value: int) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match=f"{name}: expected"):
        searched(finder, "", **{name: value})


def test_a_model_tells_of_its_catalogue(trained: HRNNRecommender) -> None:
    """Popularity is the share of the training users' events."""
    assert trained.model is not None
    counts = trained.model.facts.item_counts
    found = trained.predictor.ask("search_items", {"text": [""], "offset": [0], "k": [30]})
    ids = texts(found["items"])[0].tolist()
    rows = [trained.catalogue.index_of(item) - FIRST_ITEM for item in ids]
    assert rows == np.argsort(-counts, kind="stable").tolist()
    np.testing.assert_allclose(found["popularity"][0], counts[rows] / counts.sum(), rtol=1e-6)
    again = trained.predictor.ask("describe_items", {"items": [ids]})
    assert texts(again["titles"])[0].tolist() == [trained.catalogue.titles[row] for row in rows]
    np.testing.assert_array_equal(again["item_genres"], found["item_genres"])
    assert trained.predictor.ask("search_items", {"text": [], "offset": [], "k": []})[
        "items"
    ].shape == (0, 0)
