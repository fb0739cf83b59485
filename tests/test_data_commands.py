"""What is said and kept by the commands that make event logs."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from tfhrnn import cli, data_commands
from tfhrnn.data.event_log import EventLog
from tfhrnn.errors import ConfigError

ROWS = pl.DataFrame(
    {
        "USER_ID": ["a", "a", "a", "b", "b", "b"],
        "ITEM_ID": ["x", "y", "z", "x", "y", "z"],
        "TIMESTAMP": [1, 2, 3, 1, 2, 3],
        "EVENT_TYPE": ["watch", "buy", "view", "watch", "watch", "buy"],
        "EVENT_VALUE": [0.7, None, None, 0.69, None, 3.0],
    }
)


def console() -> tuple[Console, StringIO]:
    screen = StringIO()
    return Console(file=screen, width=120, markup=False), screen


def prepare(table: str, out: Path, *words: str) -> int:
    return cli.main(["prepare", "--interactions", table, "--out", str(out), *words])


def items_of(log: EventLog) -> list[str]:
    return [log.catalogue.id_of(int(index)) for index in log.item]


def test_features_are_the_stated_ones_or_chosen_aloud(tmp_path: Path) -> None:
    table = tmp_path / "items.csv"
    rows = {"item_id": [str(n) for n in range(30)], "genres": ["a|b", "a", "b"] * 10}
    pl.DataFrame(rows).write_csv(table)
    screen, said = console()
    stated = data_commands.features(str(table), "item_id", ["year:numeric"], {}, screen)
    assert stated == ("year:numeric",) and said.getvalue() == ""
    assert data_commands.features(str(table), "item_id", [], {}, screen) == ()  # none are wanted
    assert said.getvalue() == ""
    chosen = data_commands.features(str(table), "item_id", None, {}, screen)
    assert chosen == ("genres:multi-hot",)
    assert said.getvalue() == f"features of {table}, chosen by content: genres:multi-hot\n"


@pytest.mark.parametrize(("role", "option"), [("item_id", "--items"), ("user_id", "--users")])
def test_features_without_a_table_name_the_option_that_is_missing(role: str, option: str) -> None:
    screen, _ = console()
    assert data_commands.features(None, role, None, {}, screen) == ()
    with pytest.raises(ConfigError, match=f"got features a:numeric, b:x .*expected {option} too"):
        data_commands.features(None, role, ["a:numeric", "b:x"], {}, screen)


def test_rules_by_type_of_event(tmp_path: Path) -> None:
    table = str(tmp_path / "events.csv")
    ROWS.write_csv(table)
    rules = ["--event-weights", "buy=5", "view=0", "--event-thresholds", "watch=0.7"]
    assert prepare(table, tmp_path / "log", *rules) == 0
    log = EventLog.open(tmp_path / "log")
    assert items_of(log) == ["x", "y", "z", "z"]  # of b's, one is below 0.7 and one has no value
    np.testing.assert_array_equal(log.weight, [1, 5, 0, 5])
    assert log.report.dropped == {
        "unknown feedback where the threshold of watch asks for some": 1,
        "feedback below the threshold of watch": 1,
    }
    assert log.rules.weights == {"buy": 5.0, "view": 0.0}

    assert prepare(table, tmp_path / "log", "--event-types", "buy", "watch") == 0
    assert items_of(EventLog.open(tmp_path / "log")) == ["x", "y", "x", "y", "z"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--event-weights", "by=2"], "column EVENT_TYPE: got no event of the type 'by' (did you"),
        (["--event-weights", "buy=-1"], "event weights: got -1.0 for 'buy', expected a finite"),
        (["--event-weights", "buy=much"], "--event-weights: got 'much', expected a number"),
        (["--event-weights", "buy"], "--event-weights: got 'buy', expected NAME=VALUE"),
        (["--event-thresholds", "4", "5"], "--event-thresholds: got =5, expected every type once"),
        (["--event-thresholds", "99"], "only rows that are left out: 3 with unknown feedback"),
        (["--event-types", "buy", "--event-weights", "view=2"], "got a weight or threshold for"),
    ],
)
def test_rules_that_cannot_be_are_refused_and_nothing_is_written(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ROWS.write_csv(tmp_path / "events.csv")
    assert prepare(str(tmp_path / "events.csv"), tmp_path / "log", *words) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["events.csv"]


def test_rules_need_the_columns_they_speak_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ROWS.drop("EVENT_TYPE", "EVENT_VALUE").write_csv(tmp_path / "events.csv")
    for words, role in (
        (["--event-types", "buy"], "event_type"),
        (["--event-thresholds", "4"], "feedback"),
    ):
        assert prepare(str(tmp_path / "events.csv"), tmp_path / "log", *words) == 2
        assert f"got no column for {role}, expected one" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "events.csv: got no column for user_id"),
        (["--map", "user_id=whom"], "events.csv: got no column 'whom'"),
    ],
)
def test_what_is_wrong_with_the_interactions_is_told_before_the_item_table(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ROWS.rename({"USER_ID": "who", "ITEM_ID": "what"}).write_csv(tmp_path / "events.csv")
    pl.DataFrame({"sku": ["x"], "genre": ["a"]}).write_csv(tmp_path / "items.csv")
    words = ["--items", str(tmp_path / "items.csv"), *words]
    assert prepare(str(tmp_path / "events.csv"), tmp_path / "log", *words) == 2
    assert said in capsys.readouterr().err


def test_a_data_set_is_called_by_its_file_or_as_asked(tmp_path: Path) -> None:
    table = str(tmp_path / "events.csv")
    ROWS.write_csv(table)
    assert prepare(table, tmp_path / "a") == prepare(table, tmp_path / "b", "--name", "Shop") == 0
    logs = [EventLog.open(tmp_path / name) for name in "ab"]
    assert [log.name for log in logs] == ["events", "Shop"]
    assert logs[0].fingerprint == logs[1].fingerprint


def test_several_files_are_one_table(tmp_path: Path) -> None:
    for part, frame in enumerate(ROWS.iter_slices(1), 5):  # part-5 to part-10
        frame.write_parquet(tmp_path / f"part-{part}.parquet")
    ROWS.write_parquet(tmp_path / "whole.parquet")
    target = tmp_path / "said.json"
    assert prepare(f"{tmp_path}/part-*.parquet", tmp_path / "a", "--json", str(target)) == 0
    assert prepare(f"{tmp_path}/whole.parquet", tmp_path / "b") == 0
    logs = [EventLog.open(tmp_path / name) for name in "ab"]
    assert logs[0].fingerprint == logs[1].fingerprint and logs[0].name == "part"
    said: dict[str, Any] = json.loads(target.read_text())
    assert said["rows_read"] == 6
