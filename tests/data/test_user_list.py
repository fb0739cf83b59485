"""Which users a file names."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tfhrnn.data.user_list import read_user_list
from tfhrnn.errors import DataError


def test_a_text_has_an_id_a_line_and_a_table_a_column(tmp_path: Path) -> None:
    plain = tmp_path / "users.txt"
    plain.write_bytes("u 2, é\r\nu1\n\nu 2, é\n7".encode())
    assert read_user_list(plain) == ["u 2, é", "u1", "7"]
    table = tmp_path / "users.csv"
    table.write_text("age,userId\n30,u2\n31,u1\n30,u2\n")
    assert read_user_list(table) == ["u2", "u1"]
    frame = pl.DataFrame({"USER_ID": [3, 1, 3]})
    frame.write_parquet(tmp_path / "users.parquet")
    assert read_user_list(tmp_path / "users.parquet") == read_user_list(frame) == ["3", "1"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.txt", "\n\n", "a.txt: got no users, expected one or more ids"),
        ("a.csv", "age\n3\n", "a.csv.*user_id"),
        ("a.csv", "user_id,x\nu1,1\n,2\n", "a.csv, row 2, column user_id: got .*expected an id"),
    ],
)
def test_a_file_that_names_nobody_is_refused(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=message):
        read_user_list(tmp_path / name)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.txt: got No such file"):
        read_user_list(tmp_path / "none.txt")
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(DataError, match=r"a\.txt: got other bytes, expected UTF-8 text"):
        read_user_list(tmp_path / "a.txt")
