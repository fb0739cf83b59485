"""The ladder: what each rung changes, what is read back, and the figures of several seeds."""

from __future__ import annotations

import dataclasses
import json
import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfhrnn.config import Config, preset
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.split import Part, split_users
from tfhrnn.errors import ProtocolError, RunError
from tfhrnn.evaluation.evaluate import protocol_of
from tfhrnn.experiments import ablation as module
from tfhrnn.experiments.ablation import LADDER, ablation, settings_of

LAST = len(LADDER) - 1


def config_of(rung: int) -> Config:
    return preset("hrnn", settings_of(rung))


@pytest.fixture
def trained(tiny_log: EventLog, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Puts records that tell rung and seed in place of training; the list tells what was asked."""
    done: list[tuple[int, int]] = []
    rung_of = {config_of(rung).to_json(): rung for rung in range(len(LADDER))}
    test = np.flatnonzero(split_users(tiny_log.num_users, 0) == Part.TEST)

    def train(log: EventLog, config: Config, path: Path) -> None:
        seed = config.training.seed
        rung = rung_of[config.with_settings({"seed": 0}).to_json()]
        done.append((seed, rung))
        record = {
            "perplexity": 100.0 - 5 * rung + seed**2,
            "ndcg": 0.1 + 0.01 * seed,
            "validation_perplexity": 200.0 + seed,
            "epochs": 10 + rung + seed,
            "seconds_per_epoch": [1.0, 9.0, 2.0][seed],
            "config": dataclasses.asdict(config),
            "protocol": protocol_of(log, test, 0).to_dict(),
        }
        path.write_text(json.dumps(record))

    monkeypatch.setattr(module, "_train_rung", train)
    return done


def change(path: Path, **fields: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


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


def test_seeds_come_one_after_the_other_each_up_the_whole_ladder(
    trained: list[tuple[int, int]], tiny_log: EventLog, tmp_path: Path
) -> None:
    said: list[str] = []
    ablation(tiny_log, tmp_path / "new" / "out", seeds=2, say=said.append)
    assert trained == [(seed, rung) for seed in (0, 1) for rung in range(len(LADDER))]
    assert len(said) == len(trained)
    assert said[0] == "seed 0, RNN: 100.0 in 10 epochs"
    assert said[len(LADDER) + 1] == "seed 1, + levels: 96.0 in 12 epochs"  # 100 - 5 + 1


def test_what_is_done_is_read_back(
    trained: list[tuple[int, int]], tiny_log: EventLog, tmp_path: Path
) -> None:
    first = ablation(tiny_log, tmp_path, seeds=1, say=lambda line: None)
    trained.clear()
    assert ablation(tiny_log, tmp_path, seeds=1, say=lambda line: None) == first
    assert trained == []
    (tmp_path / "rung-02-seed-0.json").unlink()
    ablation(tiny_log, tmp_path, seeds=2, say=lambda line: None)
    assert trained == [(0, 2), *((1, rung) for rung in range(len(LADDER)))]


def test_an_unfinished_result_is_trained_again(
    trained: list[tuple[int, int]], tiny_log: EventLog, tmp_path: Path
) -> None:
    (tmp_path / "rung-00-seed-0.tmp").write_text("{")
    (tmp_path / "rung-00-seed-0.run").mkdir()
    ablation(tiny_log, tmp_path, seeds=1, say=lambda line: None)
    assert trained[0] == (0, 0)


def test_means_and_standard_errors_over_seeds(
    trained: list[tuple[int, int]], tiny_log: EventLog, tmp_path: Path
) -> None:
    found = ablation(tiny_log, tmp_path, seeds=3, say=lambda line: None)
    assert [row["name"] for row in found["rows"]] == ["popularity", *(r.name for r in LADDER)]
    row = found["rows"][2]
    # Perplexities 95, 96, 99: mean 290/3; deviations -5/3, -2/3, 7/3, squares 78/9;
    # over 3 - 1 and again over 3: 13/9.
    assert row["perplexity"] == pytest.approx(290 / 3)
    assert row["standard_error"] == pytest.approx(math.sqrt(13 / 9))
    assert row["validation_perplexity"] == pytest.approx(201)
    assert row["ndcg_at_10"] == pytest.approx(0.11)
    assert (row["seeds"], row["epochs"]) == (3, 12)  # 11, 12, 13
    assert row["seconds_per_epoch"] == 2.0  # the median of 1, 9, 2


def test_a_single_seed_has_no_standard_error_and_the_table_is_json(
    trained: list[tuple[int, int]], tiny_log: EventLog, tmp_path: Path
) -> None:
    found = ablation(tiny_log, tmp_path, seeds=1, say=lambda line: None)
    assert all("standard_error" not in row for row in found["rows"])
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_popularity_stands_first_judged_on_the_same_targets(
    trained: list[tuple[int, int]], tiny_log: EventLog, tmp_path: Path
) -> None:
    found = ablation(tiny_log, tmp_path, seeds=1, say=lambda line: None)
    parts = split_users(tiny_log.num_users, 0)
    counts, targets = [1.0] * tiny_log.num_items, []
    for user in range(tiny_log.num_users):
        for item in tiny_log.item[tiny_log.events_of(user)].tolist():
            if parts[user] == Part.TEST:
                targets.append(item - 2)
            else:
                counts[item - 2] += 1
    nats = [-math.log(counts[item] / sum(counts)) for item in targets]
    popularity = math.exp(sum(nats) / len(nats))
    assert found["rows"][0]["perplexity"] == pytest.approx(popularity)
    assert found["protocol"]["test_targets"] == len(targets)
    assert found["protocol"]["dataset"] == "tiny"


def test_a_record_of_other_settings_is_refused(
    trained: list[tuple[int, int]], tiny_log: EventLog, tmp_path: Path
) -> None:
    ablation(tiny_log, tmp_path, seeds=1, say=lambda line: None)
    other = dataclasses.asdict(config_of(3).with_settings({"units": 64}))
    change(tmp_path / "rung-03-seed-0.json", config=other)
    with pytest.raises(RunError, match=r"rung-03-seed-0\.json: got a result of other settings"):
        ablation(tiny_log, tmp_path, seeds=1, say=lambda line: None)


def test_a_record_of_another_protocol_is_refused(
    trained: list[tuple[int, int]], tiny_log: EventLog, tmp_path: Path
) -> None:
    found = ablation(tiny_log, tmp_path, seeds=1, say=lambda line: None)
    fields = {key: value for key, value in found["protocol"].items() if key != "hash"}
    change(tmp_path / "rung-01-seed-0.json", protocol={**fields, "fingerprint": "f00"})
    with pytest.raises(ProtocolError, match=r"differ in fingerprint \('f00' and '"):
        ablation(tiny_log, tmp_path, seeds=1, say=lambda line: None)


def test_a_record_that_was_changed_by_hand_is_refused(
    trained: list[tuple[int, int]], tiny_log: EventLog, tmp_path: Path
) -> None:
    found = ablation(tiny_log, tmp_path, seeds=1, say=lambda line: None)
    change(tmp_path / "rung-01-seed-0.json", protocol={**found["protocol"], "k": 5})
    with pytest.raises(ProtocolError, match="was changed after it was written"):
        ablation(tiny_log, tmp_path, seeds=1, say=lambda line: None)
