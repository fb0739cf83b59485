"""A model is told from any other, and is itself wherever it is loaded."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfhrnn.config import preset
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.facts import training_facts
from tfhrnn.predicting.fingerprint import model_fingerprint
from tfhrnn.predictor import Predictor
from tfhrnn.recommender import HRNNRecommender
from tfhrnn.training import build_model, create_variables


def test_models_have_one_fingerprint_each(tiny_log: EventLog) -> None:
    def model(seed: int = 0, **settings: Any) -> Any:
        config = preset("hrnn", {"units": 4, "seed": seed, **settings})
        facts = training_facts(tiny_log, np.arange(36), config.model)
        made = build_model(config, facts)
        create_variables(made)
        return made

    def of(made: Any) -> bytes:
        return model_fingerprint(made, tiny_log.catalogue, tiny_log.user_features)

    one, again = model(), model()
    assert of(one) == of(again) and len(of(one)) == 8
    others = {of(model(seed=1)), of(model(thresholds="60")), of(model(seen_items=9)), of(one)}
    one.decoder.id_bias.assign_add(np.eye(30)[0] * 1e-6)
    assert len({*others, of(one)}) == 5
    frame = tiny_log.catalogue.frame.with_columns(
        item_id=tiny_log.catalogue.frame["item_id"].reverse()
    )
    renamed = type(tiny_log.catalogue).from_frame(frame)
    assert model_fingerprint(again, renamed, None) not in others


def test_a_run_that_is_loaded_again_knows_its_states(trained: HRNNRecommender) -> None:
    assert trained.run is not None
    again = HRNNRecommender.load(trained.run.path)
    wanted = trained.predictor.state_bytes.fingerprint
    assert again.predictor.state_bytes.fingerprint == wanted
    assert again.model is not None
    parts = again.run.catalogue, again.run.user_features  # type: ignore[union-attr]  # loaded
    streaming = Predictor(again.model, *parts, retrieval="streaming")
    assert streaming.state_bytes.fingerprint == wanted
