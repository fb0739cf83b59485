"""Scores of a few items against the whole score matrix, written out in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfhrnn.layers.candidate_scores import (
    Scorer,
    accidental_hits,
    positives,
    seen_among,
    seen_targets,
    weighted_sum,
)
from tfhrnn.layers.losses import Targets

LANES, WINDOW, UNITS, ITEMS = 2, 3, 4, 9
SHARED = [7, 2, 2, 0, 8]
STAYS = [[[2, 0, 2], [7, 1, 3], [-2, 0, 0]], [[0, 0, 3], [0, 0, 0], [8, 2, 2]]]
RANDOM = np.random.default_rng(0)
HIDDEN = RANDOM.normal(size=(LANES, WINDOW, UNITS)).astype(np.float32)
WEIGHTS = RANDOM.normal(size=(ITEMS, UNITS)).astype(np.float32)
BIAS = RANDOM.normal(size=ITEMS).astype(np.float32)
OWN = RANDOM.integers(0, ITEMS, (LANES, WINDOW, 2)).astype(np.int32)
BETA = -1.5


def scorer(**changed: Any) -> Scorer:
    given = {
        "hidden": HIDDEN,
        "weights": WEIGHTS,
        "bias": BIAS,
        "stays": np.array(STAYS, np.int32),
        "seen_bias": np.float32(BETA),
    }
    parts = {**given, **changed}
    return Scorer(*(None if parts[k] is None else tf.constant(parts[k]) for k in given))


def whole(seen: bool = True) -> np.ndarray:
    """`[lanes, window, items]` by definition."""
    scores = HIDDEN.astype(np.float64) @ WEIGHTS.T + BIAS
    for lane, rows in enumerate(STAYS if seen else []):
        for column, first, end in rows:
            if column >= 0:
                scores[lane, first:end, column] += BETA
    return scores


@pytest.mark.parametrize("seen", [True, False])
def test_scores_are_columns_of_the_whole_matrix(seen: bool) -> None:
    given = scorer() if seen else scorer(stays=None)
    flat = whole(seen).reshape(-1, ITEMS)
    np.testing.assert_allclose(given.shared(tf.constant(SHARED)), flat[:, SHARED], rtol=1e-5)
    wanted = np.take_along_axis(flat, OWN.reshape(-1, 2), axis=1)
    np.testing.assert_allclose(given.own(tf.constant(OWN)), wanted, rtol=1e-5)


@pytest.mark.parametrize(
    "changed", [{"seen_bias": None}, {"stays": np.zeros((LANES, 0, 3), np.int32)}]
)
def test_a_seen_term_needs_both_its_parts(changed: dict[str, Any]) -> None:
    found = scorer(**changed).shared(tf.constant(SHARED))
    np.testing.assert_allclose(found, whole(False).reshape(-1, ITEMS)[:, SHARED], rtol=1e-5)


def test_gradients_are_those_through_the_whole_matrix() -> None:
    upstream = RANDOM.normal(size=(LANES * WINDOW, len(SHARED))).astype(np.float32)
    leaves = [tf.Variable(x) for x in (HIDDEN, WEIGHTS, BIAS, np.float32(BETA))]
    hidden, weights, bias, beta = leaves
    with tf.GradientTape(persistent=True) as tape:
        given = Scorer(hidden, weights, bias, tf.constant(STAYS, tf.int32), beta)
        ours = tf.reduce_sum(given.shared(tf.constant(SHARED)) * upstream)
        mask = (whole() - whole(False)).reshape(-1, ITEMS) / BETA
        scores = tf.einsum("lwu,iu->lwi", hidden, weights) + bias
        dense = tf.reshape(scores, [-1, ITEMS]) + beta * tf.constant(mask, tf.float32)
        theirs = tf.reduce_sum(tf.gather(dense, SHARED, axis=1) * upstream)
    for one, other in zip(tape.gradient(ours, leaves), tape.gradient(theirs, leaves), strict=True):
        np.testing.assert_allclose(tf.convert_to_tensor(one), other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("form", ["item", "step"])
def test_a_bias_of_each_item_or_step_counts_where_that_is_seen(form: str) -> None:
    beta = RANDOM.normal(size=ITEMS if form == "item" else (LANES, WINDOW)).astype(np.float32)
    given = scorer(seen_bias=beta)
    mask = (whole() - whole(False)) / BETA
    wide = beta if form == "item" else beta[..., np.newaxis]
    flat = (whole(False) + wide * mask).reshape(-1, ITEMS)
    np.testing.assert_allclose(given.shared(tf.constant(SHARED)), flat[:, SHARED], rtol=1e-5)
    wanted = np.take_along_axis(flat, OWN.reshape(-1, 2), axis=1)
    np.testing.assert_allclose(given.own(tf.constant(OWN)), wanted, rtol=1e-5)


def test_the_item_matrix_gets_a_sparse_gradient() -> None:
    weights = tf.Variable(WEIGHTS)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(scorer()._replace(weights=weights).shared(tf.constant(SHARED)))
    slope = tape.gradient(total, weights)
    assert isinstance(slope, tf.IndexedSlices) and slope.indices.numpy().tolist() == SHARED


def test_low_precision_states_are_scored_in_float32() -> None:
    low = scorer(hidden=HIDDEN.astype(np.float16)).shared(tf.constant(SHARED))
    assert low.dtype == tf.float32
    # Float16 states are off by 2^-11 of themselves, four of size 1 or so a score.
    np.testing.assert_allclose(low, whole().reshape(-1, ITEMS)[:, SHARED], atol=5e-3)


def test_no_columns_give_no_scores() -> None:
    assert scorer().own(tf.constant(OWN[..., :0])).shape == (LANES * WINDOW, 0)


def test_unknown_lanes_and_windows_give_the_same() -> None:
    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None, UNITS]),
            tf.TensorSpec([None, None, None], tf.int32),
            tf.TensorSpec([None, None, 3], tf.int32),
        ]
    )
    def scores(hidden: Any, own: Any, stays: Any) -> Any:
        given = scorer()._replace(hidden=hidden, stays=stays)
        return given.shared(tf.constant(SHARED)), given.own(own)

    shared, own = scores(HIDDEN, OWN, np.array(STAYS, np.int32))
    np.testing.assert_allclose(shared, scorer().shared(tf.constant(SHARED)), rtol=1e-6)
    np.testing.assert_allclose(own, scorer().own(tf.constant(OWN)), rtol=1e-6)


def test_seen_items_are_marked_also_where_drawn_twice() -> None:
    found = seen_among(tf.constant(STAYS), tf.constant(SHARED), window=3, num_items=ITEMS)
    # Lane 0: item 2 at steps 0 and 1, item 7 at 1 and 2. Lane 1: item 0 throughout.
    assert found.numpy().tolist() == [
        [[0, 1, 1, 0, 0], [1, 1, 1, 0, 0], [1, 0, 0, 0, 0]],
        [[0, 0, 0, 1, 0]] * 3,
    ]


def test_seen_targets_are_marked_step_by_step() -> None:
    items = tf.constant([[[2, 7], [7, 2], [2, 7]], [[8, 0], [8, 1], [0, 0]]])
    found = seen_targets(tf.constant(STAYS), items)
    assert found.numpy().tolist() == [[[1, 0], [1, 1], [0, 1]], [[0, 1], [0, 0], [1, 1]]]


def test_targets_count_up_to_their_number_and_once() -> None:
    # Three slots: one counts; two that are equal; three of which the last repeats the first.
    targets = Targets(tf.constant([[[5, 6, 7], [3, 3, 4], [1, 2, 1]]]), tf.constant([[1, 2, 3]]))
    own = positives(targets)
    assert own.items.numpy().tolist() == [[5, 0, 0], [3, 3, 0], [1, 2, 1]]
    assert own.counts.numpy().tolist() == [[True, False, False], [True, True, False], [True] * 3]
    share = np.array([[1, 0, 0], [1 / 2, 1 / 2, 0], [1 / 3, 1 / 3, 1 / 3]])
    np.testing.assert_allclose(own.share, share, rtol=1e-6)
    assert own.distinct.numpy().tolist() == [
        [True, False, False],
        [True, False, False],
        [True, True, False],
    ]


def test_hits_are_items_among_a_tokens_targets_that_count() -> None:
    targets = Targets(tf.constant([[[5, 6], [0, 4]]]), tf.constant([[1, 2]]))
    found = accidental_hits(positives(targets), tf.constant([0, 4, 5, 6, 5]))
    assert found.numpy().astype(int).tolist() == [[0, 0, 1, 0, 1], [1, 1, 0, 0, 0]]


def test_a_weighted_sum_comes_with_losses_that_carry_no_gradient() -> None:
    losses, weight = tf.Variable([1.0, 2, 3, 4]), tf.Variable([[1.0, 0], [2, 0.5]])
    with tf.GradientTape(persistent=True) as tape:
        total, shown = weighted_sum(losses + 0, weight)
    assert float(total) == 1 + 6 + 2 and shown.numpy().tolist() == [[1, 2], [3, 4]]
    assert tape.gradient(total, losses).numpy().tolist() == [1, 0, 2, 0.5]
    assert tape.gradient(total, weight) is None and tape.gradient(shown, losses) is None
