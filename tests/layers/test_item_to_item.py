"""The memoryless tower: a factorised first-order Markov chain, in closed form."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfhrnn.layers.control import Control
from tfhrnn.layers.decoder import Decoder
from tfhrnn.layers.embeddings import ItemEmbedding
from tfhrnn.layers.item_to_item import LastItemTower

NOTHING = Control(tf.zeros([1, 3]), tf.zeros([1, 3], tf.int32))


def test_scores_after_an_item_are_a_row_of_the_factorised_table() -> None:
    """Score of j after i: v_i W w_j + b W' w_j + c_j, with every factor drawn here."""
    rng = np.random.default_rng(0)
    before, kernel, offset = rng.normal(size=(6, 5)), rng.normal(size=(5, 3)), rng.normal(size=3)
    after, bias = rng.normal(size=(4, 3)), rng.normal(size=4)
    embedding = ItemEmbedding(4, 5, tied=False)
    tower = LastItemTower(3)
    decoder = Decoder(3, features=np.zeros((4, 0), np.float32))
    read = tf.constant([[2, 5, 2]])  # items 0, 3, 0; 0 and 1 are the start and the unknown index
    tower(embedding(read), NOTHING, tower.initial_state(1))
    decoder.item_matrix()
    embedding.set_weights([before])
    tower.set_weights([kernel, offset])
    decoder.id_weights.assign(after)
    decoder.id_bias.assign(bias)
    y, state = tower(embedding(read), NOTHING, ())
    table = (before @ kernel + offset) @ after.T + bias  # [read, asked]
    np.testing.assert_allclose(decoder(y)[0], table[[2, 5, 2]], rtol=1e-5)
    assert state == () and tower.state_size_bytes == 0


def test_further_layers_are_tanh_layers_in_front() -> None:
    tower = LastItemTower(2, layers=2, seed=1)
    x = tf.constant([[[1.0, -2.0], [0.5, 3.0], [0.0, 0.0]]])
    y, _ = tower(x, NOTHING, ())
    first, _, last, _ = tower.get_weights()
    np.testing.assert_allclose(y, np.tanh(x @ first) @ last, rtol=1e-5, atol=1e-7)


def test_no_other_step_says_anything() -> None:
    tower = LastItemTower(4, layers=2, seed=1)
    x = tf.random.stateless_normal([1, 3, 2], [1, 2])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(tower(x, NOTHING, ())[0][:, 1] ** 2)
    to_x = tape.gradient(y, x).numpy()
    assert np.all(to_x[:, [0, 2]] == 0) and np.all(to_x[:, 1] != 0)
