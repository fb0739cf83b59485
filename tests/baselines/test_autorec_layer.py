"""The layer against the dense formula, and the matrix that it reads."""

from __future__ import annotations

import numpy as np

from tfhrnn.baselines.autorec_layer import AutoRecLayer, RatingMatrix


def test_the_matrix_keeps_the_last_of_several_ratings() -> None:
    row, column = np.array([2, 0, 2, 2]), np.array([1, 3, 0, 1])
    found = RatingMatrix.of(row, column, np.array([1.0, 2, 3, 4]), (3, 4))
    assert found.offsets.tolist() == [0, 1, 1, 3]
    entries, values = found.rows(np.array([2, 1, 0]))
    assert entries.tolist() == [[0, 0], [0, 1], [2, 3]] and values.tolist() == [3, 4, 2]


def test_the_layer_is_the_dense_formula_on_rated_entries() -> None:
    random = np.random.default_rng(0)
    layer = AutoRecLayer(5, 3)
    layer.set_weights([random.normal(size=w.shape) for w in layer.get_weights()])
    encoder, decoder, hidden_bias, bias = layer.get_weights()
    ratings = random.normal(size=(4, 5)).astype(np.float32)
    rated = random.random((4, 5)) < 0.5
    rated[2] = False  # a row without any
    entries, values = np.argwhere(rated), ratings[rated]
    hidden = 1 / (1 + np.exp(-np.where(rated, ratings, 0) @ encoder - hidden_bias))
    rows = np.int64(4)
    np.testing.assert_allclose(layer.encode(entries, values, rows), hidden, atol=1e-6)
    wanted = (hidden @ decoder.T + bias)[rated]
    np.testing.assert_allclose(layer(entries, values, rows), wanted, atol=1e-5)
    again = AutoRecLayer.from_config(layer.get_config())
    assert [w.shape for w in again.get_weights()] == [w.shape for w in layer.get_weights()]
