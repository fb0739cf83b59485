"""A card says where a model comes from and what it asks for."""

from __future__ import annotations

import json

import tensorflow as tf

from tfhrnn.model_card import model_card
from tfhrnn.recommender import HRNNRecommender


def test_a_card_is_plain_and_tells_data_inputs_and_versions(trained: HRNNRecommender) -> None:
    assert trained.run is not None
    card = model_card(trained.run, trained.predictor, name="tiny")
    assert json.loads(json.dumps(card)) == card and card["name"] == "tiny"
    assert card["data"]["name"] == "tiny" and card["data"]["catalogue_items"] == 30
    assert card["data"]["thresholds"] == [60, 3600, 86400]
    assert trained.log is not None
    assert card["data"]["fingerprint"] == trained.log.fingerprint
    recommend = card["inputs"]["recommend"]
    assert list(recommend) == [
        "history",
        "times",
        "feedback",
        "user_age",
        "user_group",
        "query_time",
        "k",
        "exclude_seen",
        "allow",
        "deny",
        "exploration",
        "seed",
        "cold_items",
        "cold_item_genres",
    ]
    assert recommend["history"] == "string (None, None)"
    assert card["inputs"]["update"]["state_bytes"] == "string (None,)"
    assert card["state"]["bytes"] == trained.predictor.state_bytes.length
    assert card["preset"] == "best" and card["protocol_hash"] == trained.run.protocol_hash
    assert card["retrieval"]["way"] == "exact"
    assert card["versions"]["tensorflow"] == tf.__version__
    assert "event_types" not in card["data"]


def test_a_clustered_models_card_says_that_it_estimates(trained: HRNNRecommender) -> None:
    assert trained.run is not None
    card = model_card(trained.run, trained.predictor, name="tiny", retrieval="clustered")
    assert card["retrieval"] == {"way": "clustered", "log_probabilities": "estimated normaliser"}
