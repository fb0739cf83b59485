"""Encodings with the arithmetic in sight."""

from __future__ import annotations

import json
import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfhrnn.data.features import (
    FeatureColumn,
    FeatureSet,
    FeatureSpec,
    natural_order,
    parse_feature,
)
from tfhrnn.errors import ConfigError, DataError

GENRES = FeatureColumn("genres", "multi-hot")
JOB = FeatureColumn("job", "categorical")
YEAR = FeatureColumn("year", "numeric")
TITLE = FeatureColumn("title", "text", buckets=64)


def test_multi_hot_rows_have_length_one_or_are_zero() -> None:
    cells = pl.Series(["b|a", "a", "", None, " a | a "])
    spec = FeatureSpec.fit(GENRES, cells)
    assert spec.vocabulary == ("a", "b")
    half = math.sqrt(0.5)
    expected = np.array([[half, half], [1, 0], [0, 0], [0, 0], [1, 0]])
    np.testing.assert_allclose(spec.encode(cells), expected, rtol=1e-6)
    np.testing.assert_array_equal(spec.encode(pl.Series(["new", "new|b"])), [[0, 0], [0, 1]])


def test_lists_are_multi_hot_too() -> None:
    cells = pl.Series([["x", "y"], []], dtype=pl.List(pl.String))
    assert FeatureSpec.fit(GENRES, cells).encode(cells).shape == (2, 2)


def test_categorical_sends_missing_and_new_values_to_the_last_column() -> None:
    cells = pl.Series(["b", "a", None, ""])
    spec = FeatureSpec.fit(JOB, cells)
    assert spec.width == 3
    expected = [[0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 0, 1]]
    np.testing.assert_array_equal(spec.encode(cells), expected)
    np.testing.assert_array_equal(spec.encode(pl.Series(["c"])), [[0, 0, 1]])


def test_a_category_may_hold_the_separator() -> None:
    assert FeatureSpec.fit(JOB, pl.Series(["a|b"])).vocabulary == ("a|b",)


def test_numbers_are_standardised_and_missing_ones_flagged() -> None:
    cells = pl.Series(["1", None, "3", "nan"])
    spec = FeatureSpec.fit(YEAR, cells)
    assert (spec.mean, spec.std) == (2.0, 1.0)
    np.testing.assert_array_equal(spec.encode(cells), [[-1, 0], [0, 1], [1, 0], [0, 1]])


@pytest.mark.parametrize("cells", [pl.Series([5, 5]), pl.Series([None, None], dtype=pl.Float64)])
def test_numbers_without_spread_stay_finite(cells: pl.Series) -> None:
    encoded = FeatureSpec.fit(YEAR, cells).encode(cells)
    assert np.isfinite(encoded).all()
    np.testing.assert_array_equal(encoded[:, 0], [0, 0])


def test_a_text_is_its_words_buckets_scaled_to_length_one() -> None:
    cells = pl.Series(["Toy story", "STORY, the story!", "…", "", None])
    spec = FeatureSpec.fit(TITLE, cells)
    assert spec.width == 64 and spec.vocabulary == ()
    toy, story, the = (
        sum(byte * 48_271**at for at, byte in enumerate(word.encode())) % (2**31 - 1) % 64
        for word in ("toy", "story", "the")
    )
    assert len({toy, story, the}) == 3
    expected = np.zeros((5, 64))
    expected[0, [toy, story]] = expected[1, [the, story]] = math.sqrt(0.5)
    np.testing.assert_allclose(spec.encode(cells), expected, rtol=1e-6)
    # A word that training never saw has its bucket too.
    assert spec.encode(pl.Series(["unheard"])).sum() == 1


@settings(max_examples=50)
@given(st.lists(st.none() | st.text(max_size=30), min_size=1, max_size=5))
def test_texts_are_rows_of_length_one_or_zero_whatever_the_order_of_words(
    cells: list[str | None],
) -> None:
    spec = FeatureSpec.fit(TITLE, pl.Series(cells, dtype=pl.String))
    rows = spec.encode(pl.Series(cells, dtype=pl.String))
    length = np.sqrt((rows**2).sum(1))
    np.testing.assert_allclose(length, np.where(length > 0, 1.0, 0.0), rtol=1e-6)
    turned = [cell and " ".join(cell.split()[::-1]) for cell in cells]
    np.testing.assert_array_equal(spec.encode(pl.Series(turned, dtype=pl.String)), rows)


def test_features_written_before_there_were_texts_are_read() -> None:
    old = {"name": "job", "kind": "categorical", "vocabulary": ["a"], "mean": 0.0, "std": 1.0}
    spec = FeatureSpec.from_json(old)
    assert spec == FeatureSpec("job", "categorical", ("a",)) and spec.width == 2


def test_rare_values_are_cut_and_counted_ties_in_natural_order() -> None:
    cells = pl.Series(["c", "c", "10", "9", "9", "a"])  # c and 9 twice, 10 and a once
    spec = FeatureSpec.fit(JOB, cells, max_values=3)
    assert spec.vocabulary == ("10", "9", "c")
    assert spec.cut == 1
    numbers = pl.Series(["10", "9", "9", "2"])
    assert FeatureSpec.fit(JOB, numbers, max_values=2).vocabulary == ("2", "9")


def test_no_number_names_its_row() -> None:
    with pytest.raises(DataError, match=r"items, row 2, column year: got 'soon'"):
        FeatureSpec.fit(YEAR, pl.Series(["1", "soon"]), source="items")


def test_set_lays_features_side_by_side_and_survives_json() -> None:
    frame = pl.DataFrame(
        {"genres": ["x|y", ""], "title": ["An x", "B"], "job": ["a", None], "year": [1, 3]}
    )
    features = FeatureSet.fit((GENRES, JOB, YEAR, TITLE), frame)
    assert features.width == 2 + 2 + 2 + 64
    assert features.slices == {
        "genres": slice(0, 2),
        "job": slice(2, 4),
        "year": slice(4, 6),
        "title": slice(6, 70),
    }
    again = FeatureSet.from_json(json.loads(json.dumps(features.to_json())))
    assert again == features
    matrix = features.encode(frame)
    assert matrix.dtype == np.float32
    np.testing.assert_array_equal(again.encode(frame), matrix)
    np.testing.assert_array_equal(matrix[:, features.slices["job"]], [[1, 0], [0, 1]])


def test_no_features_have_no_width() -> None:
    assert FeatureSet(()).encode(pl.DataFrame({"a": [1, 2]})).shape == (2, 0)


def test_whole_columns_without_a_value() -> None:
    cells = pl.Series([None, None], dtype=pl.String)
    assert FeatureSpec.fit(GENRES, cells).encode(cells).shape == (2, 0)
    np.testing.assert_array_equal(FeatureSpec.fit(JOB, cells).encode(cells), [[1], [1]])


@pytest.mark.parametrize("text", ["genres", ":numeric", "genres:one-hot", "genres:"])
def test_features_that_cannot_be_parsed(text: str) -> None:
    with pytest.raises(ConfigError, match=f"got {text!r}, expected NAME:KIND"):
        parse_feature(text)


def test_texts_may_state_their_buckets() -> None:
    assert parse_feature("title:text") == FeatureColumn("title", "text", buckets=512)
    assert parse_feature("a:b:text:64") == FeatureColumn("a:b", "text", buckets=64)
    for number in ("0", "1", "9" * 12):
        with pytest.raises(ConfigError, match=r"got title:text:\d+, expected 2 to 1,048,576"):
            parse_feature(f"title:text:{number}")
    with pytest.raises(ConfigError, match="got 'title:numeric:64', expected NAME:KIND"):
        parse_feature("title:numeric:64")


def test_feature_names_may_hold_colons() -> None:
    assert parse_feature("a:b:numeric").name == "a:b"
    assert parse_feature("a:text:numeric").name == "a:text"
    with pytest.raises(ConfigError, match="empty separator"):
        parse_feature("a:multi-hot", separator="")


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        (["10", "9", "1"], ["1", "9", "10"]),
        (["10", "9", "01"], ["01", "10", "9"]),
        (["b", "a", "B"], ["B", "a", "b"]),
        (["99999999999999999999", "2"], ["2", "99999999999999999999"]),
        ([], []),
    ],
)
def test_natural_order(ids: list[str], expected: list[str]) -> None:
    assert [ids[at] for at in natural_order(ids)] == expected
