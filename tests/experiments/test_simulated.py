"""Rows of a simulation: what is kept, read back and refused, and the figures of several seeds."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tfhrnn.config import Config, preset
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.split import Part
from tfhrnn.errors import ProtocolError, RunError
from tfhrnn.experiments import simulated as module
from tfhrnn.experiments.simulated import Row, parts_by_number, run_rows

NUMBERS = {"u0": 10, "u1": 0}  # of the sequences that two users of the small world stand for


@pytest.fixture
def row(tiny_log: EventLog) -> Row:
    """The small world's first 30 users train, 5 validate and 5 are judged on what is not first."""
    parts = parts_by_number(tiny_log, 30, 5, lambda user: int(user[1:]))
    test = np.flatnonzero(parts == Part.TEST)
    sizes = np.diff(tiny_log.offsets)[test]
    return Row(
        "RNN",
        preset("hrnn", {"units": 4, "epochs": 1, "batch_size": 4, "bptt": 8}),
        tiny_log,
        parts,
        sequences=np.repeat(test, sizes),
        best=np.full(sizes.sum(), math.log(0.5)),
        judged=np.concatenate([np.arange(size) > 0 for size in sizes]),
        bound=2.0,
        targets="all but the first",
        paper=3,
    )


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Puts log 1/4 (1/5 for seed 1) in place of training; the list holds the seeds asked."""
    asked: list[int] = []

    def fitted(row: Row, config: Config, folder: Path) -> tuple[pl.DataFrame, list[float]]:
        asked.append(config.training.seed)
        log_p = np.full(len(row.best), -math.log(4 + config.training.seed))
        log_p[~row.judged] = -100.0  # what is not judged says nothing
        return pl.DataFrame({"log_p": log_p}), [3.0, 1.0, 2.0]

    monkeypatch.setattr(module, "_fitted", fitted)
    return asked


def table(rows: list[Row], out: Path, seeds: int = 1) -> list[dict[str, Any]]:
    return run_rows(rows, out, seeds=seeds, say=lambda line: None)


def test_sequences_are_parted_by_their_numbers_whoever_is_missing(tiny_log: EventLog) -> None:
    parts = parts_by_number(tiny_log, 5, 6, lambda user: NUMBERS.get(user, 11))
    # Number 0 trains, 10 validates, 11 tests.
    assert parts[tiny_log.user_ids.index("u1")] == Part.TRAIN
    assert parts[tiny_log.user_ids.index("u0")] == Part.VALIDATION
    assert np.bincount(parts).tolist() == [1, 1, len(parts) - 2]


def test_figures_are_those_of_judged_targets_beside_the_bound(
    row: Row, told: list[int], tmp_path: Path
) -> None:
    (found,) = table([row], tmp_path, 2)
    assert told == [0, 1]
    assert found["perplexity"] == pytest.approx(4.5)
    assert found["standard_error"] == pytest.approx(0.5)  # of 4 and 5
    assert (found["bound"], found["paper"], found["seeds"]) == (2, 3, 2)
    assert found["sample_bound"] == pytest.approx(2)
    # Nats over the bound: log 2 and log 2.5, their mean as a factor √5.
    assert found["over_bound"] == pytest.approx(math.sqrt(5) - 1)
    assert (found["epochs"], found["seconds_per_epoch"]) == (3, 2)


def test_what_is_done_is_read_back_and_other_settings_are_refused(
    row: Row, told: list[int], tmp_path: Path
) -> None:
    first = table([row], tmp_path)
    assert table([row], tmp_path) == first and told == [0]
    other = dataclasses.replace(row, config=row.config.with_settings({"units": 5}))
    with pytest.raises(RunError, match="got a result of other settings"):
        table([other], tmp_path)
    judged = row.judged.copy()
    judged[np.flatnonzero(judged)[0]] = False
    with pytest.raises(ProtocolError, match="differ in test_targets"):
        table([dataclasses.replace(row, judged=judged)], tmp_path)


def test_a_row_better_than_its_bound_is_refused(row: Row, told: list[int], tmp_path: Path) -> None:
    worse = dataclasses.replace(row, best=np.full(len(row.best), math.log(0.2)))
    with pytest.raises(RunError, match=r"RNN: got 0\.2231 nats a target less"):  # log 5/4
        table([worse], tmp_path)


def test_the_protocol_tells_targets_and_parts(row: Row) -> None:
    protocol = row.protocol
    assert protocol.targets == "all but the first"
    assert protocol.test_targets == len(row.best) - 5
    assert protocol.test_users == 5
    assert protocol.split == "sequences in the order drawn: 30 train, 5 validation, the rest test"


@pytest.mark.parametrize("published", [False, True])
def test_either_model_is_trained_on_the_training_users_and_leaves_its_record_alone(
    row: Row, tmp_path: Path, published: bool
) -> None:
    bound = np.zeros(len(row.best))  # nothing is better than knowing
    (found,) = table([dataclasses.replace(row, published=published, best=bound)], tmp_path)
    assert 5 < found["perplexity"] < 60  # of 30 items
    assert [path.name for path in tmp_path.iterdir()] == ["00-seed-0.json"]
    record = json.loads((tmp_path / "00-seed-0.json").read_text())
    assert record["protocol"]["hash"] == row.protocol.hash
