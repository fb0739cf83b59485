"""Scores against the sum over all pairs of features."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from tfhrnn.baselines.factor_scores import FactorScores

ITEMS, WIDTH, RANK = 4, 3, 2


@pytest.mark.parametrize("last_id", [False, True])
def test_scores_are_the_sum_over_all_pairs_of_features(last_id: bool) -> None:
    random = np.random.default_rng(5)
    features = random.normal(size=(ITEMS, WIDTH)).astype(np.float32)
    layer = FactorScores(features, RANK, last_id=last_id)
    layer.set_weights([random.normal(size=w.shape) for w in layer.get_weights()])
    id_bias, feature_bias, ids, own, last_ids, last_features = layer.get_weights()
    # One long x as Rendle has it: last id or start, last features, candidate id, its features.
    vectors = np.concatenate([last_ids, last_features, ids, own])
    linear = np.concatenate([np.zeros(len(last_ids) + WIDTH), id_bias, feature_bias])
    found = layer(np.arange(ITEMS + 1)).numpy()
    for context in range(ITEMS + 1):
        wanted = np.zeros(ITEMS)
        for candidate in range(ITEMS):
            of_last = np.zeros(len(last_ids))
            if last_id or context == 0:
                of_last[context] = 1
            known = features[context - 1] if context else np.zeros(WIDTH)
            x = np.concatenate([of_last, known, np.eye(ITEMS)[candidate], features[candidate]])
            wanted[candidate] = linear @ x + sum(
                vectors[a] @ vectors[b] * x[a] * x[b] for a, b in combinations(range(len(x)), 2)
            )
        # What all candidates share, pairs within the last item, is left out.
        np.testing.assert_allclose(
            found[context] - found[context].mean(), wanted - wanted.mean(), atol=1e-4
        )


def test_the_layer_is_remade_from_its_config() -> None:
    layer = FactorScores(np.eye(3), 2, last_id=True, bias=np.arange(3.0), seed=4)
    again = FactorScores.from_config(layer.get_config())
    contexts = np.arange(4)
    np.testing.assert_array_equal(layer(contexts), again(contexts))
    np.testing.assert_array_equal(again.id_bias, [0, 1, 2])
