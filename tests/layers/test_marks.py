"""Marks on parts of a catalogue of ten items, by hand."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfhrnn.layers.marks import Marks, added, among, candidates, marked, noise, stretch

SCORES = tf.constant([[0.0, 1.0, 2.0, 3.0], [4.0, 5.0, 6.0, 7.0]])  # of columns 3 to 6
LISTS = tf.constant([[4, -1, 4], [9, 6, 12]])


def test_columns_of_a_list_are_found_in_a_part_of_the_catalogue() -> None:
    assert among(LISTS, 3, 4).numpy().tolist() == [[0, 1, 0, 0], [0, 0, 0, 1]]
    assert not among(LISTS, 0, 3).numpy().any() and not among(LISTS[:, :0], 3, 4).numpy().any()


@pytest.mark.parametrize(
    ("beta", "wanted"),
    [
        (-1.0, [[0, 0, 2, 3], [4, 5, 6, 6]]),
        ([[10.0], [20.0]], [[0, 11, 2, 3], [4, 5, 6, 27]]),
        (np.arange(10.0), [[0, 5, 2, 3], [4, 5, 6, 13]]),
    ],
)
def test_the_seen_bias_is_one_one_a_row_or_one_an_item(beta: object, wanted: object) -> None:
    marks = Marks(seen=LISTS, seen_bias=tf.constant(beta, tf.float32))
    found = marked(SCORES, marks, stretch(3, 4, 10))
    np.testing.assert_array_equal(found, wanted)
    assert marked(SCORES, None, stretch(3, 4, 10)) is SCORES


def test_candidates_are_neither_excluded_nor_outside_of_a_restricted_rows_list() -> None:
    marks = Marks(
        excluded=tf.constant([[3], [6]]), allowed=LISTS, restricted=tf.constant([True, False])
    )
    found = candidates(SCORES, marks, stretch(3, 4, 10)).numpy()
    none = -np.inf
    assert found.tolist() == [[none, 1, none, none], [4, 5, 6, none]]


def test_candidates_are_open_and_chosen_by_influence_too() -> None:
    open_ = np.ones((2, 10), bool)
    open_[0, 4] = open_[1, 3] = False
    marks = Marks(open=tf.constant(open_), influence=tf.range(10.0) * 10)
    found = candidates(SCORES, marks, stretch(3, 4, 10)).numpy()
    none = -np.inf
    assert found.tolist() == [[30, none, 52, 63], [none, 45, 56, 67]]


def test_noise_is_added_to_what_explores_alone() -> None:
    drawn = Marks(exploration=tf.constant([2.0]), seed=tf.constant([1], tf.int64))
    columns = tf.constant([[3, 0, -1]])
    plain = np.asarray(added(drawn, columns))
    some = drawn._replace(explored=tf.constant([1.0, 1.0, 1.0, 0.0]))
    assert np.asarray(added(some, columns))[0, :2].tolist() == [0.0, plain[0, 1]]
    both = some._replace(influence=tf.constant([5.0, 6.0, 7.0, 8.0]))
    np.testing.assert_allclose(np.asarray(added(both, columns))[0, :2], [8.0, plain[0, 1] + 5])
    assert added(None, columns) == added(Marks(), columns) == 0.0


def test_noise_is_exactly_nothing_without_a_weight() -> None:
    assert [noise(marks, tf.range(4)) for marks in (None, Marks())] == [0.0, 0.0]
    still = Marks(exploration=tf.zeros([2]), seed=tf.constant([1, 2], tf.int64))
    assert np.asarray(noise(still, tf.range(4))).tolist() == [[0.0] * 4] * 2
    one = still._replace(exploration=tf.constant([0.0, 2.0]))
    found = np.asarray(noise(one, tf.range(4)))
    assert found[0].tolist() == [0.0] * 4 and len(set(found[1].tolist())) == 4
