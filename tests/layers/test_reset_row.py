"""The reset row's exact values, for the gate orders of both recurrent layers."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfhrnn.layers.reset_row import ResetRow, ResetRowInitializer

UNITS, WIDTH = 3, 2
# GRU: update and reset gate, candidate. LSTM: input and forget gate, candidate, output gate.
ROWS = {3: [-1e4] * (2 * UNITS) + [0.0] * UNITS, 4: [-1e4] * (2 * UNITS) + [0.0] * (2 * UNITS)}


@pytest.mark.parametrize("blocks", [3, 4])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_the_reset_row_is_exact_and_the_others_are_left_alone(dtype: str, blocks: int) -> None:
    kernel = np.arange(5 * blocks * UNITS, dtype=dtype).reshape(5, -1)
    constraint = ResetRow(blocks)
    held = constraint(tf.constant(kernel)).numpy()
    assert held.dtype == kernel.dtype
    assert held[-1].tolist() == ROWS[blocks]  # finite in float16 too, and -10000 is exact there
    np.testing.assert_array_equal(held[:-1], kernel[:-1])
    np.testing.assert_array_equal(constraint(tf.constant(held)), held)  # twice is once


@pytest.mark.parametrize("blocks", [3, 4])
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_kernels_start_as_glorot_with_the_reset_row(dtype: str, blocks: int) -> None:
    shape = (WIDTH + 1, blocks * UNITS)
    kernel = ResetRowInitializer(blocks, seed=5)(shape, dtype=tf.as_dtype(dtype)).numpy()
    assert kernel.dtype == dtype and kernel.shape == shape
    assert kernel[-1].tolist() == ROWS[blocks]
    limit = np.sqrt(6 / sum(shape))  # Glorot and Bengio 2010
    assert 0 < np.abs(kernel[:-1]).max() <= limit
    again = ResetRowInitializer(blocks, seed=5)(shape, dtype=tf.as_dtype(dtype)).numpy()
    np.testing.assert_array_equal(again, kernel)
    other = ResetRowInitializer(blocks, seed=6)(shape, dtype=tf.as_dtype(dtype)).numpy()
    assert np.any(other[:-1] != kernel[:-1])


def test_both_are_rebuilt_from_their_configs() -> None:
    for seed in (None, 3):
        given = ResetRowInitializer(4, seed)
        again = ResetRowInitializer.from_config(given.get_config())
        assert (again.blocks, again.seed) == (4, seed)
    assert ResetRow.from_config(ResetRow(3).get_config()).blocks == 3
