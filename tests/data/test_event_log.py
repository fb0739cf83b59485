"""What goes into an event log comes out of it, in order, by whatever form it came."""

from __future__ import annotations

import ast
import errno
import hashlib
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tfhrnn.data
from tfhrnn.data import disk_arrays, event_log
from tfhrnn.data.event_log import EventLog, write_event_log
from tfhrnn.data.sources import TableSource
from tfhrnn.data.tables import read_interactions, read_table
from tfhrnn.errors import ConfigError, DataError, RunError

AWKWARD = st.one_of(
    st.sampled_from(
        ["a,b", 'say "hi"', "two\nlines", " space ", "é日本", "1", "01", "nan", "null"]
    ),
    st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), min_size=1, max_size=5),
)
ROWS = st.lists(
    st.tuples(AWKWARD, AWKWARD, st.integers(0, 5), st.sampled_from([1.0, 2.5, None])),
    min_size=1,
    max_size=25,
).filter(lambda rows: len({r[0] for r in rows}) > 1 and len({r[1] for r in rows}) > 1)
SMALL = pl.DataFrame(
    {
        "user_id": ["u2", "u1", "u2", "u1", "u2"],
        "item_id": ["c", "b", "a", "a", "b"],
        "timestamp": [100, 50, 100, 40, 90],
        "rating": [1.0, 2.0, 3.0, None, 5.0],
    }
)


def frame_of(rows: list[tuple[Any, ...]]) -> pl.DataFrame:
    schema = {
        "user_id": pl.String,
        "item_id": pl.String,
        "timestamp": pl.Int64,
        "feedback": pl.Float64,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def decoded(log: EventLog) -> dict[str, list[tuple[str, int, float | None]]]:
    events = {}
    for user, name in enumerate(log.user_ids):
        where = log.events_of(user)
        feedback = [None if np.isnan(f) else float(f) for f in log.feedback[where]]
        items = [log.catalogue.id_of(int(i)) for i in log.item[where]]
        events[name] = list(zip(items, log.time[where].tolist(), feedback, strict=True))
    return events


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(rows=ROWS, chunk_rows=st.integers(1, 8))
def test_every_row_comes_back_in_stable_order(
    tmp_path: Path, rows: list[tuple[Any, ...]], chunk_rows: int
) -> None:
    log = write_event_log(
        frame_of(rows), tmp_path / "log", keep_duplicates=True, chunk_rows=chunk_rows
    )
    expected = defaultdict(list)
    for user, item, time, feedback in sorted(rows, key=lambda row: row[2]):  # stable in ties
        expected[user].append((item, time, feedback))
    assert decoded(log) == expected
    assert log.num_events == len(rows)


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(rows=ROWS)
def test_every_form_gives_the_same_fingerprint(tmp_path: Path, rows: list[tuple[Any, ...]]) -> None:
    frame = frame_of(rows)
    frame.write_csv(tmp_path / "t.csv", quote_style="always")
    frame.write_parquet(tmp_path / "t.parquet")
    pandas = pd.DataFrame(rows, columns=frame.columns)
    forms: list[TableSource] = [
        frame,
        frame.lazy(),
        tmp_path / "t.csv",
        tmp_path / "t.parquet",
        pandas,
    ]
    logs = [write_event_log(form, tmp_path / "log", chunk_rows=3) for form in forms]
    assert len({log.fingerprint for log in logs}) == 1


def test_ties_keep_the_order_of_the_rows(tmp_path: Path) -> None:
    log = write_event_log(SMALL, tmp_path / "log")
    assert log.user_ids == ["u1", "u2"]
    assert decoded(log)["u2"] == [("b", 90, 5.0), ("c", 100, 1.0), ("a", 100, 3.0)]
    assert decoded(log)["u1"] == [("a", 40, None), ("b", 50, 2.0)]


def test_types_and_meta(tmp_path: Path) -> None:
    log = write_event_log(SMALL, tmp_path / "log", name="small", thresholds=(5, 60))
    types = [str(getattr(log, n).dtype) for n in ("offsets", "item", "time", "feedback", "weight")]
    assert types == ["int64", "int32", "int64", "float32", "float32"]
    assert log.offsets.tolist() == [0, 2, 5]
    assert (log.name, log.thresholds, log.has_feedback) == ("small", (5, 60), True)
    assert (log.num_users, log.num_items, log.num_events) == (2, 3, 5)
    assert log.report.rows_kept == 5
    assert (log.user_index("u2"), log.user_index("u3")) == (1, None)
    assert log.user_matrix.shape == (2, 0)
    assert not write_event_log(SMALL.drop("rating"), tmp_path / "b").has_feedback


def test_event_types_are_stored_only_where_there_are_any(tmp_path: Path) -> None:
    bare = write_event_log(SMALL, tmp_path / "bare")
    assert (bare.event_types, bare.event_type.tolist()) == ((), [0] * 5)
    assert not (tmp_path / "bare" / "event_type.npy").exists()
    missing = SMALL.with_columns(pl.lit(None).alias("event_type"))
    assert write_event_log(missing, tmp_path / "log").fingerprint == bare.fingerprint
    # users u1 (rows 2 and 4, by time "a", "b"), u2 (rows 5, 1, 3)
    typed = SMALL.with_columns(pl.Series("EVENT_TYPE", ["view", "buy", None, "view", "buy"]))
    log = write_event_log(typed, tmp_path / "log")
    assert log.event_types == ("buy", "view") and log.event_type.dtype == np.int16
    assert log.event_type.tolist() == [2, 1, 1, 2, 0]
    assert log.event_types_of(1) == ["buy", "view", ""]
    renamed = typed.with_columns(pl.col("EVENT_TYPE").replace("view", "look"))
    others = write_event_log(renamed, tmp_path / "other").fingerprint
    assert len({log.fingerprint, bare.fingerprint, others}) == 3


def test_a_log_from_before_event_types_opens(tmp_path: Path) -> None:
    log = write_event_log(SMALL, tmp_path / "log")
    # SHA-256 of what was written then: each array's name, type, length and bytes, then the ids
    digest = hashlib.sha256()
    for name, array in (
        ("offsets", np.array([0, 2, 5], "<i8")),
        ("item", np.array([2, 3, 3, 4, 2], "<i4")),
        ("time", np.array([40, 50, 90, 100, 100], "<i8")),
        ("feedback", np.array([np.nan, 2, 5, 1, 3], "<f4")),
        ("weight", np.ones(5, "<f4")),
    ):
        digest.update(f"{name} {array.dtype.str} {len(array)}\n".encode() + array.tobytes())
    digest.update(b'["u1", "u2"]["a", "b", "c"]')
    meta = json.loads((tmp_path / "log" / "meta.json").read_text())
    del meta["event_types"]
    (tmp_path / "log" / "meta.json").write_text(json.dumps(meta))
    old = EventLog.open(tmp_path / "log")
    assert (old.event_types, old.event_types_of(0)) == ((), ["", ""])
    assert old.fingerprint == log.fingerprint == digest.hexdigest()


def test_integer_ids_sort_as_integers(tmp_path: Path) -> None:
    frame = pl.DataFrame({"user": [10, 9], "item": [100, 20], "time": [1, 2]})
    log = write_event_log(frame, tmp_path / "log")
    assert log.user_ids == ["9", "10"]
    assert log.catalogue.ids == ["20", "100"]


def test_identical_rows_are_dropped_and_counted_unless_kept(tmp_path: Path) -> None:
    first, other = ("u", "i", 5, 1.0), ("v", "j", 5, None)
    rows = [first, ("u", "j", 5, 1.0), first, other, other, ("u", "i", 6, 1.0), ("u", "i", 5, 2.0)]
    log = write_event_log(frame_of(rows), tmp_path / "log")
    assert log.report.dropped == {"identical row": 2}
    assert (log.report.rows_read, log.report.rows_kept, log.num_events) == (7, 5, 5)
    assert decoded(log)["u"] == [("i", 5, 1.0), ("j", 5, 1.0), ("i", 5, 2.0), ("i", 6, 1.0)]
    kept = write_event_log(frame_of(rows), tmp_path / "kept", keep_duplicates=True)
    assert (kept.num_events, kept.report.dropped) == (7, {})


def test_items_and_users_bring_features(tmp_path: Path) -> None:
    items = pl.DataFrame(
        {"item_id": ["a", "z", "c"], "title": ["A", "Z", "C"], "genre": ["x", "y", "x|y"]}
    )
    users = pl.DataFrame({"user_id": ["u2", "idle"], "age": [30, 50]})
    log = write_event_log(
        SMALL,
        tmp_path / "log",
        items=read_table(items, features=["genre:multi-hot"]),
        users=users,
        user_features=["age:numeric"],
    )
    assert log.catalogue.ids == ["a", "b", "c", "z"]
    assert log.catalogue.titles == ["A", "", "C", "Z"]
    half = np.float32(np.sqrt(0.5))
    np.testing.assert_allclose(
        log.catalogue.feature_matrix, np.array([[1, 0], [0, 0], [half, half], [0, 1]]), rtol=1e-6
    )
    np.testing.assert_array_equal(log.user_matrix, [[0, 1], [0, 0]])  # u1 has no row: missing
    assert log.report.notes == [
        "1 items of frame have no event (cold items)",
        "1 items with events are missing from frame: no features",
        "1 users of frame have no event and are left out",
        "1 users with events are missing from frame: no features",
    ]
    bare = write_event_log(SMALL, tmp_path / "bare")
    assert bare.catalogue.features is None and bare.fingerprint != log.fingerprint


def test_a_reader_can_be_handed_over(tmp_path: Path) -> None:
    reader = read_interactions(SMALL, timestamp_unit="s")
    assert write_event_log(reader, tmp_path / "log").report.unit_inferred is False


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("user_id", "column user_id: got a single user, 'same', expected at least 2 users"),
        ("item_id", "column item_id: got a single item, 'same', expected at least 2 items"),
    ],
)
def test_one_user_or_one_item_is_too_few(tmp_path: Path, column: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        write_event_log(SMALL.with_columns(pl.lit("same").alias(column)), tmp_path / "log")
    assert list(tmp_path.iterdir()) == []


def test_bad_rows_leave_nothing_behind(tmp_path: Path) -> None:
    bad = SMALL.with_columns(
        pl.when(pl.col("rating") == 5).then(-1).otherwise("timestamp").alias("timestamp")
    )
    with pytest.raises(DataError, match="row 5, column timestamp: got -1"):
        write_event_log(bad, tmp_path / "deep" / "log", chunk_rows=2)
    assert not list(tmp_path.rglob("*.npy")) and not list(tmp_path.rglob(".*"))


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()]
)
def test_a_full_disk_or_ctrl_c_keeps_the_old_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    out = tmp_path / "log"
    old = write_event_log(SMALL, out).fingerprint
    write, calls = disk_arrays.write_npy, []

    def failing(path: Path, *rest: Any) -> None:
        calls.append(path)
        if len(calls) == 3:
            raise error
        write(path, *rest)

    monkeypatch.setattr(event_log, "write_npy", failing)
    wanted = RunError if isinstance(error, OSError) else KeyboardInterrupt
    with pytest.raises(wanted) as caught:
        write_event_log(SMALL.head(4), out)
    if isinstance(error, OSError):
        assert str(caught.value).endswith("No space left on device; nothing was kept")
    assert [path.name for path in tmp_path.iterdir()] == ["log"]
    assert EventLog.open(out).fingerprint == old


def test_a_disk_that_fills_at_the_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise pl.exceptions.ComputeError("parquet: No space left on device (os error 28)\nmore")

    monkeypatch.setattr(pl.DataFrame, "write_parquet", full)
    with pytest.raises(
        RunError, match=r"No space left on device \(os error 28\); nothing was kept"
    ):
        write_event_log(SMALL, tmp_path / "log")
    assert list(tmp_path.iterdir()) == []


def test_an_old_log_is_replaced_and_anything_else_refused(tmp_path: Path) -> None:
    first = write_event_log(SMALL, tmp_path / "log")
    second = write_event_log(SMALL.head(4), tmp_path / "log")
    assert first.num_events == 5 and second.num_events == 4  # the first one's files stay mapped
    (tmp_path / "mine").mkdir()
    write_event_log(SMALL, tmp_path / "mine")  # an empty folder is no loss
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("keep")
    (tmp_path / "file").write_text("keep")
    for name in ("notes", "file"):
        with pytest.raises(RunError, match="something that is no event log"):
            write_event_log(SMALL, tmp_path / name)
    assert (tmp_path / "notes" / "a.txt").read_text() == "keep"


def test_open_refuses_what_is_no_whole_log(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="got no such folder"):
        EventLog.open(tmp_path / "none")
    with pytest.raises(RunError, match=r"without our meta\.json"):
        EventLog.open(tmp_path)
    out = tmp_path / "log"
    write_event_log(SMALL, out)
    np.save(out / "time.npy", np.zeros(3, np.int64))
    with pytest.raises(RunError, match="arrays of unlike lengths"):
        EventLog.open(out)
    (out / "time.npy").write_bytes(b"")
    with pytest.raises(RunError, match="damaged event log"):
        EventLog.open(out)
    meta = json.loads((out / "meta.json").read_text())
    (out / "meta.json").write_text(json.dumps({**meta, "version": 99}))
    with pytest.raises(RunError, match="got version 99, expected 1"):
        EventLog.open(out)


def test_bad_options_are_refused_before_reading(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="thresholds: got 60, 60"):
        write_event_log(SMALL, tmp_path / "log", thresholds=(60, 60))
    assert not (tmp_path / "log").exists()


@pytest.mark.parametrize("module", sorted(Path(tfhrnn.data.__file__).parent.glob("*.py")))
def test_only_windows_knows_tensorflow(module: Path) -> None:
    if module.name == "windows.py":
        return
    for node in ast.parse(module.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [getattr(node, "module", None) or "", *(alias.name for alias in node.names)]
            assert not any(name.startswith(("tensorflow", "tf_keras")) for name in names)
