"""A strategy's replicas: what they share in a step."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfhrnn.layers.replicas import gather_rows, sum_over_replicas

TABLE = np.arange(6, dtype=np.float32).reshape(3, 2)
INDEX = [[0, 2], [2, 2]]


def slopes(top: tf.Variable, rest: tf.Variable) -> list[tf.Tensor | tf.IndexedSlices]:
    """Of a gather from two tables in one, each row times its place, 1 to 4."""
    with tf.GradientTape() as tape:
        rows = gather_rows(tf.concat([top, rest], axis=0), tf.constant(INDEX))
        total = tf.reduce_sum(rows * tf.constant([[[1.0], [2]], [[3], [4]]]))
    np.testing.assert_array_equal(rows, TABLE[INDEX])
    return list(tape.gradient(total, [top, rest]))


@pytest.mark.parametrize("under", [None, "CPU:0"])
def test_gathered_rows_and_their_gradient(under: str | None) -> None:
    parts = [tf.Variable(TABLE[:2]), tf.Variable(TABLE[2:])]
    if under is None:
        found = slopes(*parts)
        assert all(isinstance(part, tf.IndexedSlices) for part in found)
    else:
        found = tf.distribute.OneDeviceStrategy(under).run(slopes, parts)
        assert not any(isinstance(part, tf.IndexedSlices) for part in found)
    # Row 0 is read at place 1, row 1 nowhere, row 2 at places 2, 3 and 4.
    np.testing.assert_array_equal(tf.convert_to_tensor(found[0]), [[1, 1], [0, 0]])
    np.testing.assert_array_equal(tf.convert_to_tensor(found[1]), [[9, 9]])


def test_one_replica_is_its_own_sum() -> None:
    """Of several, `tests/test_devices.py` tells."""
    assert float(sum_over_replicas(tf.constant(3.0))) == 3
    one = tf.distribute.OneDeviceStrategy("CPU:0")
    assert float(one.run(sum_over_replicas, [tf.constant(3.0)])) == 3
