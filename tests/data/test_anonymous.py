"""Rows without a user go to the user of their session, or stand alone; doubt is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tfhrnn.data.append import append_events
from tfhrnn.data.event_log import EventLog, write_event_log
from tfhrnn.data.tables import read_interactions
from tfhrnn.errors import DataError

Row = tuple[str | None, str | None, str, int]


def table(*rows: Row) -> pl.DataFrame:
    schema = {"user": pl.String, "session_id": pl.String, "item": pl.String, "time": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def owners(frame: Any, **options: Any) -> list[str]:
    return pl.concat(list(read_interactions(frame, **options)))["user_id"].to_list()


def histories(log: EventLog) -> dict[str, list[str]]:
    return {
        user: [log.catalogue.id_of(int(item)) for item in log.item[log.events_of(at)]]
        for at, user in enumerate(log.user_ids)
    }


MIXED = table(
    (None, "s1", "x", 1),  # tied by the next row
    ("a", "s1", "y", 2),
    ("", "s1", "z", 3),
    ("a", "s2", "x", 4),
    (None, "s3", "y", 5),  # tied to no one
    ("b", None, "x", 6),
    (None, "s3", "x", 7),
    ("b", "s4", "z", 8),
    ("c", "s4", "z", 9),  # a shared session whose rows all have a user
)


@pytest.mark.parametrize("chunk_rows", [1, 2, 100])
def test_rows_go_to_the_user_of_their_session(chunk_rows: int) -> None:
    reader = read_interactions(MIXED, chunk_rows=chunk_rows)
    rows = pl.concat(list(reader))
    expected = ["a", "a", "a", "a", "session:s3", "b", "session:s3", "b", "c"]
    assert rows["user_id"].to_list() == expected
    assert reader.report.notes == [
        "2 rows without a user belong to the user that their session is tied to",
        "2 rows without a user are of sessions that no user is tied to: each is a user of its own, "
        "session:ID",
    ]


def test_a_log_has_whole_histories(tmp_path: Path) -> None:
    log = write_event_log(MIXED, tmp_path / "log")
    assert histories(log) == {
        "a": ["x", "y", "z", "x"],
        "b": ["x", "z"],
        "c": ["z"],
        "session:s3": ["y", "x"],
    }


def test_sessions_are_ids_of_any_kind_and_need_no_users() -> None:
    frame = pl.DataFrame({"session": [7, 7, 8], "item": ["x", "y", "x"], "time": [1, 2, 3]})
    assert owners(frame) == ["session:7", "session:7", "session:8"]
    assert owners(frame, columns={"user_id": "session"}) == ["7", "7", "8"]


def test_a_session_of_two_users_is_refused_where_it_matters() -> None:
    doubtful = pl.concat([MIXED, table((None, "s4", "x", 10))])
    with pytest.raises(DataError) as caught:
        owners(doubtful)
    assert str(caught.value) == (
        "frame, row 9, column user: got 'c' in the session 's4', of which row 8 says 'b', "
        "expected one user in a session that also has rows without a user"
    )


def test_a_user_called_like_an_unnamed_session_is_refused() -> None:
    clash = pl.concat([MIXED, table(("session:s3", None, "x", 10))])
    with pytest.raises(DataError, match="row 10, column user: got 'session:s3', expected another"):
        owners(clash)
    free = pl.concat([MIXED, table(("session:s1", None, "x", 10))])  # s1 is a's
    assert owners(free)[-1] == "session:s1"


def test_a_row_with_neither_is_refused() -> None:
    blank = pl.concat([MIXED, table((None, None, "x", 10), ("", "", "x", 11))])
    with pytest.raises(
        DataError, match=r"row 10, column user: got nothing, expected a user id, or"
    ):
        owners(blank)
    lone = pl.DataFrame({"session": ["s", None], "item": ["x", "y"], "time": [1, 2]})
    with pytest.raises(DataError, match="row 2, column session: got nothing, expected a user id"):
        owners(lone)


def test_files_name_the_rows_of_both_users(tmp_path: Path) -> None:
    table(("a", "s", "x", 1), (None, "s", "y", 2)).write_csv(tmp_path / "1.csv")
    table(("b", "s", "x", 3)).write_csv(tmp_path / "2.csv")
    with pytest.raises(DataError) as caught:
        owners(tmp_path / "*.csv")
    folder = str(tmp_path)
    assert str(caught.value).startswith(
        f"{folder}/2.csv, row 1, column user: got 'b' in the session 's', of which {folder}/1.csv, "
        "row 1, says 'a', expected"
    )


def test_an_update_continues_sessions_and_says_which_got_a_name(tmp_path: Path) -> None:
    log = write_event_log(MIXED, tmp_path / "log")
    new = table((None, "s3", "z", 20), ("d", "s3", "x", 21), (None, "s9", "x", 22))
    grown = append_events(log, new, tmp_path / "grown")
    assert histories(grown)["d"] == ["z", "x"]
    assert histories(grown)["session:s3"] == ["y", "x"]
    assert histories(grown)["session:s9"] == ["x"]
    assert any("1 sessions that had no user in the log" in note for note in grown.report.notes)
    same = append_events(log, table((None, "s3", "z", 20)), tmp_path / "same")
    assert histories(same)["session:s3"] == ["y", "x", "z"]
