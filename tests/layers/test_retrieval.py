"""Retrieval part by part against a softmax over everything in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfhrnn.errors import ConfigError
from tfhrnn.layers import retrieval as module
from tfhrnn.layers.marks import Marks
from tfhrnn.layers.retrieval import Retrieval, seen_columns

ITEMS, UNITS, BATCH = 70, 5, 4


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five chunks, the last one overlapping."""
    monkeypatch.setattr(module, "_CHUNK", 16)


def make(way: str, form: str = "one", seed: int = 0) -> tuple[Retrieval, Any, Marks, Any]:
    """A retrieval, hidden states, what each row has seen, and its log-probabilities in float64."""
    rng = np.random.default_rng(seed)
    weights, bias = rng.normal(size=(ITEMS, UNITS)), rng.normal(size=ITEMS)
    hidden = rng.normal(size=(BATCH, UNITS))
    seen = rng.permuted(np.tile(np.arange(ITEMS), (BATCH, 1)), axis=1)[:, :6]
    seen[1, 2:], seen[2] = -1, -1
    beta = {"one": -1.5, "row": rng.normal(size=(BATCH, 1)), "item": rng.normal(size=ITEMS)}[form]
    scores = hidden @ weights.T + bias + beta * np.any(seen[:, :, None] == np.arange(ITEMS), axis=1)
    log_p = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    variables = (tf.Variable(x.astype(np.float32)) for x in (weights, bias))
    marks = Marks(tf.constant(seen, tf.int32), tf.constant(beta, tf.float32))
    return Retrieval(way, *variables), tf.constant(hidden, tf.float32), marks, log_p


def best(retrieval: Retrieval, hidden: Any, k: int, marks: Marks) -> tuple[Any, Any]:
    """Log-probabilities and columns."""
    found = retrieval.top_k(hidden, k, marks)
    return found.scores - found.log_normalizer[:, tf.newaxis], found.columns


@settings(max_examples=60)
@given(
    rows=st.lists(st.lists(st.integers(-1, 6), max_size=12), min_size=1, max_size=3),
    size=st.integers(1, 9),
)
def test_seen_are_the_last_distinct_items_latest_first(rows: list[list[int]], size: int) -> None:
    time = max(map(len, rows))
    history = np.array([row + [-1] * (time - len(row)) for row in rows], np.int32)
    found = seen_columns(tf.constant(history.reshape(len(rows), time)), size)
    assert found.shape == (len(rows), min(size, time)) and found.dtype == tf.int32
    for row, columns in zip(rows, found.numpy().tolist(), strict=True):
        last = list(dict.fromkeys(item for item in reversed(row) if item >= 0))[:size]
        assert columns == last + [-1] * (len(columns) - len(last))


@pytest.mark.parametrize("way", ["exact", "streaming"])
@pytest.mark.parametrize("form", ["one", "row", "item"])
@pytest.mark.parametrize("k", [3, ITEMS])
def test_answers_are_those_of_a_softmax_over_everything(k: int, form: str, way: str) -> None:
    retrieval, hidden, marks, log_p = make(way, form)
    excluded = np.where([[True], [False], [True], [True]], np.asarray(marks.seen), -1)
    found, columns = best(retrieval, hidden, k, marks._replace(excluded=tf.constant(excluded)))
    for row in range(BATCH):
        left_out = set(excluded[row].tolist())
        wanted = [j for j in np.argsort(-log_p[row]).tolist() if j not in left_out][:k]
        assert columns[row, : len(wanted)].numpy().tolist() == wanted
        np.testing.assert_allclose(found[row, : len(wanted)], log_p[row, wanted], atol=1e-5)
        assert np.all(columns[row, len(wanted) :] == -1)
        assert np.all(np.isneginf(found[row, len(wanted) :]))


@pytest.mark.parametrize(
    ("way", "form"),
    [
        *((way, form) for way in ("exact", "streaming") for form in ("one", "row", "item")),
        ("clustered", "item"),
    ],
)
def test_given_items_get_their_exact_log_probabilities(way: str, form: str) -> None:
    retrieval, hidden, marks, log_p = make(way, form, 1)
    asked = np.array([[0, 69, 5, 5], [1, 2, 3, 4], [9, 8, 7, 6], [60, 61, 62, 63]])
    asked[0, 1], asked[1, 0] = marks.seen[0, 0], marks.seen[1, 1]  # type: ignore[index]
    found = retrieval.log_probabilities(hidden, tf.constant(asked, tf.int32), marks)
    np.testing.assert_allclose(found, np.take_along_axis(log_p, asked, axis=1), atol=1e-5)


def test_clusters_answer_true_scores_over_a_normaliser_that_is_an_estimate() -> None:
    retrieval, hidden, marks, log_p = make("clustered", "item", 2)
    assert retrieval.index is not None
    retrieval.index.probes = 4
    found, columns = (x.numpy() for x in best(retrieval, hidden, 5, marks))
    off = found - np.take_along_axis(log_p, columns, axis=1)
    # The same amount for all answers of a row, but not nothing.
    np.testing.assert_allclose(off, np.repeat(off[:, :1], 5, axis=1), atol=1e-5)
    assert np.abs(off).max() > 1e-3
    retrieval.index.probes = retrieval.index.num_clusters
    found, columns = (x.numpy() for x in best(retrieval, hidden, 5, marks))
    assert columns.tolist() == np.argsort(-log_p, axis=1)[:, :5].tolist()
    np.testing.assert_allclose(found, np.take_along_axis(log_p, columns, axis=1), atol=1e-5)


@pytest.mark.parametrize("way", ["exact", "streaming", "clustered"])
def test_a_restricted_row_is_answered_from_its_whole_list(way: str) -> None:
    """Even where clusters are probed: the list may lie in none of them."""
    retrieval, hidden, marks, log_p = make(way, "item", 3)
    if retrieval.index is not None:
        retrieval.index.probes = 1
    worst = np.argsort(log_p, axis=1)[:, :5]
    lists = np.concatenate([worst, worst[:, :2], np.full((BATCH, 1), -1)], axis=1)
    restricted = np.array([True, True, False, True])
    own = marks._replace(
        allowed=tf.constant(lists, tf.int32),
        restricted=tf.constant(restricted),
        excluded=tf.constant(worst[:, :1], tf.int32),
    )
    free = retrieval.top_k(hidden, 7, marks._replace(excluded=own.excluded))
    found = retrieval.top_k(hidden, 7, own)
    np.testing.assert_array_equal(found.log_normalizer, free.log_normalizer)
    for row in np.flatnonzero(restricted):
        assert found.columns[row].numpy().tolist() == [*worst[row, :0:-1], -1, -1, -1]
        scores = found.scores[row, :4] - found.scores[row, 0]
        wanted = log_p[row, worst[row, :0:-1]]
        np.testing.assert_allclose(scores, wanted - wanted[0], atol=1e-5)
        assert np.all(np.isneginf(found.scores[row, 4:]))
    np.testing.assert_array_equal(found.columns[2], free.columns[2])


@pytest.mark.parametrize("way", ["exact", "streaming", "clustered"])
def test_a_narrowed_row_is_answered_from_the_whole_catalogue(way: str) -> None:
    """Even where clusters are probed: what a filter leaves may lie in none of them."""
    retrieval, hidden, marks, log_p = make(way, "item", 4)
    if retrieval.index is not None:
        retrieval.index.probes = 1
    worst = np.argsort(log_p, axis=1)[:, :5]
    open_ = np.any(worst[:, :, None] == np.arange(ITEMS), axis=1)
    open_[2] = True
    free = retrieval.top_k(hidden, 7, marks)
    found = retrieval.top_k(hidden, 7, marks._replace(open=tf.constant(open_)))
    np.testing.assert_array_equal(found.log_normalizer, free.log_normalizer)
    for row in (0, 1, 3):
        assert found.columns[row].numpy().tolist() == [*worst[row, ::-1], -1, -1]
        scores = found.scores[row, :5] - found.scores[row, 0]
        wanted = log_p[row, worst[row, ::-1]]
        np.testing.assert_allclose(scores, wanted - wanted[0], atol=1e-5)
    np.testing.assert_array_equal(found.columns[2], free.columns[2])
    both = marks._replace(
        open=tf.constant(open_),
        allowed=tf.constant(worst[:, :2], tf.int32),
        restricted=tf.constant([True] * BATCH),
    )
    assert retrieval.top_k(hidden, 3, both).columns[0].numpy().tolist() == [*worst[0, 1::-1], -1]


@pytest.mark.parametrize("way", ["scan", "steaming"])
def test_another_name_is_refused(way: str) -> None:
    given = (tf.Variable(tf.zeros(shape)) for shape in ((3, 2), (3,)))
    with pytest.raises(ConfigError, match=f"retrieval: got '{way}', expected one of exact, stre"):
        Retrieval(way, *given)
