"""A new run's folder and where its event log goes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tfhrnn.config import preset
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.split import Part, split_users
from tfhrnn.errors import DataError, RunError
from tfhrnn.new_run import create_run, log_of, log_place, write_tables


def test_a_run_holds_its_split_facts_and_protocol(tiny_log: EventLog, tmp_path: Path) -> None:
    config = preset("hrnn", {"units": 4})
    run = create_run(tmp_path / "run", config, tiny_log, 3)
    parts = split_users(tiny_log.num_users, 3)
    np.testing.assert_array_equal(run.parts(tiny_log), parts)
    counted = sum(
        int(tiny_log.offsets[user + 1] - tiny_log.offsets[user])
        for user in np.flatnonzero(parts == Part.TRAIN)
    )
    assert run.facts.item_counts.sum() == counted
    stored = json.loads((run.path / "protocol.json").read_text())
    assert stored["split_seed"] == 3 and stored == run.protocol(tiny_log).to_dict()


def test_another_split_can_be_given(tiny_log: EventLog, tmp_path: Path) -> None:
    parts = np.full(tiny_log.num_users, Part.TRAIN, np.int8)
    parts[:2] = Part.TEST
    run = create_run(tmp_path / "run", preset("hrnn"), tiny_log, 0, parts)
    assert run.users(tiny_log, Part.TEST).tolist() == [0, 1]


def test_a_log_stands_beside_its_run_and_is_not_written_twice(
    tiny_log: EventLog, tmp_path: Path
) -> None:
    places: list[Path] = []

    def write(place: Path) -> EventLog:
        places.append(place)
        return tiny_log

    path = tmp_path / "run"
    assert log_of(path, None, write) is tiny_log
    assert places == [log_place(path)] == [tmp_path / "run-data"]
    run = create_run(path, preset("hrnn"), tiny_log, 0)
    assert log_of(path, run, write).fingerprint == tiny_log.fingerprint
    assert places[1].name == "data" and not places[1].parent.exists()
    description = json.loads((path / "run.json").read_text())
    (path / "run.json").write_text(json.dumps({**description, "fingerprint": "f" * 64}))
    with pytest.raises(RunError, match="got an event log with fingerprint"):
        log_of(path, run, write)


def test_what_is_wrong_with_the_interactions_is_told_before_the_item_table(tmp_path: Path) -> None:
    events = pl.DataFrame({"who": ["a"], "item_id": ["x"], "timestamp": [1]})
    items = pl.DataFrame({"sku": ["x"]})
    features: dict[str, Any] = {"item_features": None, "user_features": None, "users": None}
    with pytest.raises(DataError, match="no column for user_id"):
        write_tables(events, tmp_path / "log", items=items, columns=None, **features)
