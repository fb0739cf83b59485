"""Measures of lists against sums by hand."""

from __future__ import annotations

import math

import numpy as np

from tfhrnn.data.event_log import EventLog
from tfhrnn.evaluation.list_measures import (
    MEASURES,
    genres_of,
    likeness,
    log_popularity,
    measure_lists,
)

# Items: 0 has genres a and b, 1 has b, 2 has c, 3 has none.
GENRES = np.array([[1, 1, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0]], bool)


def test_measures_by_hand() -> None:
    popularity = np.log(np.array([0.5, 0.25, 0.125, 0.125]))
    # Users 0 and 1, three items each; the last events were of item 1.
    lists = np.array([[0, 1, 2], [2, 3, 3]])
    found = measure_lists(lists, np.array([1, 1]), popularity, GENRES)
    assert set(found) == set(MEASURES)
    np.testing.assert_allclose(found["log_popularity_1"], np.log([0.5, 0.125]))
    np.testing.assert_allclose(
        found["log_popularity_k"], [math.log(0.5 * 0.25 * 0.125) / 3, math.log(0.125)]
    )
    assert found["genres_k"].tolist() == [3, 1]
    # {ab, b}: 1/2; {ab, c} and {b, c}: 1. {c, none} twice: 1; {none, none}: 0.
    np.testing.assert_allclose(found["genre_distance_k"], [(0.5 + 1 + 1) / 3, (1 + 1 + 0) / 3])
    np.testing.assert_allclose(found["likeness_1"], [0.5, 0])


def test_further_axes_are_kept_and_a_list_of_one_has_no_distance() -> None:
    lists = np.array([[[0], [1]], [[2], [3]], [[1], [1]]])
    found = measure_lists(lists, np.array([0, 1]), np.zeros(4), GENRES)
    assert all(values.shape == (3, 2) for values in found.values())
    assert np.isnan(found["genre_distance_k"]).all()
    assert found["likeness_1"].tolist() == [[1, 1], [0, 0], [0.5, 1]]


def test_likeness_of_sets_without_genres_is_whole() -> None:
    assert likeness(GENRES[3], GENRES[3]) == 1
    assert likeness(GENRES[3], GENRES[0]) == 0


def test_popularity_of_what_nobody_took_is_finite() -> None:
    np.testing.assert_allclose(
        np.exp(log_popularity(np.array([0, 3, 5]))), [1 / 11, 4 / 11, 6 / 11]
    )


def test_genres_are_the_multi_hot_columns(tiny_log: EventLog) -> None:
    found = genres_of(tiny_log) > 0
    rows = [int(i.removeprefix("film ").removesuffix(", é")) for i in tiny_log.catalogue.ids]
    assert found.sum(axis=1).tolist() == [1 + row % 3 for row in rows]
