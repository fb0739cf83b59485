"""Other systems' lists: places of the right targets, and one clear error for each thing wrong."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tfhrnn.data.event_log import EventLog, write_event_log
from tfhrnn.errors import DataError, ProtocolError, RunError
from tfhrnn.evaluation.list_reader import read_lists
from tfhrnn.protocol import Protocol

ROWS = [
    ("a", "x", ["y", "x", "z"]),  # in second place
    ("a", "y", ["z", "x"]),  # not there
    ("a", "x", ["x"]),  # the same item again, now in first place
    ("b", "z", ["x", "y", "z"]),
]


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> EventLog:
    events = [("a", "x"), ("a", "y"), ("a", "x"), ("b", "z"), ("c", "w")]
    frame = pl.DataFrame(events, schema=["user_id", "item_id"], orient="row")
    frame = frame.with_columns(timestamp=pl.Series(np.arange(5) * 60 + 10**9))
    return write_event_log(frame, tmp_path_factory.mktemp("lists") / "log")


@pytest.fixture(scope="module")
def targets(log: EventLog) -> pl.DataFrame:
    return pl.DataFrame(
        {"user": [0, 0, 0, 1], "position": [0, 1, 2, 0], "item": np.asarray(log.item[:4], np.int64)}
    )


@pytest.fixture(scope="module")
def protocol(log: EventLog) -> Protocol:
    return Protocol("toy", log.fingerprint, 0, 2, 4, 4, k=3)


def write(
    path: Path, protocol: Protocol | None, rows: list[Any] = ROWS, **columns: list[Any]
) -> Path:
    frame = pl.DataFrame(rows, schema=["user", "target", "items"], orient="row")
    frame = frame.with_columns(**{name: pl.Series(values) for name, values in columns.items()})
    known = {} if protocol is None else {"protocol_hash": protocol.hash}
    frame.write_parquet(path, metadata=known)
    return path


def test_places_are_those_of_each_event_in_turn(
    log: EventLog, targets: pl.DataFrame, protocol: Protocol, tmp_path: Path
) -> None:
    never = np.iinfo(np.int32).max
    for order in ([0, 1, 2, 3], [3, 1, 0, 2]):  # rows of one user and item keep their own order
        rows = [ROWS[at] for at in order]
        found = read_lists(write(tmp_path / "a.parquet", protocol, rows), log, targets, protocol)
        assert found["rank"].to_list() == [1, never, 0, 2]
        assert found.drop("rank").equals(targets)


def test_whole_numbers_are_ids_too_and_empty_lists_are_misses(
    tmp_path: Path, protocol: Protocol
) -> None:
    frame = pl.DataFrame({"user_id": [1, 1, 2], "item_id": [5, 6, 5], "timestamp": [1, 2, 3]})
    log = write_event_log(frame, tmp_path / "log")
    targets = pl.DataFrame({"user": [0, 0, 1], "position": [0, 1, 0], "item": [2, 3, 2]})
    path = tmp_path / "a.parquet"
    lists = pl.DataFrame({"user": [1, 1, 2], "target": [5, 6, 5], "items": [[6, 5], [], [5]]})
    lists.write_parquet(path)
    wide = dataclasses.replace(protocol, k=2)
    found = read_lists(path, log, targets, wide, wide.hash)
    assert found["rank"].to_list() == [1, np.iinfo(np.int32).max, 0]


def test_the_protocol_comes_from_the_file_or_is_stated(
    log: EventLog, targets: pl.DataFrame, protocol: Protocol, tmp_path: Path
) -> None:
    silent = write(tmp_path / "silent.parquet", None)
    assert read_lists(silent, log, targets, protocol, protocol.hash).height == 4
    with pytest.raises(ProtocolError, match=r"got no protocol_hash .* there or as --protocol"):
        read_lists(silent, log, targets, protocol)
    with pytest.raises(
        ProtocolError, match=f"got lists of the protocol beef, exp.*{protocol.hash}"
    ):
        read_lists(silent, log, targets, protocol, "beef")
    # What is stated does not outweigh what the file says.
    other = dataclasses.replace(protocol, seen_filter=True)
    filtered = write(tmp_path / "filtered.parquet", other)
    with pytest.raises(ProtocolError, match=f"got lists of the protocol {other.hash}"):
        read_lists(filtered, log, targets, protocol, protocol.hash)
    # The whole record names what differs.
    pl.read_parquet(filtered).write_parquet(
        filtered, metadata={"protocol": json.dumps(other.to_dict())}
    )
    with pytest.raises(ProtocolError, match=r"differ in seen_filter \(True and False\)"):
        read_lists(filtered, log, targets, protocol)


WRONG: list[tuple[list[Any], dict[str, list[Any]], str]] = [
    ([*ROWS, ("c", "w", ["x"])], {}, r"row 5, column user: got \"c\", expected one of the 2 test"),
    ([*ROWS, ("b", "x", ["x"])], {}, r"row 5, column target: got \"x\", expected one of the user"),
    ([*ROWS, ("a", "x", ["x"])], {}, r"row 5, column target: got \"x\", .* as often as it is one"),
    (ROWS[:2], {}, r"got no list for the target 'x' of the user 'a', .* 4 targets \(1 more row"),
    (
        [*ROWS[:3], ("b", "z", ["x", "x"])],
        {},
        r"row 4, column items: got \[\"x\", \"x\"\], exp.*once",
    ),
    (
        [*ROWS[:3], ("b", "z", ["x", "?"])],
        {},
        r"row 4, column items: got \"\?\", .* of the catalogue",
    ),
    ([*ROWS[:3], ("b", "z", ["x", None])], {}, r"row 4, column items: got null, .* catalogue"),
    ([*ROWS[:3], (None, "z", ["x"])], {}, r"row 4, column user: got null, expected a value"),
    ([*ROWS[:3], ("b", "z", None)], {}, r"row 4, column items: got null, expected a value"),
    (
        [(u, t, i[:2]) for u, t, i in ROWS],
        {},
        r"column items: got lists of at most 2 items, exp.* 3",
    ),
    (
        ROWS,
        {"scores": [[3.0, 2, 1], [2.0, 1], [1.0], [1.0, 1]]},
        r"row 4, column scores: got \[1\.0, 1\.0\], expected as many as there are items",
    ),
    (
        ROWS,
        {"scores": [[3.0, 2, 1], [1.0, 2], [1.0], [1.0, 1, 1]]},
        r"row 2, column scores: got \[1\.0, 2\.0\], expected numbers that never rise",
    ),
    (
        ROWS,
        {"scores": [[3.0, 2, 1], [2.0, 1], [float("nan")], [1.0, 1, 1]]},
        r"row 3, column scores: got \[NaN\], expected numbers that never rise",
    ),
    (
        ROWS,
        {"items": ["x", "y", "x", "z"]},
        r"column items: got a column of String, expected lists",
    ),
]


@pytest.mark.parametrize(("rows", "columns", "message"), WRONG)
def test_what_is_wrong_is_told_by_row_and_column(
    rows: list[Any],
    columns: dict[str, list[Any]],
    message: str,
    log: EventLog,
    targets: pl.DataFrame,
    protocol: Protocol,
    tmp_path: Path,
) -> None:
    path = write(tmp_path / "lists.parquet", protocol, rows, **columns)
    with pytest.raises(DataError, match=message):
        read_lists(path, log, targets, protocol)


def test_other_files_are_no_lists(
    log: EventLog, targets: pl.DataFrame, protocol: Protocol, tmp_path: Path
) -> None:
    with pytest.raises(RunError, match="got no such file, expected ranked lists as Parquet"):
        read_lists(tmp_path / "none.parquet", log, targets, protocol)
    path = tmp_path / "text.parquet"
    path.write_text("user,target,items\n")
    with pytest.raises(DataError, match="got a file of another kind, expected Parquet"):
        read_lists(path, log, targets, protocol)
    pl.DataFrame({"user": ["a"], "items": [["x"]]}).write_parquet(path)
    with pytest.raises(DataError, match="column target: got no such column"):
        read_lists(path, log, targets, protocol, protocol.hash)
