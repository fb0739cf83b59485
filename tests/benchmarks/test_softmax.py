"""The softmax benchmark times ways to the same thing."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from benchmarks.softmax import Sizes, run, ways

SMALL = Sizes(lanes=2, window=5, units=3, items=11, entries=4)


def test_all_scores_held_and_chunks_are_the_same_loss_and_gradients() -> None:
    losses, _ = ways(SMALL)
    whole, chunked, seen = (way() for way in losses.values())
    for ours, theirs in zip(tf.nest.flatten(chunked), tf.nest.flatten(whole), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    # The seen term is not left out of what is timed as such.
    assert abs(float(seen[0]) - float(whole[0])) > 1


def test_both_masks_mark_each_entry_from_its_step_on() -> None:
    _, masks = ways(SMALL)
    cumsum, product = (way().numpy() for way in masks.values())
    np.testing.assert_array_equal(product, cumsum)
    assert set(np.unique(product)) == {0, 1}
    # Nothing leaves, and by the last step four different items of each lane are there.
    assert np.all(np.diff(product, axis=1) >= 0)
    np.testing.assert_array_equal(product[:, -1].sum(axis=1), 4)


def test_a_row_a_way_each_beside_the_first_of_its_kind() -> None:
    rows = run(1, SMALL)
    losses, masks = ways(SMALL)
    assert [row["what"] for row in rows] == [*losses, *masks]
    assert all(row["milliseconds"] > 0 for row in rows)
    for group in (rows[:3], rows[3:]):
        for row in group:
            assert row["ratio"] == row["milliseconds"] / group[0]["milliseconds"]


def test_by_default_the_window_is_that_of_ml_100k() -> None:
    losses, masks = ways(Sizes())
    assert next(iter(masks.values()))().shape == (16, 64, 1682)
    loss, (hidden, weights, bias) = next(iter(losses.values()))()
    assert (hidden.shape, weights.shape, bias.shape) == ((16, 64, 128), (1682, 128), (1682,))
    # Scores of variance 128: a loss far above log(1682) = 7.4 a token.
    assert float(loss) > 1024 * 7.4
