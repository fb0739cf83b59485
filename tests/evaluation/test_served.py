"""Served = evaluated, over HTTP."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import serving
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.split import Part
from tfhrnn.errors import RunError
from tfhrnn.evaluation.served import served_log_probabilities, served_perplexity
from tfhrnn.recommender import HRNNRecommender


def test_the_served_perplexity_is_the_evaluated_one(
    trained: HRNNRecommender, tiny_log: EventLog, tmp_path: Path
) -> None:
    assert trained.run is not None and trained.model is not None
    users = trained.run.users(tiny_log, Part.TEST)
    trained.export(tmp_path / "tiny")
    with serving.running("tiny", tmp_path / "tiny") as url:
        found = served_perplexity(
            url, "tiny", trained.model, trained.predictor, tiny_log, users, trained.run
        )
        with pytest.raises(RunError, match=r"(?s)got status 404, expected 200: .*nobody"):
            served_log_probabilities(url, "nobody", trained.predictor, tiny_log, int(users[0]))
    assert found["users"] == 8
    assert found["targets"] == np.diff(tiny_log.offsets)[users].sum()
    assert found["perplexity"] == pytest.approx(found["evaluated_perplexity"], rel=1e-4)
    assert 1 < found["perplexity"] < 100
