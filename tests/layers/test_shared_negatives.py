"""What a loss over drawn items is handed: every number against the whole score matrix."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from tfhrnn.layers.losses import Targets
from tfhrnn.layers.samplers import sampling_probabilities
from tfhrnn.layers.shared_negatives import Scores, SharedNegatives

LANES, WINDOW, ITEMS, NEGATIVES = 2, 3, 11, 40
COUNTS = np.arange(ITEMS)


class Kept(SharedNegatives):
    """Keeps what it is handed; a token's loss is its number."""

    def token_losses(self, scores: Scores) -> tf.Tensor:
        self.handed = scores
        return tf.range(LANES * WINDOW, dtype=tf.float32) + 0.0 * scores.drawn[:, 0]


def test_scores_hits_and_expected_counts_are_those_of_the_draws() -> None:
    rng = np.random.default_rng(0)
    hidden, weights, bias = (
        rng.normal(size=shape).astype(np.float32)
        for shape in ((LANES, WINDOW, 4), (ITEMS, 4), (ITEMS,))
    )
    items = rng.integers(0, ITEMS, (LANES, WINDOW, 2)).astype(np.int32)
    count = np.array([[1, 2, 1], [2, 2, 1]], np.int32)
    weight = np.array([[1, 0, 2], [1, 1, 0.5]], np.float32)
    stays = tf.constant([[[3, 0, 2]], [[7, 1, 3]]])
    loss = Kept(COUNTS, negatives=NEGATIVES, sampler="popularity", alpha=1.0, seed=5)
    targets = Targets(tf.constant(items), tf.constant(count))
    total, losses = loss(
        tf.constant(hidden),
        tf.constant(weights),
        tf.constant(bias),
        targets,
        weight=tf.constant(weight),
        stays=stays,
        seen_bias=tf.constant(-2.0),
    )
    drawn = _draws(5)
    whole = hidden @ weights.T + bias
    whole[0, :2, 3] -= 2
    whole[1, 1:, 7] -= 2
    by_token, items = whole.reshape(-1, ITEMS), items.reshape(-1, 2)
    found = loss.handed
    np.testing.assert_allclose(found.drawn, by_token[:, drawn], atol=1e-5)
    counts = np.arange(2) < count.reshape(-1, 1)
    wanted = np.take_along_axis(by_token, items, axis=1)
    np.testing.assert_allclose(np.asarray(found.target)[counts], wanted[counts], atol=1e-5)
    for token, own in enumerate(items):
        hits = np.isin(drawn, own[: count.ravel()[token]])
        assert np.array_equal(np.asarray(found.hits)[token], hits)
    share = sampling_probabilities("popularity", COUNTS, alpha=1.0)
    np.testing.assert_allclose(found.log_expected, np.log(NEGATIVES * share[drawn]), rtol=1e-5)
    assert losses.numpy().tolist() == [[0, 1, 2], [3, 4, 5]]
    # 0·1 + 1·0 + 2·2 + 3·1 + 4·1 + 5·½
    assert float(total) == 13.5


def _draws(seed: int) -> Any:
    """What a loss of that seed draws first."""
    loss = Kept(COUNTS, negatives=NEGATIVES, sampler="popularity", alpha=1.0, seed=seed)
    return loss.sampler.draw(NEGATIVES).items.numpy()
