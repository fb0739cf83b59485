"""Calibrated perplexity: the plain one where nothing is fitted, the same however scores are off."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfhrnn.data.event_log import EventLog
from tfhrnn.data.split import Part
from tfhrnn.evaluation import calibrated_perplexity as module
from tfhrnn.evaluation.calibrated_perplexity import calibrated_perplexity
from tfhrnn.evaluation.calibration import Calibration
from tfhrnn.evaluation.evaluate import judge
from tfhrnn.evaluation.metrics import perplexity
from tfhrnn.recommender import HRNNRecommender


def users_of(trained: HRNNRecommender, log: EventLog, part: Part) -> Any:
    assert trained.run is not None
    return trained.run.users(log, part)


def test_a_calibration_that_changes_nothing_gives_the_judged_perplexity(
    trained: HRNNRecommender, tiny_log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert trained.model is not None
    monkeypatch.setattr(module, "calibrate", lambda batches, log_share: Calibration())
    test = users_of(trained, tiny_log, Part.TEST)
    found, _ = calibrated_perplexity(trained.model, tiny_log, test, test, trained.config)
    log_p = judge(trained.model, tiny_log, test, trained.config)["log_p"].to_numpy()
    assert found == pytest.approx(perplexity(log_p), rel=1e-5)  # float32, another order of sums


def test_scores_tripled_and_moved_by_popularity_are_brought_back(
    trained: HRNNRecommender, tiny_log: EventLog
) -> None:
    model = trained.model
    assert model is not None
    counts = np.zeros(30)
    for user in users_of(trained, tiny_log, Part.TRAIN).tolist():
        np.add.at(counts, tiny_log.item[tiny_log.events_of(user)] - 2, 1)
    log_share = np.log((counts + 1) / (counts + 1).sum())

    def moved(batch: Any, state: Any) -> Any:
        log_p, state = model.log_probabilities(batch, state)
        return 3.0 * log_p + tf.constant(0.8 * log_share + 5, tf.float32), state

    other: Any = SimpleNamespace(tower=model.tower, facts=model.facts, log_probabilities=moved)
    train, test = (users_of(trained, tiny_log, part) for part in (Part.TRAIN, Part.TEST))
    plain, fitted = calibrated_perplexity(model, tiny_log, train, test, trained.config)
    back, found = calibrated_perplexity(other, tiny_log, train, test, trained.config)
    assert back == pytest.approx(plain, rel=1e-4)
    # 3 scale' = scale, and popularity' = popularity − 0.8 scale'.
    assert 3 * found.scale == pytest.approx(fitted.scale, rel=1e-3)
    assert found.popularity + 0.8 * found.scale == pytest.approx(fitted.popularity, abs=1e-3)


def test_on_the_users_it_was_fitted_on_it_is_no_worse(
    trained: HRNNRecommender, tiny_log: EventLog
) -> None:
    assert trained.model is not None
    test = users_of(trained, tiny_log, Part.TEST)
    found, _ = calibrated_perplexity(trained.model, tiny_log, test, test, trained.config)
    log_p = judge(trained.model, tiny_log, test, trained.config)["log_p"].to_numpy()
    assert found < perplexity(log_p)  # a scale of 1 and no popularity are among the choices
