"""Served = evaluated, over HTTP."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import serving
from tfhrnn.config import Config
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.split import Part
from tfhrnn.errors import RunError
from tfhrnn.evaluation import served
from tfhrnn.evaluation.evaluate import judge
from tfhrnn.evaluation.served import served_log_probabilities, served_perplexity
from tfhrnn.recommender import HRNNRecommender
from tfhrnn.run_folder import RunFolder


def test_the_served_perplexity_is_the_evaluated_one(
    trained: HRNNRecommender, tiny_log: EventLog, tmp_path: Path
) -> None:
    assert trained.run is not None and trained.model is not None
    users = trained.run.users(tiny_log, Part.TEST)
    trained.export(tmp_path / "tiny")
    with serving.running("tiny", tmp_path / "tiny", timeout_seconds=600) as url:
        found = served_perplexity(
            url, "tiny", trained.model, trained.predictor, tiny_log, users, trained.run
        )
        with pytest.raises(RunError, match=r"(?s)got status 404, expected 200: .*nobody"):
            served_log_probabilities(url, "nobody", trained.predictor, tiny_log, int(users[0]))
    assert found["users"] == 8
    assert found["targets"] == np.diff(tiny_log.offsets)[users].sum()
    assert found["perplexity"] == pytest.approx(found["evaluated_perplexity"], rel=1e-4)
    assert 1 < found["perplexity"] < 100


def test_first_targets_that_only_the_evaluator_is_told_are_left_out(
    trained: HRNNRecommender, tiny_log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert trained.run is not None and trained.model is not None
    user = int(trained.run.users(tiny_log, Part.TEST)[0])
    log_p = judge(trained.model, tiny_log, np.array([user]), trained.config)["log_p"].to_numpy()
    answers = log_p.copy()
    answers[0] -= 5
    monkeypatch.setattr(served, "served_log_probabilities", lambda *_: answers)

    def perplexities(config: Config) -> tuple[int, float, float]:
        monkeypatch.setattr(RunFolder, "config", config)
        assert trained.run is not None and trained.model is not None
        found = served_perplexity(
            "", "", trained.model, trained.predictor, tiny_log, np.array([user]), trained.run
        )
        return found["targets"], found["perplexity"], found["evaluated_perplexity"]

    targets, one, other = perplexities(trained.config)
    assert targets == len(log_p) and one != other
    targets, one, other = perplexities(trained.config.with_settings({"first_item_features": True}))
    assert targets == len(log_p) - 1
    assert one == other == pytest.approx(np.exp(-log_p[1:].mean()))
