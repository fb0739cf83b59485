"""A served model tells what it is, in as many rows as asked."""

from __future__ import annotations

import json

import numpy as np
import tensorflow as tf

from tfhrnn.model_card import model_card
from tfhrnn.recommender import HRNNRecommender


def test_each_row_tells_the_card(trained: HRNNRecommender) -> None:
    assert trained.run is not None
    card = model_card(trained.run, trained.predictor, name="tiny")
    ask = trained.predictor.info_function(card)
    found = {name: value.numpy() for name, value in ask(rows=tf.constant([7, 7])).items()}
    assert found["preset"].tolist() == [b"best"] * 2
    assert found["protocol_hash"].tolist() == [trained.run.protocol_hash.encode()] * 2
    assert found["fingerprint"][0].decode() == trained.predictor.state_bytes.fingerprint
    assert found["catalogue_items"].tolist() == [30, 30]
    assert found["state_size"].tolist() == [trained.predictor.state_bytes.length] * 2
    assert found["thresholds"].tolist() == [[60, 3600, 86400]] * 2
    assert json.loads(found["versions"][1])["tensorflow"] == tf.__version__
    assert json.loads(found["card"][0]) == card
    assert ask(rows=tf.constant([], tf.int32))["thresholds"].shape == (0, 3)
    np.testing.assert_array_equal(found["thresholds"].dtype, np.int64)
