"""BPR-max against its formula, and where products of sigmoids would underflow."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfhrnn.errors import ConfigError
from tfhrnn.layers.bpr_max import BPRMax
from tfhrnn.layers.candidate_scores import positives
from tfhrnn.layers.losses import Targets
from tfhrnn.layers.shared_negatives import Scores

TOKENS, NEGATIVES = 5, 6


def scores(target: Any, drawn: Any, hits: Any, count: Any) -> Scores:
    """Tokens with slots 0, 1, … as targets, so many of which count."""
    tokens, tied = np.shape(target)
    items = tf.tile(tf.range(tied)[tf.newaxis, tf.newaxis], [1, tokens, 1])
    return Scores(
        own=positives(Targets(items, tf.constant([count]))),
        target=tf.constant(target, tf.float32),
        drawn=tf.convert_to_tensor(drawn, tf.float32),
        hits=tf.constant(hits, tf.bool),
        log_expected=tf.zeros([np.shape(drawn)[1]]),
    )


def formula(target: Any, drawn: Any, hits: Any, count: Any, regularization: float) -> Any:
    """−log Σ π σ(t − s) + λ Σ π s² a token, over what is no hit, as a plain loop."""
    losses = []
    for row in range(len(target)):
        s = drawn[row][~hits[row]]
        pi = np.exp(s) / np.exp(s).sum()
        won = [np.log(np.sum(pi / (1 + np.exp(s - t)))) for t in target[row][: count[row]]]
        losses.append(-np.mean(won) + regularization * np.sum(pi * s**2))
    return np.array(losses)


@pytest.mark.parametrize("regularization", [0.0, 0.3])
def test_it_is_the_formula_over_what_is_no_hit(regularization: float) -> None:
    rng = np.random.default_rng(1)
    target, drawn = rng.normal(size=(TOKENS, 2)), 2 * rng.normal(size=(TOKENS, NEGATIVES))
    hits, count = rng.random((TOKENS, NEGATIVES)) < 0.3, [1, 2, 2, 1, 2]
    loss = BPRMax(np.ones(20, int), regularization=regularization)
    found = loss.token_losses(scores(target, drawn, hits, count))
    np.testing.assert_allclose(found, formula(target, drawn, hits, count, regularization), 1e-5)


def test_one_negative_is_bpr() -> None:
    loss = BPRMax(np.ones(3, int), regularization=0.0)
    found = loss.token_losses(scores([[1.5]], [[0.25]], [[False]], [1]))
    assert float(found[0]) == pytest.approx(np.log(1 + np.exp(-1.25)), rel=1e-6)


def test_a_hopeless_target_still_has_a_slope() -> None:
    # exp(-200) is 0 in float32; -log σ(-200) is 200, and its slope in the target is -1.
    given = scores([[0.0]], [[200.0, 200.0]], [[False, False]], [1])
    target = tf.Variable(given.target)
    with tf.GradientTape() as tape:
        found = BPRMax(np.ones(3, int), regularization=0.0).token_losses(
            given._replace(target=target + 0)
        )
    assert float(found[0]) == pytest.approx(200, rel=1e-6)
    assert tape.gradient(found, target).numpy().tolist() == [[-1]]


@pytest.mark.parametrize("height", [0.0, 80.0])
def test_hits_have_no_weight_and_no_gradient(height: float) -> None:
    drawn = tf.Variable([[height, 0.5, height, -0.5], [1, 2, 3, 4]])
    hits = [[True, False, True, False], [False] * 4]
    with tf.GradientTape() as tape:
        given = scores([[0.7], [0.7]], drawn, hits, [1, 1])
        found = BPRMax(np.ones(9, int)).token_losses(given)
    slope = tape.gradient(found, drawn).numpy()
    alone = BPRMax(np.ones(9, int)).token_losses(scores([[0.7]], [[0.5, -0.5]], [[False] * 2], [1]))
    np.testing.assert_allclose(found[0], alone[0], rtol=1e-6)
    assert slope[0, 0] == 0 and slope[0, 2] == 0
    assert np.all(slope[0, [1, 3]] != 0) and np.all(slope[1] != 0)


def test_a_step_whose_draws_are_all_hits_is_left_out() -> None:
    drawn = tf.Variable([[3.0, 1.0], [3.0, 1.0]])
    with tf.GradientTape() as tape:
        found = BPRMax(np.ones(9, int)).token_losses(
            scores([[0.0], [0.0]], drawn, [[True, True], [False, True]], [1, 1])
        )
    slope = tape.gradient(found, drawn).numpy()
    assert found[0] == 0 and found[1] > 0 and slope[0].tolist() == [0, 0] and slope[1, 0] != 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"regularization": -1.0}, "regularization: got -1.0"),
        ({"negatives": 0}, "negatives: got 0, expected at least 1"),
        ({"sampler": "zipf"}, "no sampler named 'zipf'"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        BPRMax(np.ones(3, int), **options)
