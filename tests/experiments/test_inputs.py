"""The table of inputs: one change a row, and titles on the same events."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfhrnn.config import preset
from tfhrnn.data.event_log import EventLog
from tfhrnn.experiments import inputs


def test_every_row_is_hrnn_metadata_but_for_what_it_reads() -> None:
    found = inputs.configs()
    assert next(iter(found.values())) == preset("hrnn-metadata")
    assert len({config.to_json() for config in found.values()}) == len(found)
    alike = {dataclasses.replace(config.training, first_targets=True) for config in found.values()}
    assert alike == {preset("hrnn-metadata").training}


def test_titles_come_on_top_of_the_same_events(tiny_log: EventLog, tmp_path: Path) -> None:
    titled = inputs.with_titles(tiny_log, tmp_path / "log")
    assert titled.fingerprint == tiny_log.fingerprint
    assert (titled.name, titled.thresholds) == (tiny_log.name, tiny_log.thresholds)
    assert titled.user_features == tiny_log.user_features
    np.testing.assert_array_equal(titled.user_matrix, tiny_log.user_matrix)
    features, before = titled.catalogue.feature_matrix, tiny_log.catalogue.feature_matrix
    np.testing.assert_array_equal(features[:, : before.shape[1]], before)
    # "Film 0" to "Film 29": two words each, in two buckets of 512 or, by chance, in one.
    words = features[:, before.shape[1] :]
    assert words.shape == (30, 512)
    assert set((words > 0).sum(1)) <= {1, 2} and (words > 0).all(0).sum() == 1


def test_the_rows_are_trained_and_told_with_and_without_first_targets(
    tiny_log: EventLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = {"units": 4, "epochs": 1, "batch_size": 8}
    kept = "features of the first item for user features"
    tiny = {kept: inputs.configs()[kept].with_settings(small)}
    monkeypatch.setattr(inputs, "configs", lambda: tiny)
    said: list[str] = []
    found: Any = inputs.run(tiny_log, tmp_path, seeds=1, say=said.append)
    names = ["popularity", kept, inputs.TITLES]
    assert [row["name"] for row in found["rows"]] == names and len(said) == 2
    for row in found["rows"][1:]:
        assert 1 < row["perplexity_after_first"] != row["perplexity"] > 1
    records = [json.loads(path.read_text()) for path in sorted(tmp_path.rglob("*-seed-0.json"))]
    assert {record["protocol"]["hash"] for record in records} == {found["protocol"]["hash"]}
    # What was trained is read back, and gives the same table.
    assert inputs.run(tiny_log, tmp_path, seeds=1, say=said.append) == found


def test_the_quick_inputs_learn(lively_log: EventLog, tmp_path: Path) -> None:
    rows = inputs.run(lively_log, tmp_path, seeds=1, quick=True, say=lambda _: None)["rows"]
    found = {row["name"]: row["perplexity"] for row in rows}
    assert found[inputs.PLAIN] < 0.5 * found["popularity"]
    # Titles are of one word each, as ids are: they add noise and no harm.
    assert found[inputs.TITLES] < 1.2 * found[inputs.PLAIN]
