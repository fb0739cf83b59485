"""Ids and indices go both ways; 0 and 1 are nobody's."""

from __future__ import annotations

import polars as pl
import pytest

from tfhrnn.data.catalogue import FIRST_ITEM, START, UNKNOWN, Catalogue
from tfhrnn.data.features import FeatureColumn, FeatureSet

FRAME = pl.DataFrame({"item_id": ["9", "10"], "title": ["Nine", ""], "year": [1, 3]})


def test_indices_follow_the_two_reserved_ones() -> None:
    assert (START, UNKNOWN, FIRST_ITEM) == (0, 1, 2)
    catalogue = Catalogue.from_frame(FRAME)
    assert [catalogue.index_of(item) for item in catalogue.ids] == [2, 3]
    assert [catalogue.id_of(index) for index in (2, 3)] == ["9", "10"]
    assert catalogue.index_of("11") == UNKNOWN
    assert catalogue.num_items == 2


@pytest.mark.parametrize("index", [-1, 0, 1, 4])
def test_what_is_no_real_item_has_no_id(index: int) -> None:
    with pytest.raises(IndexError, match=f"got {index}, expected 2 to 3"):
        Catalogue.from_frame(FRAME).id_of(index)


def test_titles_fall_back_to_ids() -> None:
    catalogue = Catalogue.from_frame(FRAME)
    assert catalogue.titles == ["Nine", ""]
    assert [catalogue.title_of(index) for index in (2, 3)] == ["Nine", "10"]
    assert Catalogue.from_frame(FRAME.drop("title")).titles == ["", ""]


def test_features_stand_in_catalogue_order() -> None:
    features = FeatureSet.fit((FeatureColumn("year", "numeric"),), FRAME)
    assert Catalogue.from_frame(FRAME, features).feature_matrix.tolist() == [[-1, 0], [1, 0]]
    assert Catalogue.from_frame(FRAME).feature_matrix.shape == (2, 0)
