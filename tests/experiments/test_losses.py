"""The table of losses: every loss once, on even terms, with its calibrated figure."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfhrnn.config import LOSS_NAMES, preset
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.split import Part, split_users
from tfhrnn.evaluation.calibrated_perplexity import calibrated_perplexity
from tfhrnn.experiments import losses
from tfhrnn.models.hrnn import HRNN


def test_rows_differ_in_their_loss_and_its_options_and_take_one_target_a_step() -> None:
    found = losses.configs()
    assert tuple(found) == LOSS_NAMES
    assert [config.training.loss for config in found.values()] == list(LOSS_NAMES)
    alike = {
        dataclasses.replace(config.training, loss="full_softmax", loss_options="")
        for config in found.values()
    }
    assert len(alike) == 1 and alike.pop().tied_targets == 1
    assert len({config.model for config in found.values()}) == 1


def test_a_ranking_loss_is_calibrated_on_validation_users(
    tiny_log: EventLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"units": 4, "layers": 1, "epochs": 1, "batch_size": 8, "item_factors": 3}
    tiny = {"gbce": preset("best", {**losses.COMMON, **settings, "loss": "gbce"})}
    monkeypatch.setattr(losses, "configs", lambda: tiny)
    asked: list[Any] = []

    def spied(model: HRNN, log: EventLog, *users: Any) -> Any:
        asked.extend(users[:2])
        return calibrated_perplexity(model, log, *users)

    monkeypatch.setattr(losses, "calibrated_perplexity", spied)
    found = losses.run(tiny_log, tmp_path, seeds=1, say=lambda line: None)
    (record,) = (json.loads(path.read_text()) for path in tmp_path.glob("*.json"))
    row = found["rows"][1]
    assert row["calibrated_perplexity"] == record["extra"]["calibrated_perplexity"]
    assert record["extra"]["calibration_scale"] != 1
    parts = split_users(tiny_log.num_users, 0)
    for users, part in zip(asked, (Part.VALIDATION, Part.TEST), strict=True):
        assert users.tolist() == np.flatnonzero(parts == part).tolist()
    assert "calibrated_perplexity" not in found["rows"][0]  # popularity


def test_the_quick_losses_agree(lively_log: EventLog, tmp_path: Path) -> None:
    rows = losses.run(lively_log, tmp_path, seeds=1, quick=True, say=lambda _: None)["rows"]
    popularity, *trained = rows
    full = trained[0]["perplexity"]
    assert full < 0.5 * popularity["perplexity"]
    for row in trained:
        assert row["perplexity"] < 1.2 * full
        assert row["calibrated_perplexity"] < 1.15 * full
