"""Experiments: what is trained, what is read back, and the figures of several seeds."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfhrnn.config import Config, preset
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.split import Part, protocol_of, split_users
from tfhrnn.errors import ProtocolError, RunError
from tfhrnn.experiments import runs as module
from tfhrnn.experiments.runs import run_all

CONFIGS = {
    name: preset("hrnn", {"units": 4 + at, "epochs": 1})
    for at, name in enumerate(("RNN", "+ levels", "+ item features", "all"))
}


@pytest.fixture
def trained(tiny_log: EventLog, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Puts records that tell row and seed in place of training; the list tells what was asked."""
    done: list[tuple[int, int]] = []
    test = np.flatnonzero(split_users(tiny_log.num_users, 0) == Part.TEST)

    def train(log: EventLog, config: Config, path: Path, extra: Any = None) -> None:
        seed, row = config.training.seed, config.model.units - 4
        done.append((seed, row))
        record = {
            "perplexity": 100.0 - 5 * row + seed**2,
            "hit_rate": 0.2,
            "ndcg": 0.1 + 0.01 * seed,
            "mrr": 0.05,
            "validation_perplexity": 200.0 + seed,
            "epochs": 10 + row + seed,
            "seconds_per_epoch": [1.0, 9.0, 2.0][seed],
            "parameters": 1000 + row,
            "state_bytes": 64,
            "config": dataclasses.asdict(config),
            "protocol": protocol_of(log, test, 0).to_dict(),
        }
        path.write_text(json.dumps(record))

    monkeypatch.setattr(module, "train_one", train)
    return done


def table(log: EventLog, out: Path, seeds: int = 1, **options: Any) -> dict[str, Any]:
    return run_all(log, CONFIGS, out, seeds=seeds, **{"say": lambda line: None, **options})


def change(path: Path, **fields: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def test_seeds_come_one_after_the_other_each_through_all_rows(
    trained: list[tuple[int, int]], tiny_log: EventLog, tmp_path: Path
) -> None:
    said: list[str] = []
    table(tiny_log, tmp_path / "new" / "out", 2, say=said.append)
    assert trained == [(seed, row) for seed in (0, 1) for row in range(len(CONFIGS))]
    assert len(said) == len(trained)
    assert said[0] == "seed 0, RNN: 100.0 in 10 epochs"
    assert said[len(CONFIGS) + 1] == "seed 1, + levels: 96.0 in 12 epochs"  # 100 - 5 + 1


def test_what_is_done_is_read_back(
    trained: list[tuple[int, int]], tiny_log: EventLog, tmp_path: Path
) -> None:
    first = table(tiny_log, tmp_path)
    trained.clear()
    assert table(tiny_log, tmp_path) == first
    assert trained == []
    (tmp_path / "02-seed-0.json").unlink()
    table(tiny_log, tmp_path, 2)
    assert trained == [(0, 2), *((1, row) for row in range(len(CONFIGS)))]


def test_an_unfinished_result_is_trained_again(
    trained: list[tuple[int, int]], tiny_log: EventLog, tmp_path: Path
) -> None:
    (tmp_path / "00-seed-0.tmp").write_text("{")
    (tmp_path / "00-seed-0.run").mkdir()
    table(tiny_log, tmp_path)
    assert trained[0] == (0, 0)


def test_means_and_standard_errors_over_seeds(
    trained: list[tuple[int, int]], tiny_log: EventLog, tmp_path: Path
) -> None:
    found = table(tiny_log, tmp_path, 3)
    assert [row["name"] for row in found["rows"]] == ["popularity", *CONFIGS]
    row = found["rows"][2]
    # Perplexities 95, 96, 99: mean 290/3; deviations -5/3, -2/3, 7/3, squares 78/9;
    # over 3 - 1 and again over 3: 13/9.
    assert row["perplexity"] == pytest.approx(290 / 3)
    assert row["standard_error"] == pytest.approx(math.sqrt(13 / 9))
    assert row["validation_perplexity"] == pytest.approx(201)
    assert row["ndcg_at_10"] == pytest.approx(0.11)
    assert (row["hit_rate_at_10"], row["mrr_at_10"]) == (pytest.approx(0.2), pytest.approx(0.05))
    assert (row["parameters"], row["state_bytes"]) == (1001, 64)
    assert (row["seeds"], row["epochs"]) == (3, 12)  # 11, 12, 13
    assert row["seconds_per_epoch"] == 2.0  # the median of 1, 9, 2


def test_further_figures_are_averaged_where_every_record_has_them(
    trained: list[tuple[int, int]], tiny_log: EventLog, tmp_path: Path
) -> None:
    table(tiny_log, tmp_path, 2)
    change(tmp_path / "00-seed-0.json", extra={"a": 1.0, "b": 5.0})
    change(tmp_path / "00-seed-1.json", extra={"a": 4.0})
    change(tmp_path / "01-seed-0.json", extra={"a": 3.0})
    _, first, second, third, _ = table(tiny_log, tmp_path, 2)["rows"]
    assert first["a"] == 2.5 and "b" not in first
    assert "a" not in second and "a" not in third  # records of before can still be read


def test_a_row_whose_validation_users_were_trained_on_has_no_figure_of_theirs(
    trained: list[tuple[int, int]], tiny_log: EventLog, tmp_path: Path
) -> None:
    table(tiny_log, tmp_path)
    change(tmp_path / "00-seed-0.json", validation_perplexity=None)
    _, first, second, *_ = table(tiny_log, tmp_path)["rows"]
    assert "validation_perplexity" not in first
    assert second["validation_perplexity"] == 200.0


def test_a_single_seed_has_no_standard_error_and_the_table_is_json(
    trained: list[tuple[int, int]], tiny_log: EventLog, tmp_path: Path
) -> None:
    found = table(tiny_log, tmp_path)
    assert all("standard_error" not in row for row in found["rows"])
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_popularity_stands_first_judged_on_the_same_targets(
    trained: list[tuple[int, int]], tiny_log: EventLog, tmp_path: Path
) -> None:
    found = table(tiny_log, tmp_path)
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
    table(tiny_log, tmp_path)
    other = dataclasses.asdict(CONFIGS["all"].with_settings({"units": 64}))
    change(tmp_path / "03-seed-0.json", config=other)
    with pytest.raises(RunError, match=r"03-seed-0\.json: got a result of other settings"):
        table(tiny_log, tmp_path)


def test_a_record_of_another_protocol_is_refused(
    trained: list[tuple[int, int]], tiny_log: EventLog, tmp_path: Path
) -> None:
    found = table(tiny_log, tmp_path)
    fields = {key: value for key, value in found["protocol"].items() if key != "hash"}
    change(tmp_path / "01-seed-0.json", protocol={**fields, "fingerprint": "f00"})
    with pytest.raises(ProtocolError, match=r"differ in fingerprint \('f00' and '"):
        table(tiny_log, tmp_path)


def test_a_record_that_was_changed_by_hand_is_refused(
    trained: list[tuple[int, int]], tiny_log: EventLog, tmp_path: Path
) -> None:
    found = table(tiny_log, tmp_path)
    change(tmp_path / "01-seed-0.json", protocol={**found["protocol"], "k": 5})
    with pytest.raises(ProtocolError, match="was changed after it was written"):
        table(tiny_log, tmp_path)


def test_records_that_cannot_be_used_are_found_before_training(
    trained: list[tuple[int, int]], tiny_log: EventLog, tmp_path: Path
) -> None:
    table(tiny_log, tmp_path)
    (tmp_path / "00-seed-0.json").unlink()
    change(tmp_path / "03-seed-0.json", config=dataclasses.asdict(CONFIGS["RNN"]))
    trained.clear()
    with pytest.raises(RunError):
        table(tiny_log, tmp_path)
    assert trained == []


def test_side_by_side_gives_what_one_after_the_other_gives(
    tiny_log: EventLog, tmp_path: Path
) -> None:
    configs = {"one": CONFIGS["RNN"], "two": CONFIGS["+ levels"]}
    quiet: Any = {"seeds": 1, "say": lambda line: None}
    alone = run_all(tiny_log, configs, tmp_path / "alone", **quiet)
    beside = run_all(tiny_log, configs, tmp_path / "beside", jobs=2, **quiet)
    for ours, theirs in zip(beside["rows"], alone["rows"], strict=True):
        # Sums over several threads come in another order.
        assert ours["perplexity"] == pytest.approx(theirs["perplexity"], rel=1e-4)
    left = sorted(path.name for path in (tmp_path / "beside").iterdir())
    assert left == ["00-seed-0.json", "01-seed-0.json"]
