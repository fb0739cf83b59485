"""Writing Examples: what stands in them, in how many files, and folders that are not replaced."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import tensorflow as tf

from tfhrnn.data.event_log import EventLog, write_event_log
from tfhrnn.errors import ConfigError, RunError
from tfhrnn.tfrecord import writer
from tfhrnn.tfrecord.writer import export_examples


def values(path: Path) -> list[dict[str, list[Any]]]:
    """Every Example's lists by feature."""
    found = []
    for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
        features = tf.train.Example.FromString(record).features.feature
        found.append(
            {
                name: list(getattr(feature, feature.WhichOneof("kind")).value)
                for name, feature in features.items()
            }
        )
    return found


def test_an_example_is_a_user_that_tensorflow_parses(tiny_log: EventLog, tmp_path: Path) -> None:
    (path,) = export_examples(tiny_log, tmp_path / "out")
    schema = json.loads((tmp_path / "out/schema.json").read_text())
    kinds = {"bytes": tf.string, "int64": tf.int64, "float": tf.float32}
    spec = {
        name: tf.io.RaggedFeature(kinds[kind]) for name, kind in schema["columns"]["events"].items()
    }
    records = list(tf.data.TFRecordDataset(str(path)))
    assert len(records) == schema["users"] == tiny_log.num_users
    parsed = tf.io.parse_single_example(records[3], spec)
    where = tiny_log.events_of(3)
    assert parsed["user_id"].numpy().tolist() == [tiny_log.user_ids[3].encode()]
    np.testing.assert_array_equal(parsed["timestamp"], tiny_log.time[where])
    np.testing.assert_array_equal(parsed["feedback"], tiny_log.feedback[where])
    assert schema["item_features"] == ["genres:multi-hot"]
    assert schema["columns"]["users"] == {"user_id": "bytes", "age": "int64", "group": "bytes"}


def test_other_folders_and_counts_are_refused(tiny_log: EventLog, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").write_text("keep")
    with pytest.raises(RunError, match="got something that holds no examples"):
        export_examples(tiny_log, tmp_path / "mine")
    (tmp_path / "mine/schema.json").write_text("{}")
    with pytest.raises(RunError, match=r"schema\.json: got no schema of ours"):
        export_examples(tiny_log, tmp_path / "mine")
    with pytest.raises(ConfigError, match="files: got 0, expected 1 or more"):
        export_examples(tiny_log, tmp_path / "out", files=0)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["mine", "notes.txt", "schema.json"]


def test_files_hold_whole_users_in_order_and_are_named_by_their_number(
    tiny_log: EventLog, tmp_path: Path
) -> None:
    paths = export_examples(tiny_log, tmp_path / "out", files=4)
    count = len(paths)
    assert 2 <= count <= 5
    assert [path.name for path in paths] == [
        f"events-{at:05d}-of-{count:05d}.tfrecord" for at in range(count)
    ]
    users = [one["user_id"] for path in paths for one in values(path)]
    assert users == [[user.encode()] for user in tiny_log.user_ids]


def test_the_default_has_a_file_for_so_many_events(
    tiny_log: EventLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert writer.EVENTS_A_FILE == 2_000_000
    monkeypatch.setattr(writer, "EVENTS_A_FILE", tiny_log.num_events // 2)
    assert len(export_examples(tiny_log, tmp_path / "out")) == 3  # users are not cut


def test_what_a_log_lacks_is_no_column_and_what_is_missing_is_an_empty_list(
    tmp_path: Path,
) -> None:
    frame = pl.DataFrame({"user": ["a", "a", "b"], "item": ["x", "y", "x"], "time": [1, 2, 3]})
    items = pl.DataFrame({"item_id": ["x", "y"], "tags": ["p|q", None], "price": [None, 2.5]})
    log = write_event_log(
        frame, tmp_path / "log", items=items, item_features=["tags:multi-hot", "price:numeric"]
    )
    (path,) = export_examples(log, tmp_path / "out")
    events, _ = values(path)
    assert set(events) == {"user_id", "item_id", "timestamp", "weight"}
    assert events["weight"] == [1.0, 1.0]
    assert values(tmp_path / "out/items.tfrecord") == [
        {"item_id": [b"x"], "title": [], "tags": [b"p", b"q"], "price": []},
        {"item_id": [b"y"], "title": [], "tags": [], "price": [2.5]},
    ]
    assert not (tmp_path / "out/users.tfrecord").exists()  # they have no features


def test_two_exports_of_a_log_are_alike_byte_by_byte(tiny_log: EventLog, tmp_path: Path) -> None:
    for name in ("one", "two"):
        export_examples(tiny_log, tmp_path / name)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name


def test_an_export_that_fails_leaves_the_one_before(
    tiny_log: EventLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_examples(tiny_log, tmp_path / "out")
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}

    def full(*_: Any) -> None:
        raise tf.errors.ResourceExhaustedError(None, None, "no space left")

    monkeypatch.setattr(writer, "_entity", full)
    with pytest.raises(RunError, match="no space left"):
        export_examples(tiny_log, tmp_path / "out")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
