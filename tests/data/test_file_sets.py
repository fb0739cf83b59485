"""Files of one pattern are one table, whose rows are told by file."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tfhrnn.data.file_sets import matching_files
from tfhrnn.data.sources import open_source
from tfhrnn.data.tables import read_interactions
from tfhrnn.errors import DataError

ROWS = [("a", "x", 1), ("b", "y", 2), ("a", "z", 3), ("b", "x", 4)]


def write(path: Path, rows: list[tuple[str, str, int | str]]) -> None:
    lines = ["user_id,item_id,timestamp", *(",".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n")


def test_files_come_in_the_natural_order_of_their_names(tmp_path: Path) -> None:
    names = ["a/9.csv", "part-2.csv", "part-10.csv", "part-10b.csv"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write(tmp_path / name, [])
    found = matching_files(tmp_path / "**/*.csv")
    assert [str(path.relative_to(tmp_path)) for path in found] == names


@pytest.mark.parametrize("chunk_rows", [1, 2, 100])
def test_rows_follow_each_other_and_columns_may_stand_in_any_order(
    tmp_path: Path, chunk_rows: int
) -> None:
    write(tmp_path / "p1.csv", [*ROWS[:3]])
    write(tmp_path / "p2.csv", [])
    frame = pl.DataFrame(ROWS[3:], schema=["user_id", "item_id", "timestamp"], orient="row")
    frame.select("timestamp", "user_id", "item_id").write_parquet(tmp_path / "p3.parquet")
    reader = read_interactions(tmp_path / "p*", chunk_rows=chunk_rows)
    rows = pl.concat(list(reader)).select("user_id", "item_id", "timestamp").rows()
    assert rows == ROWS
    assert reader.report.source == str(tmp_path / "p*") and reader.report.rows_read == 4


def test_a_bad_row_is_told_by_its_file(tmp_path: Path) -> None:
    write(tmp_path / "p1.csv", [*ROWS])
    write(tmp_path / "p2.csv", [ROWS[0], ("a", "x", "soon"), ("b", "x", "later")])
    with pytest.raises(DataError) as caught:
        list(read_interactions(tmp_path / "p?.csv"))
    assert str(caught.value).startswith(f"{tmp_path}/p2.csv, row 2, column timestamp: got 'soon'")
    assert "(1 more row like it)" in str(caught.value)


def test_files_of_other_columns_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "p1.csv", [*ROWS])
    (tmp_path / "p2.csv").write_text("user_id,item_id,at\na,x,1\n")
    with pytest.raises(
        DataError, match=r"p2\.csv: got no column 'timestamp' .*expected the columns"
    ):
        open_source(tmp_path / "p*.csv")
    (tmp_path / "p2.csv").write_text("user_id,item_id,timestamp,more\na,x,1,2\n")
    with pytest.raises(DataError, match=r"p2\.csv: got the column 'more' too"):
        open_source(tmp_path / "p*.csv")
    with pytest.raises(DataError, match="got no such file, expected files that match the pattern"):
        open_source(tmp_path / "q*.csv")
    with pytest.raises(DataError, match=r"got a folder, expected .* a pattern such as"):
        open_source(tmp_path)


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path: Path) -> None:
    write(tmp_path / "p[1].csv", [*ROWS])
    assert open_source(tmp_path / "p[1].csv").label == str(tmp_path / "p[1].csv")
