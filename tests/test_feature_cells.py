"""Raw values as signatures take them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfhrnn.data.features import FeatureSpec
from tfhrnn.errors import DataError
from tfhrnn.feature_cells import feature_array

YEAR = FeatureSpec("year", "numeric")
GENRES = FeatureSpec("genres", "multi-hot", vocabulary=("Comedy", "Drama"))


def test_numbers_come_as_float32_and_what_is_missing_as_nan() -> None:
    found = feature_array([1999, "2001.5", None, "", np.int64(7), True], YEAR, "items")
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, np.array([1999, 2001.5, np.nan, np.nan, 7, 1], np.float32))


@pytest.mark.parametrize("value", ["abc", [1, 2], object()])
def test_what_is_no_number_is_named_with_its_row(value: Any) -> None:
    with pytest.raises(DataError) as caught:
        feature_array([1, value], YEAR, "films.csv")
    for part in ("films.csv", "year", repr(value), "a number"):
        assert part in str(caught.value)
    assert "2" in str(caught.value)


def test_texts_are_as_a_table_has_them() -> None:
    values = [["Drama", "Comedy"], ("Drama",), [], "Drama|Comedy", None, True, np.bool_(False), 3]
    found = feature_array(values, GENRES, "items").tolist()
    assert found == ["Drama|Comedy", "Drama", "", "Drama|Comedy", "", "true", "false", "3"]


@given(st.lists(st.lists(st.sampled_from("abc"), max_size=3), max_size=4))
def test_a_list_is_its_values_joined_by_the_features_separator(lists: list[list[str]]) -> None:
    spec = FeatureSpec("tags", "multi-hot", vocabulary=("a", "b", "c"), separator=";")
    joined = feature_array([";".join(one) for one in lists], spec, "items")
    assert feature_array(lists, spec, "items").tolist() == joined.tolist()
