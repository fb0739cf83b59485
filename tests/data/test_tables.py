"""Interactions and tables: what is kept, what is refused, and in which row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

from tfhrnn.data.tables import CHUNK_SCHEMA, ReadReport, read_interactions, read_table
from tfhrnn.errors import ConfigError, DataError

GOOD = {"user_id": ["a", "b"], "item_id": ["x", "y"], "timestamp": [5, 6]}


def read(source: Any, **options: Any) -> tuple[pl.DataFrame, ReadReport]:
    reader = read_interactions(source, **options)
    return pl.concat(list(reader)), reader.report


def test_absent_columns_have_their_defaults() -> None:
    events, report = read(pl.DataFrame(GOOD))
    assert events.schema == CHUNK_SCHEMA
    assert events["feedback"].is_nan().all()
    assert events["weight"].to_list() == [1.0, 1.0]
    assert not read_interactions(pl.DataFrame(GOOD)).has_feedback
    assert (report.rows_read, report.rows_kept, report.timestamp_unit) == (2, 2, "s")
    assert report.unit_inferred


def test_report_names_columns_and_what_is_ignored() -> None:
    frame = pl.DataFrame({**GOOD, "EVENT_TYPE": ["click", "buy"], "extra": [1, 2]})
    _, report = read(frame, timestamp_unit="s")
    assert report.columns == {**{name: name for name in GOOD}, "event_type": "EVENT_TYPE"}
    assert report.ignored == ["extra"]
    assert report.notes == []
    assert not report.unit_inferred


def test_event_types_are_text_and_may_be_missing() -> None:
    for cells, expected in (
        (["Add to cart", None], ["Add to cart", ""]),
        ([2, None], ["2", ""]),
        ([None, None], ["", ""]),
        ([float("nan"), 3.0], ["", "3"]),
    ):
        events, _ = read(pl.DataFrame({**GOOD, "eventType": cells}, strict=False))
        assert events["event_type"].to_list() == expected
    assert read(pl.DataFrame(GOOD))[0]["event_type"].to_list() == ["", ""]
    assert not read_interactions(pl.DataFrame(GOOD)).has_event_types
    with pytest.raises(DataError, match=r"row 1, column event_type: got 0\.5, expected text or a"):
        read(pl.DataFrame({**GOOD, "event_type": [0.5, 1.0]}))


def test_unknown_feedback_is_allowed() -> None:
    events, _ = read(pl.DataFrame({**GOOD, "rating": ["4.5", ""]}))
    assert events["feedback"].fill_nan(None).to_list() == [4.5, None]
    events, _ = read(pl.DataFrame({**GOOD, "rating": [None, float("nan")]}))
    assert events["feedback"].is_nan().all()


@pytest.mark.parametrize(
    ("column", "cells", "message"),
    [
        ("user_id", ["a", None], "row 2, column user_id: got nothing, expected an id"),
        ("item_id", ["x", ""], "row 2, column item_id: got ''"),
        (
            "rating",
            ["5", "good"],
            "row 2, column rating: got 'good', expected a finite number, or nothing",
        ),
        ("rating", [float("inf"), 1.0], "row 1, column rating: got inf"),
        ("weight", [1.0, -0.5], "row 2, column weight: got -0.5, expected a finite number of 0"),
        ("weight", [float("nan"), 1.0], "row 1, column weight: got nan"),
        ("weight", [1.0, None], "row 2, column weight: got nothing"),
        ("timestamp", [5, -6], "row 2, column timestamp: got -6"),
    ],
)
def test_bad_cells_are_named(column: str, cells: list[Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(pl.DataFrame({**GOOD, column: cells}))


@pytest.mark.parametrize("chunk_rows", [3, 1000])
def test_row_numbers_and_counts_are_the_tables_own(tmp_path: Path, chunk_rows: int) -> None:
    path = tmp_path / "ratings.csv"
    times = ["881250949"] * 20
    for row in (5, 11, 12, 17):
        times[row - 1] = "2021-13-01"
    lines = [f"u{n},i{n},{time}" for n, time in enumerate(times)]
    path.write_text("\n".join(["user,item,time", *lines]))
    message = (
        r"ratings\.csv, row 5, column time: got '2021-13-01', expected .* \(3 more rows like it"
    )
    with pytest.raises(DataError, match=message):
        read(path, chunk_rows=chunk_rows)


@pytest.mark.parametrize("chunk_rows", [1, 2, 1000])
def test_blank_lines_are_dropped_counted_and_keep_the_numbering(
    tmp_path: Path, chunk_rows: int
) -> None:
    path = tmp_path / "t.csv"
    path.write_text("user,item,time\na,x,1\n\n\nb,y,2\n\n")
    events, report = read(path, chunk_rows=chunk_rows)
    assert events["user_id"].to_list() == ["a", "b"]
    assert report.dropped == {"blank line": 3}
    path.write_text("user,item,time\na,x,1\n\n\nb,y,never\n")
    with pytest.raises(DataError, match="row 4, column time: got 'never'"):
        read(path, chunk_rows=chunk_rows)


def test_header_without_rows(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("user,item,time\n")
    with pytest.raises(DataError, match=r"t\.csv: got no rows, expected interactions"):
        read(path)


def test_chunks_of_three_rows_read_as_one(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    rows = [f'"u, {n % 3}"," i{n % 5}",{1000 + n},{n % 4}' for n in range(25)]
    path.write_text("\n".join(["user,item,time,rating", *rows]))
    assert read(path, chunk_rows=3)[0].equals(read(path)[0])


def test_the_callers_tables_stay_untouched() -> None:
    frame = pl.DataFrame({**GOOD, "rating": [1, None]})
    copy = frame.clone()
    read(frame)
    assert frame.equals(copy)
    pandas = pd.DataFrame(
        {"user": [1.0, 2.0], "item": [3, 4], "time": ["2020-01-01", "2020-01-02"]}
    )
    before = pandas.copy(deep=True)
    events, _ = read(pandas)
    assert events["user_id"].to_list() == ["1", "2"]
    pd.testing.assert_frame_equal(pandas, before)


def test_item_table_keeps_titles_and_features() -> None:
    frame = pl.DataFrame(
        {"movieId": [1, 2], "title": ["A", None], "genres:token_seq": ["x|y", ""], "extra": [0, 0]}
    )
    table = read_table(frame, "item_id", ["genres:multi-hot"])
    assert table.frame.columns == ["item_id", "title", "genres"]
    assert table.frame["title"].to_list() == ["A", ""]
    assert table.features[0].kind == "multi-hot"
    assert table.ignored == ("extra",)


def test_item_table_errors(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="row 3, column item_id: got 1, expected each item once"):
        read_table(pl.DataFrame({"item_id": [1, 2, 1]}))
    with pytest.raises(DataError, match=r"no column 'year' \(there are: item_id\)"):
        read_table(pl.DataFrame({"item_id": [1]}), features=["year:numeric"])
    with pytest.raises(DataError, match=r"row 2, column user_id: got nothing"):
        read_table(pl.DataFrame({"user_id": ["a", None], "x": [1, 2]}), "user_id", ["x:numeric"])
    with pytest.raises(DataError, match="row 2, column year: got 'soon', expected a finite number"):
        read_table(
            pl.DataFrame({"item_id": [1, 2], "year": ["1", "soon"]}), features=["year:numeric"]
        )
    with pytest.raises(ConfigError, match="got 'year', expected NAME:KIND"):
        read_table(pl.DataFrame({"item_id": [1]}), features=["year"])
    path = tmp_path / "items.csv"
    path.write_text("item_id,title\n")
    with pytest.raises(DataError, match=r"items\.csv: got no rows, expected a table of items"):
        read_table(path)


def test_dates_under_numeric_become_seconds_and_are_told() -> None:
    rows: dict[str, list[str | None]] = {"item_id": ["a", "b", "c"]}
    rows["since"] = ["1970-01-02", None, "1970-01-03"]
    table = read_table(pl.DataFrame({**rows, "n": ["1", "2", ""]}), features=["since:numeric"])
    assert table.frame["since"].to_list() == [86_400, None, 172_800]
    report = ReadReport("t", ignored=["price"])
    table.report_to(report)
    assert report.notes == ["since of frame: dates, read as Unix seconds"]
    assert report.ignored == ["price", "n (items)"]
    rows["since"][2] = "soon"
    message = r"row 3, column since: got 'soon', expected ISO 8601 as in row 1 \('1970-01-02'\)"
    with pytest.raises(DataError, match=message):
        read_table(pl.DataFrame(rows), features=["since:numeric"])
