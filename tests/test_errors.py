"""The one wording of data errors, and the one base that the command line catches."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfhrnn import errors
from tfhrnn.errors import (
    ConfigError,
    DataError,
    ProtocolError,
    RunError,
    TfhrnnError,
    did_you_mean,
)


@pytest.mark.parametrize(
    ("row", "column", "more", "message"),
    [
        (None, None, 0, "a.csv: got 'x', expected y"),
        (7, None, 0, "a.csv, row 7: got 'x', expected y"),
        (None, "time", 0, "a.csv, column time: got 'x', expected y"),
        (7, "time", 0, "a.csv, row 7, column time: got 'x', expected y"),
        (None, None, 1, "a.csv: got 'x', expected y (1 more row like it)"),
        (7, None, 1, "a.csv, row 7: got 'x', expected y (1 more row like it)"),
        (None, "time", 2, "a.csv, column time: got 'x', expected y (2 more rows like it)"),
        (7, "time", 3, "a.csv, row 7, column time: got 'x', expected y (3 more rows like it)"),
    ],
)
def test_a_data_error_says_where_what_and_how_many_more(
    row: int | None, column: str | None, more: int, message: str
) -> None:
    error = DataError("a.csv", found="'x'", expected="y", row=row, column=column, more=more)
    assert str(error) == message
    assert (error.source, error.row, error.column, error.more) == ("a.csv", row, column, more)


def test_row_0_is_a_row() -> None:
    # A caller's frame may count from 0; only None means that the row is not known.
    assert str(DataError("t", found="a", expected="b", row=0)) == "t, row 0: got a, expected b"


def test_a_path_is_shown_as_it_was_given() -> None:
    error = DataError(Path("data") / "rät ings.csv", found="no such file", expected="a CSV")
    assert error.source == str(Path("data") / "rät ings.csv")
    assert str(error).startswith(f"{error.source}: got no such file")


@given(
    found=st.text(max_size=20),
    row=st.none() | st.integers(1, 10**9),
    more=st.integers(0, 10**9),
)
def test_what_was_found_stands_as_it_was_written(found: str, row: int | None, more: int) -> None:
    text = str(DataError("t", found=found, expected="z", row=row, more=more))
    assert f": got {found}, expected z" in text
    assert (f"row {row}: " in text) == (row is not None)
    assert text.endswith("like it)") == (more > 0)


@pytest.mark.parametrize("kind", [DataError, ConfigError, ProtocolError, RunError])
def test_every_error_is_one_that_the_command_line_catches(kind: type[TfhrnnError]) -> None:
    assert issubclass(kind, TfhrnnError) and issubclass(kind, ValueError)
    # None is a kind of another, so that catching one never swallows the other.
    others = {DataError, ConfigError, ProtocolError, RunError} - {kind}
    assert not any(issubclass(kind, other) for other in others)


def test_the_kinds_above_are_all_there_are() -> None:
    defined = {value for value in vars(errors).values() if isinstance(value, type)}
    ours = {k for k in defined if issubclass(k, Exception) and not issubclass(k, Warning)}
    assert ours == {TfhrnnError, DataError, ConfigError, ProtocolError, RunError}


@pytest.mark.parametrize("kind", [ConfigError, ProtocolError, RunError])
def test_plain_errors_survive_another_process(kind: type[TfhrnnError]) -> None:
    again = pickle.loads(pickle.dumps(kind("units: got 0")))
    assert type(again) is kind and str(again) == "units: got 0"


def test_only_a_close_name_is_proposed_and_the_closest_one() -> None:
    known = ["units", "levels", "level_width"]
    assert did_you_mean("unitz", known) == " (did you mean 'units'?)"
    assert did_you_mean("level", known) == " (did you mean 'levels'?)"
    assert did_you_mean("colour", known) == did_you_mean("x", []) == ""
