"""Whatever a client sends, the graph encodes it as it was encoded for training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
import pytest
import tensorflow as tf
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tfhrnn.data.features import FeatureColumn, FeatureSpec
from tfhrnn.feature_encoder import FeatureEncoder, string_index
from tfhrnn.histories import Histories

CELLS = st.lists(
    st.none() | st.text(alphabet="ab| ;", max_size=6) | st.sampled_from(["x y", "é", "a|é|a"]),
    min_size=1,
    max_size=8,
)


def encoded(spec: FeatureSpec, cells: Sequence[Any]) -> Any:
    """Raw cells through the arrays of a request and the graph's encoder."""
    empty: list[list[Any]] = [[] for _ in cells]
    histories = Histories([""] * len(cells), empty, empty, empty, {spec.name: cells})
    arrays = histories.inputs([spec], query_time=np.zeros(len(cells), np.int64))
    dtype = tf.float32 if spec.kind == "numeric" else tf.string
    return FeatureEncoder(spec)(tf.constant(arrays[f"user_{spec.name}"], dtype)).numpy()


@settings(max_examples=50)
@given(fitted=CELLS, asked=CELLS, kind=st.sampled_from(["categorical", "multi-hot"]))
def test_texts_are_encoded_in_the_graph_as_they_were_for_training(
    fitted: list[str | None], asked: list[str | None], kind: Any
) -> None:
    spec = FeatureSpec.fit(FeatureColumn("f", kind), pl.Series(fitted, dtype=pl.String))
    assume(spec.vocabulary)
    expected = spec.encode(pl.Series(asked, dtype=pl.String))
    # One division by a square root in float32 either way.
    np.testing.assert_allclose(encoded(spec, asked), expected, atol=1e-6)


WORDS = st.text(alphabet="aZéßİΣς09ё中ह\u093f\u0301-–'|(: \t\n", max_size=90)


@settings(max_examples=50)
@given(st.lists(st.none() | WORDS | st.lists(WORDS, max_size=3), min_size=1, max_size=6))
def test_words_are_hashed_in_the_graph_as_they_were_for_training(cells: list[Any]) -> None:
    lists = [cell if isinstance(cell, list) else None for cell in cells]
    texts = [None if isinstance(cell, list) else cell for cell in cells]
    for asked, kind in ((texts, pl.String), (lists, pl.List(pl.String))):
        column = pl.Series(asked, dtype=kind)
        spec = FeatureSpec.fit(FeatureColumn("f", "text", buckets=97), column)
        np.testing.assert_allclose(encoded(spec, asked), spec.encode(column), atol=1e-6)


@settings(max_examples=50)
@given(
    st.lists(st.none() | st.integers(-1000, 1000), min_size=1, max_size=8),
    st.lists(st.none() | st.floats(-1000, 1000, width=32), min_size=1, max_size=8),
)
def test_numbers_are_encoded_in_the_graph_as_they_were_for_training(
    fitted: list[int | None], asked: list[float | None]
) -> None:
    spec = FeatureSpec.fit(FeatureColumn("f", "numeric"), pl.Series(fitted, dtype=pl.Float64))
    expected = spec.encode(pl.Series(asked, dtype=pl.Float64))
    # The graph subtracts and divides in float32, of numbers up to 2000 over a spread of 1/2 or more
    # (two of eight whole numbers that differ by one: 1/3).
    np.testing.assert_allclose(encoded(spec, asked), expected, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize(
    ("values", "asked"),
    [
        (pl.Series([True, False, None]), [True, False, None]),
        (pl.Series([1, 2, 2]), [2, 1, 3]),
        (pl.Series([0.5, 1.0]), [1.0, 0.5]),
    ],
)
def test_categories_of_any_type_are_found_again(values: pl.Series, asked: list[Any]) -> None:
    spec = FeatureSpec.fit(FeatureColumn("f", "categorical"), values)
    np.testing.assert_array_equal(encoded(spec, asked), spec.encode(pl.Series(asked)))


def test_lists_are_encoded_in_the_graph_as_they_were_for_training() -> None:
    spec = FeatureSpec.fit(FeatureColumn("f", "multi-hot"), pl.Series([["x"], ["y"]]))
    cells = [["x", "y"], [], ["y", "new"], None, [" x "]]
    half = np.sqrt(0.5)
    expected = [[half, half], [0, 0], [0, 1], [0, 0], [1, 0]]
    np.testing.assert_allclose(spec.encode(pl.Series(cells)), expected, atol=1e-6)
    np.testing.assert_allclose(encoded(spec, cells), expected, atol=1e-6)


def test_keys_are_numbered_and_anything_else_is_the_default() -> None:
    found = string_index(["b", "é", "a"], first=2, default=1).lookup(
        tf.constant(["a", "", "é", "b ", "b"])
    )
    assert found.numpy().tolist() == [4, 1, 3, 1, 2]
