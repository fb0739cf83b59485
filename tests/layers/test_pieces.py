"""Windows cut in pieces: what comes back is what went in, and stays cover the same steps."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfhrnn.layers.losses import seen_mask
from tfhrnn.layers.pieces import Pieces


@given(window=st.integers(1, 300), length=st.integers(1, 50))
def test_pieces_are_few_and_even(window: int, length: int) -> None:
    cut = Pieces.at_most(window, length)
    assert cut.length <= length
    assert cut.pieces * cut.length >= window > (cut.pieces - 1) * length
    assert cut.pieces * cut.length - window < cut.pieces  # no more filling than a step a piece


@settings(max_examples=30)
@given(window=st.integers(1, 12), length=st.integers(1, 5), seed=st.integers(0, 99))
def test_steps_are_cut_in_order_and_joined_again(window: int, length: int, seed: int) -> None:
    cut = Pieces.at_most(window, length)
    x = np.random.default_rng(seed).integers(0, 100, (3, window, 2)).astype(np.int32)
    found = cut.steps(tf.constant(x), 7).numpy().reshape(3, cut.pieces * cut.length, 2)
    np.testing.assert_array_equal(found[:, :window], x)
    assert (found[:, window:] == 7).all()
    back = cut.joined(cut.steps(tf.constant(x[..., 0])))
    np.testing.assert_array_equal(back, x[..., 0])


@settings(max_examples=30)
@given(window=st.integers(1, 12), length=st.integers(1, 5), seed=st.integers(0, 99))
def test_the_same_items_are_seen_at_the_same_steps(window: int, length: int, seed: int) -> None:
    cut = Pieces.at_most(window, length)
    rng = np.random.default_rng(seed)
    ends = np.sort(rng.integers(0, window + 1, (2, 6, 2)), axis=2)
    items = np.stack([rng.permutation(9)[:6] - 1 for _ in range(2)])  # one may be no item
    stays = tf.constant(np.concatenate([items[..., None], ends], axis=2), tf.int32)
    whole = seen_mask(stays, window, 8).numpy()
    parts = seen_mask(cut.stays(stays), cut.length, 8).numpy()
    np.testing.assert_array_equal(parts.reshape(2, -1, 8)[:, :window], whole)
