"""Examples out and in: the same events, items and users, or one clear error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import tensorflow as tf

from tfhrnn import cli
from tfhrnn.data.event_log import EventLog, write_event_log
from tfhrnn.errors import ConfigError, DataError, RunError
from tfhrnn.tfrecord.reader import open_examples
from tfhrnn.tfrecord.writer import export_examples


def again(folder: Path, out: Path, *words: str) -> EventLog:
    line = ["prepare", "--examples", str(folder), "--out", str(out), *words]
    assert cli.main(line) == 0
    return EventLog.open(out)


def example(**features: list[Any]) -> bytes:
    lists = {}
    for name, values in features.items():
        if values and isinstance(values[0], str):
            encoded = [value.encode() for value in values]
            lists[name] = tf.train.Feature(bytes_list=tf.train.BytesList(value=encoded))
        elif values and isinstance(values[0], float):
            lists[name] = tf.train.Feature(float_list=tf.train.FloatList(value=values))
        else:
            lists[name] = tf.train.Feature(int64_list=tf.train.Int64List(value=values))
    record: bytes = tf.train.Example(features=tf.train.Features(feature=lists)).SerializeToString()
    return record


def write(path: Path, *records: bytes) -> Path:
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)
    return path


GOOD = [
    example(user_id=["a"], item_id=["x", "y"], timestamp=[5, 6]),
    example(user_id=["b"], item_id=["x"], timestamp=[7], feedback=[2.5]),
]


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


@pytest.mark.parametrize("rows", [1, 2, 100])
def test_examples_from_elsewhere_hold_any_part_of_a_user(tmp_path: Path, rows: int) -> None:
    write(tmp_path / "x-2.tfrecord", *GOOD)
    write(tmp_path / "x-10.tfrecord", example(user_id=["a"], item_id=["z"], timestamp=[4]))
    events = open_examples(tmp_path / "x-*.tfrecord").events
    assert set(events.names) == {"user_id", "item_id", "timestamp", "feedback"}
    frames = list(events.chunks(["user_id", "item_id", "timestamp", "feedback"], rows))
    assert all(frame.height <= rows for frame in frames)
    assert [row for frame in frames for row in frame.rows()] == [
        ("a", "x", 5, None),
        ("a", "y", 6, None),
        ("b", "x", 7, 2.5),
        ("a", "z", 4, None),
    ]
    log = again(tmp_path / "x-*.tfrecord", tmp_path / "log")
    assert log.user_ids == ["a", "b"] and log.num_events == 4 and log.name == "x"


def test_a_bad_event_is_told_by_its_file_and_example(tmp_path: Path) -> None:
    path = write(
        tmp_path / "x.tfrecord", *GOOD, example(user_id=["a"], item_id=["z"], timestamp=[-4])
    )
    with pytest.raises(DataError) as caught:
        write_event_log(open_examples(path).events, tmp_path / "log")
    assert str(caught.value) == (
        f"{path}, row 3, column timestamp: got -4, expected a time from 1970 on"
    )
    lists = example(user_id=["a"], item_id=["x", "y", "z"], timestamp=[5, 6])
    write(path, GOOD[0], lists)
    with pytest.raises(
        DataError, match=r"row 2, column timestamp: got 2 values .5 the first., exp"
    ):
        write_event_log(open_examples(path).events, tmp_path / "log")
    assert not (tmp_path / "log").exists()


def test_what_is_no_tfrecord_of_examples_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.tfrecord"
    path.write_text("user_id,item_id\n1,2\n3,4\n5,6\n")
    with pytest.raises(DataError, match="row 1: got a damaged record or none at all, expected"):
        open_examples(path)
    write(path, GOOD[0], b"\xff\xff\xff")
    with pytest.raises(DataError, match="row 2: got a damaged record"):
        open_examples(path)
    write(path)
    with pytest.raises(DataError, match="got no Example, expected TFRecord"):
        open_examples(path)
    line = ["prepare", "--examples", str(tmp_path / "no-*"), "--out", str(tmp_path / "log")]
    assert cli.main(line) == 2
    assert "no-*: got no such file, expected files that match" in capsys.readouterr().err


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


def test_the_command_says_how_to_come_back(
    tiny_log: EventLog, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "out")
    line = ["export-examples", "--data", str(tiny_log.directory), "--out", out]
    assert cli.main([*line, "--json", str(tmp_path / "said.json")]) == 0
    assert f"prepare --examples {out}" in capsys.readouterr().out
    said = json.loads((tmp_path / "said.json").read_text())
    assert said["fingerprint"] == tiny_log.fingerprint and Path(said["files"][0]).exists()
