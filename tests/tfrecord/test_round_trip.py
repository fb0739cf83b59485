"""Examples out and in: the same events, items and users, or one clear error."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.tfrecord.records import example, write
from tfhrnn import cli
from tfhrnn.data.event_log import EventLog, write_event_log
from tfhrnn.errors import DataError
from tfhrnn.tfrecord.reader import open_examples
from tfhrnn.tfrecord.writer import export_examples


def again(folder: Path, out: Path, *words: str) -> EventLog:
    line = ["prepare", "--examples", str(folder), "--out", str(out), *words]
    assert cli.main(line) == 0
    return EventLog.open(out)


@pytest.mark.parametrize("files", [None, 3])
def test_a_log_comes_back_whole(tiny_log: EventLog, tmp_path: Path, files: int | None) -> None:
    paths = export_examples(tiny_log, tmp_path / "out", files=files)
    assert (len(paths) == 1) == (files is None) and len(paths) <= 4
    log = again(tmp_path / "out", tmp_path / "log")
    assert log.fingerprint == tiny_log.fingerprint
    assert (log.name, log.thresholds) == (tiny_log.name, tiny_log.thresholds)
    assert log.catalogue.titles == tiny_log.catalogue.titles
    np.testing.assert_array_equal(log.catalogue.feature_matrix, tiny_log.catalogue.feature_matrix)
    np.testing.assert_array_equal(log.user_matrix, tiny_log.user_matrix)


def test_types_weights_and_cold_items_come_back(typed_log: EventLog, tmp_path: Path) -> None:
    export_examples(typed_log, tmp_path / "out")
    log = again(tmp_path / "out", tmp_path / "log")
    assert log.fingerprint == typed_log.fingerprint and log.event_types == typed_log.event_types
    frame = pl.DataFrame(
        {"user": ["a", "b"], "item": ["x", "y"], "time": [1, 2], "weight": [0.5, 2.0]}
    )
    items = pl.DataFrame({"item_id": ["x", "y", "cold"], "price": [0.5, None, 2.0]})
    one = write_event_log(
        frame, tmp_path / "one", items=items, item_features=["price:numeric"], thresholds=(7,)
    )
    export_examples(one, tmp_path / "out")  # replaces ours
    log = again(tmp_path / "out", tmp_path / "log", "--thresholds", "9")
    assert log.fingerprint == one.fingerprint and log.thresholds == (9,)
    assert log.catalogue.ids == ["cold", "x", "y"]
    np.testing.assert_array_equal(log.catalogue.feature_matrix, one.catalogue.feature_matrix)


def test_impressions_come_back(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "user": ["a", "a", "b"],
            "item": ["x", "y", "z"],
            "time": [1, 2, 3],
            "impressions": ["x|z|y", None, "y"],
        }
    )
    log = write_event_log(frame, tmp_path / "one")
    export_examples(log, tmp_path / "out")
    back = again(tmp_path / "out", tmp_path / "log")
    assert back.fingerprint == log.fingerprint and back.shown.tolist() == log.shown.tolist()
    wrong = example(
        user_id=["a"], item_id=["x"], timestamp=[1], impressions=["y"], impressions_count=[2]
    )
    with pytest.raises(DataError, match="row 1, column impressions_count: got 1 impressions, of w"):
        open_examples(write(tmp_path / "x.tfrecord", wrong))


def test_the_command_says_how_to_come_back(
    tiny_log: EventLog, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "out")
    line = ["export-examples", "--data", str(tiny_log.directory), "--out", out]
    assert cli.main([*line, "--json", str(tmp_path / "said.json")]) == 0
    assert f"prepare --examples {out}" in capsys.readouterr().out
    said = json.loads((tmp_path / "said.json").read_text())
    assert said["fingerprint"] == tiny_log.fingerprint and Path(said["files"][0]).exists()
