"""gBCE against plain binary cross-entropy, and its calibration by enumerating all draws."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfhrnn.errors import ConfigError
from tfhrnn.layers.candidate_scores import positives
from tfhrnn.layers.gbce import GBCE
from tfhrnn.layers.losses import Targets
from tfhrnn.layers.shared_negatives import Scores

COUNTS = np.ones(21, int)  # 21 items, so that 4 negatives are a share of 1/5


def scores(items: Any, target: Any, drawn: Any, hits: Any) -> Scores:
    """Tokens with so many targets each, all of which count."""
    items = tf.constant([items])
    count = tf.fill([1, items.shape[1]], items.shape[2])
    return Scores(
        own=positives(Targets(items, count)),
        target=tf.convert_to_tensor(target, tf.float32),
        drawn=tf.convert_to_tensor(drawn, tf.float32),
        hits=tf.convert_to_tensor(hits, tf.bool),
        log_expected=tf.zeros([np.shape(drawn)[1]]),
    )


def test_beta_runs_from_one_to_the_share_of_negatives() -> None:
    def beta(t: float) -> float:
        return GBCE(COUNTS, negatives=4, calibration=t).beta

    assert beta(0.0) == pytest.approx(1) and beta(1.0) == pytest.approx(1 / 5)
    # α (t (1 - 1/α) + 1/α) = 1/5 · (3/4 · (1 - 5) + 5) = 2/5.
    assert beta(0.75) == pytest.approx(2 / 5)


def test_at_zero_it_is_binary_cross_entropy() -> None:
    rng = np.random.default_rng(0)
    target, drawn = rng.normal(size=(3, 1)), rng.normal(size=(3, 4))
    loss = GBCE(COUNTS, negatives=4, calibration=0.0)
    found = loss.token_losses(scores([[1], [2], [3]], target, drawn, np.zeros((3, 4))))
    labels = np.eye(1, 5).repeat(3, axis=0)
    every = np.concatenate([target, drawn], axis=1)
    wanted = 5 * tf.keras.losses.binary_crossentropy(labels, every, from_logits=True)  # a mean
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


@pytest.mark.parametrize(("t", "beta"), [(0.75, 2 / 5), (1.0, 1 / 5)])
def test_calibration_weighs_the_target_by_beta(t: float, beta: float) -> None:
    def log_sigmoid(x: Any) -> Any:
        return -np.log1p(np.exp(-np.asarray(x)))

    loss = GBCE(COUNTS, negatives=4, calibration=t)
    drawn, hits = [[0.3, -1.0, 2.0, 0.3]], [[False, True, False, False]]
    found = loss.token_losses(scores([[7, 9]], [[1.0, -0.5]], drawn, hits))
    # Two targets share the first term; the hit is left out.
    won = beta * (log_sigmoid(1.0) + log_sigmoid(-0.5)) / 2
    lost = log_sigmoid([-0.3, -2.0, -0.3]).sum()
    assert float(found[0]) == pytest.approx(-(won + lost), rel=1e-5)


@pytest.mark.parametrize("t", [0.0, 0.5, 1.0])
def test_the_least_expected_loss_is_where_it_is_said_to_be(t: float) -> None:
    # Four items that come with probability p; two even draws, all 16 of them, at every target.
    p = np.array([0.4, 0.3, 0.2, 0.1])
    loss = GBCE(np.ones(4, int), negatives=2, calibration=t)
    # Said: odds of σ = β · items / n · odds of p, with α = 2/3 and β = α (t (1 - 1/α) + 1/α).
    beta = 2 / 3 * (t * (1 - 3 / 2) + 3 / 2)
    best = np.log(beta * 4 / 2 * p / (1 - p))
    draws = np.array(list(product(range(4), repeat=2)), np.int32)
    target = np.repeat(np.arange(4, dtype=np.int32), len(draws))[:, np.newaxis]
    drawn = np.tile(draws, (4, 1))
    leaf = tf.Variable(best.astype(np.float32))
    with tf.GradientTape() as tape:
        given = scores(target, tf.gather(leaf, target), tf.gather(leaf, drawn), drawn == target)
        expected = tf.reduce_sum(loss.token_losses(given) * p[target[:, 0]] / len(draws))
    slope = tf.convert_to_tensor(tape.gradient(expected, leaf))
    np.testing.assert_allclose(slope, np.zeros(4), atol=1e-7)


def test_with_every_negative_counted_a_sigmoid_is_a_probability_at_any_t() -> None:
    # As many draws as there are other items: α = 1, so β = 1.
    for t in (0.0, 0.5, 1.0):
        assert GBCE(COUNTS, negatives=20, calibration=t).beta == pytest.approx(1)


@pytest.mark.parametrize("height", [0.0, 80.0, 1e30])
def test_hits_have_no_weight_and_no_gradient(height: float) -> None:
    drawn = tf.Variable([[height, 0.5, -height, -0.5]])
    with tf.GradientTape() as tape:
        found = GBCE(COUNTS, negatives=4).token_losses(
            scores([[7]], [[0.2]], drawn, [[True, False, True, False]])
        )
    slope = tape.gradient(found, drawn).numpy()
    assert np.isfinite(found[0])
    assert slope[0, 0] == 0 and slope[0, 2] == 0 and np.all(slope[0, [1, 3]] > 0)


@pytest.mark.parametrize(
    ("counts", "options", "message"),
    [
        (COUNTS, {"calibration": 1.5}, "calibration: got 1.5, expected a number from 0 to 1"),
        (COUNTS, {"negatives": -1}, "negatives: got -1"),
        (COUNTS[:1], {}, "item_counts: got 1 items, expected at least 2"),
    ],
)
def test_wrong_options_are_named(counts: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        GBCE(counts, **options)
