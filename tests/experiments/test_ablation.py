"""The ladder: what each rung changes, and which rungs are presets."""

from __future__ import annotations

import dataclasses
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tfhrnn.config import Config, preset
from tfhrnn.data.event_log import EventLog
from tfhrnn.experiments import ablation
from tfhrnn.experiments.ablation import LADDER, settings_of

LAST = len(LADDER) - 1


def config_of(rung: int) -> Config:
    return preset("hrnn", settings_of(rung))


def test_settings_add_up_and_later_rungs_win() -> None:
    assert settings_of(0) == LADDER[0].settings
    for rung in range(1, len(LADDER)):
        assert settings_of(rung) == {**settings_of(rung - 1), **LADDER[rung].settings}


def test_asking_for_settings_leaves_the_ladder_alone() -> None:
    settings_of(LAST)["levels"] = "changed"
    assert LADDER[0].settings == {"levels": False}
    assert settings_of(LAST)["levels"] is True


def test_names_are_unique_and_each_rung_differs_from_the_one_below() -> None:
    assert len({rung.name for rung in LADDER}) == len(LADDER)
    for below, above in pairwise(range(len(LADDER))):
        assert config_of(below) != config_of(above), LADDER[above].name


def test_the_first_rung_hears_nothing_of_time() -> None:
    model = config_of(0).model
    assert not (model.levels or model.gap_inputs or model.time_bumps or model.position_input)
    # It differs from the paper's HRNN in that alone.
    assert dataclasses.replace(model, levels=True) == preset("hrnn").model


def test_rungs_that_bear_the_presets_names_are_those_presets() -> None:
    for rung, name in ((1, "hrnn"), (3, "hrnn-metadata"), (LAST, "best")):
        assert config_of(rung).model == preset(name).model
        assert config_of(rung).training == preset(name).training


def test_the_rungs_are_trained_in_order(
    tiny_log: EventLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}

    def run_all(log: EventLog, configs: dict[str, Config], out: Path, **options: Any) -> Any:
        asked.update(options, configs=configs)
        return "table"

    monkeypatch.setattr(ablation, "run_all", run_all)
    found: Any = ablation.run(tiny_log, tmp_path, seeds=2, jobs=4, say=print)
    assert found == "table"
    assert list(asked["configs"]) == [rung.name for rung in LADDER]
    assert list(asked["configs"].values()) == [config_of(rung) for rung in range(len(LADDER))]
    assert (asked["seeds"], asked["jobs"]) == (2, 4)


def test_the_quick_ladder_goes_down(lively_log: EventLog, tmp_path: Path) -> None:
    rows = ablation.run(lively_log, tmp_path, seeds=1, quick=True, say=lambda _: None)["rows"]
    found = {row["name"]: row["perplexity"] for row in rows}
    assert found["RNN"] < 0.7 * found["popularity"]
    assert found["+ levels"] < 0.9 * found["RNN"]
    assert found["item features + seen-item bias"] < found["RNN"]
