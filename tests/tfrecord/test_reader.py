"""Reading Examples: events chunk by chunk, items and users, and what is refused with its place."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tests.tfrecord.records import GOOD, example, write
from tfhrnn import cli
from tfhrnn.data.event_log import EventLog, write_event_log
from tfhrnn.errors import DataError
from tfhrnn.tfrecord.reader import open_events, open_examples
from tfhrnn.tfrecord.writer import export_examples


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
    line = ["prepare", "--examples", str(tmp_path / "x-*.tfrecord")]
    assert cli.main([*line, "--out", str(tmp_path / "log")]) == 0
    log = EventLog.open(tmp_path / "log")
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


def test_a_folder_has_items_users_and_what_its_schema_says(
    typed_log: EventLog, tiny_log: EventLog, tmp_path: Path
) -> None:
    export_examples(tiny_log, tmp_path / "tiny")
    found = open_examples(tmp_path / "tiny")
    assert found.items is not None and found.users is not None and found.schema is not None
    assert found.items.height == 30 and found.users.height == 40
    # Genres stand as lists where some item has several.
    assert found.items["genres"].dtype == pl.List(pl.String)
    assert set(found.users.columns) == {"user_id", "age", "group"}
    assert found.schema.user_features == ("age:numeric", "group:categorical")
    export_examples(typed_log, tmp_path / "typed")
    (tmp_path / "typed/schema.json").unlink()
    (tmp_path / "typed/users.tfrecord").unlink()
    bare = open_examples(tmp_path / "typed")
    assert bare.schema is None and bare.users is None and bare.items is not None
    assert "event_type" in bare.events.names


def test_a_file_or_a_pattern_has_events_alone(tmp_path: Path) -> None:
    path = write(tmp_path / "x.tfrecord", *GOOD)
    for place in (path, tmp_path / "*.tfrecord"):
        found = open_examples(place)
        assert (found.items, found.users, found.schema) == (None, None, None)
        assert found.events.names == ("item_id", "timestamp", "user_id", "feedback")


def test_a_value_that_stands_once_counts_for_all_events_and_none_is_unknown(
    tmp_path: Path,
) -> None:
    path = write(
        tmp_path / "x.tfrecord",
        example(user_id=["a"], item_id=["x", "y"], timestamp=[5, 6], feedback=[0.5]),
        example(user_id=["b"], item_id=["z"], timestamp=[7], feedback=[]),
    )
    (frame,) = open_examples(path).events.chunks(["user_id", "item_id", "feedback"], 100)
    assert frame.rows() == [("a", "x", 0.5), ("a", "y", 0.5), ("b", "z", None)]


@pytest.mark.parametrize("rows", [1, 2, 3, 50])
def test_rows_are_located_in_their_files(tmp_path: Path, rows: int) -> None:
    first = write(tmp_path / "1.tfrecord", *GOOD)  # of two events and one
    second = write(tmp_path / "2.tfrecord", GOOD[0])
    events = open_events([first, second], "both")
    for _ in events.chunks(["item_id"], rows):
        pass
    assert events.locate is not None
    wanted = [(first, 1), (first, 1), (first, 2), (second, 1), (second, 1)]
    assert [events.locate(row) for row in range(1, 6)] == [(str(p), n) for p, n in wanted]


def test_text_that_is_no_utf_8_is_refused(tmp_path: Path) -> None:
    wrong = example(user_id=["a"], item_id=["xxxx"], timestamp=[1]).replace(b"xxxx", b"\xff" * 4)
    with pytest.raises(DataError, match="row 2: got text that is not UTF-8, expected a TFRecord"):
        open_examples(write(tmp_path / "x.tfrecord", GOOD[0], wrong))


@pytest.mark.parametrize(("counts", "told"), [([2], 2), ([0], 0), ([-1, 2], 1)])
def test_impressions_have_to_add_up(tmp_path: Path, counts: list[int], told: int) -> None:
    wrong = example(
        user_id=["a"], item_id=["x"], timestamp=[1], impressions=["y"], impressions_count=counts
    )
    message = f"column impressions_count: got 1 impressions, of which the counts tell {told}"
    with pytest.raises(DataError, match=message):
        open_examples(write(tmp_path / "x.tfrecord", wrong))
