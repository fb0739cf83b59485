"""The choice among what was shown, against a softmax over those items alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfhrnn.layers.candidate_scores import Scorer
from tfhrnn.layers.choice import choice_loss
from tfhrnn.layers.losses import Targets

ITEMS, UNITS = 9, 4


def world(seed: int = 0) -> dict[str, Any]:
    draw = np.random.default_rng(seed)
    return {
        "hidden": draw.normal(size=(2, 3, UNITS)).astype(np.float32),
        "weights": draw.normal(size=(ITEMS, UNITS)).astype(np.float32),
        "bias": draw.normal(size=ITEMS).astype(np.float32),
        "items": draw.integers(0, 4, (2, 3, 1)).astype(np.int32),
        "shown": np.array(
            [[[5, 6, -2], [7, -2, -2], [-2, -2, -2]], [[4, 5, 6], [8, 5, -2], [6, -2, 7]]], np.int32
        ),
        "weight": np.array([[1, 0.5, 1], [0, 1, 2]], np.float32),
    }


def loss_of(given: dict[str, Any], **seen: Any) -> tuple[tf.Tensor, tf.Tensor]:
    scorer = Scorer(given["hidden"], given["weights"], given["bias"], **seen)
    count = given.get("count", np.ones(given["items"].shape[:2], np.int32))
    return choice_loss(
        scorer, Targets(given["items"], count), given["shown"], tf.constant(given["weight"])
    )


def expected(given: dict[str, Any], offset: np.ndarray | None = None) -> np.ndarray:
    scores = given["hidden"] @ given["weights"].T + given["bias"]
    scores = scores if offset is None else scores + offset
    nats = np.zeros((2, 3))
    for lane, step in np.ndindex(2, 3):
        target = given["items"][lane, step, 0]
        others = [j for j in given["shown"][lane, step] if j >= 0 and j != target]
        row = scores[lane, step, [target, *others]].astype(np.float64)
        nats[lane, step] = np.log(np.exp(row).sum()) - row[0]
    return nats


def test_it_is_a_softmax_over_the_target_and_the_items_shown() -> None:
    given = world()
    total, nats = loss_of(given)
    np.testing.assert_allclose(nats, expected(given), rtol=1e-5, atol=1e-6)
    assert nats[0, 2] == 0.0  # nothing was shown
    np.testing.assert_allclose(total, (given["weight"] * expected(given)).sum(), rtol=1e-5)


def test_the_seen_bias_counts_as_in_every_score() -> None:
    given = world(1)
    stays = np.array([[[5, 0, 2], [0, 0, 0]], [[6, 1, 3], [8, 0, 3]]], np.int32)
    offset = np.zeros((2, 3, ITEMS))
    offset[0, :2, 5] = offset[1, 1:, 6] = offset[1, :, 8] = -1.5
    _, nats = loss_of(given, stays=tf.constant(stays), seen_bias=tf.constant(-1.5))
    np.testing.assert_allclose(nats, expected(given, offset), rtol=1e-5, atol=1e-6)


def test_what_is_tied_with_the_target_is_no_negative() -> None:
    given = world()
    given["items"] = np.concatenate([given["items"], np.full((2, 3, 1), 5, np.int32)], axis=2)
    given["count"] = np.full((2, 3), 2, np.int32)
    _, nats = loss_of(given)
    plain = world()
    plain["shown"] = np.where(plain["shown"] == 5, -2, plain["shown"])
    np.testing.assert_allclose(nats, expected(plain), rtol=1e-5, atol=1e-6)
    given["count"] = np.ones((2, 3), np.int32)  # the second slot does not count
    np.testing.assert_allclose(loss_of(given)[1], expected(given), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", [tf.float32, tf.bfloat16])
def test_only_what_was_shown_gets_a_slope(dtype: tf.DType) -> None:
    given = world()
    hidden = tf.cast(given["hidden"], dtype)
    weights, bias = tf.Variable(given["weights"]), tf.Variable(given["bias"])
    with tf.GradientTape() as tape:
        tape.watch(hidden)
        total, _ = loss_of({**given, "hidden": hidden, "weights": weights, "bias": bias})
    d_hidden, d_weights, d_bias = tape.gradient(total, [hidden, weights, bias])
    slope = tf.convert_to_tensor(d_bias).numpy()
    there = {int(j) for j in given["shown"][given["weight"] > 0].ravel() if j >= 0}
    assert set(np.flatnonzero(slope > 0)) == there  # to be scored lower
    np.testing.assert_allclose(slope.sum(), 0, atol=1e-5)
    assert np.isfinite(tf.convert_to_tensor(d_weights).numpy()).all()
    assert d_hidden.dtype == dtype
    np.testing.assert_array_equal(d_hidden[0, 2], np.zeros(UNITS))  # nothing was shown
    np.testing.assert_array_equal(d_hidden[1, 0], np.zeros(UNITS))  # of weight 0
