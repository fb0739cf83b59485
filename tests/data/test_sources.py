"""Any table opens as bounded chunks, in order, every field kept."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import pandas as pd
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tfhrnn.data.sources import TableSource, open_source
from tfhrnn.errors import DataError

FIELD = st.text(
    st.one_of(
        st.sampled_from(',;"\n \t|é日'), st.characters(codec="utf-8", exclude_characters="\r\0")
    ),
    min_size=1,
    max_size=8,
)


def rows_of(source: TableSource, chunk_rows: int = 1000, separator: str | None = None) -> list:
    opened = open_source(source, separator)
    chunks = list(opened.chunks(opened.names, chunk_rows))
    assert all(chunk.height <= chunk_rows for chunk in chunks)
    return [row for chunk in chunks for row in chunk.rows()]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.lists(st.tuples(FIELD, FIELD), min_size=1, max_size=12), chunk_rows=st.integers(1, 4)
)
def test_csv_fields_survive_in_chunks_of_any_size(
    tmp_path: Path, rows: list[tuple[str, str]], chunk_rows: int
) -> None:
    path = tmp_path / "t.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writerows([("a", "b"), *rows])
    assert rows_of(path, chunk_rows) == rows


@pytest.mark.parametrize("text", ["a,b\n1,2\n3,4\n", "a,b\r\n1,2\r\n3,4", "\ufeffa,b\n1,2\n3,4\n"])
def test_line_ends_and_byte_order_mark(tmp_path: Path, text: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(text.encode())
    assert rows_of(path) == [("1", "2"), ("3", "4")]


def test_tabs_by_name_gzip_and_stated_separator(tmp_path: Path) -> None:
    (tmp_path / "t.inter").write_text('a\tb\n5"\t2\n')
    assert rows_of(tmp_path / "t.inter") == [('5"', "2")]
    (tmp_path / "t.tsv.gz").write_bytes(gzip.compress(b'a\tb\n"1"\t2\n'))
    assert rows_of(tmp_path / "t.tsv.gz") == [("1", "2")]
    (tmp_path / "t.csv").write_text("a;b\n1;2\n")
    assert rows_of(tmp_path / "t.csv", separator=";") == [("1", "2")]


def test_every_form_gives_the_same_rows(tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": ["x", "y", "z"], "b": [1, 2, 3]})
    frame.write_parquet(tmp_path / "t.parquet")
    expected = frame.rows()
    assert rows_of(frame, 2) == expected
    assert rows_of(frame.lazy(), 2) == expected
    assert rows_of(tmp_path / "t.parquet", 2) == expected
    assert rows_of(pd.DataFrame({"a": ["x", "y", "z"], "b": [1, 2, 3]}), 2) == expected


def test_pandas_objects_become_text() -> None:
    frame = pd.DataFrame(
        {
            "mixed": pd.Series([1, "b", None, 2.0, 2.5], dtype=object),
            "nullable": pd.array([2**60 + 1, None, 3, 4, 5], dtype="Int64"),
            "time": pd.to_datetime(["2020-01-01"] * 5, utc=True),
        }
    )
    before = frame.copy(deep=True)
    rows = rows_of(frame)
    assert [row[0] for row in rows] == ["1", "b", None, "2", "2.5"]
    assert [row[1] for row in rows] == [str(2**60 + 1), None, "3", "4", "5"]
    assert rows[0][2] == "2020-01-01 00:00:00+00:00"
    pd.testing.assert_frame_equal(frame, before)


def test_paths_that_hold_no_table(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="got no such file"):
        open_source(tmp_path / "none.csv")
    with pytest.raises(DataError, match="got a folder"):
        open_source(tmp_path)
    (tmp_path / "empty.csv").touch()
    with pytest.raises(DataError, match=r"empty\.csv: got an empty file"):
        open_source(tmp_path / "empty.csv")
    (tmp_path / "no.parquet").write_text("a,b\n")
    with pytest.raises(DataError, match="got no Parquet data"):
        open_source(tmp_path / "no.parquet")
    with pytest.raises(DataError, match="got int, expected a path"):
        open_source(3)


@pytest.mark.parametrize(("sign", "name"), [(";", ";"), ("\t", "tab"), ("|", r"\|")])
def test_wrong_separator_is_guessed_at(tmp_path: Path, sign: str, name: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"user{sign}item\n1{sign}2\n")
    with pytest.raises(DataError, match=rf"is the separator '{name}'\? \(--separator '{name}'"):
        open_source(path)


@pytest.mark.parametrize("chunk_rows", [1, 1000])
@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"a,b\n1,2\n\xe9,4\n", "row 2: got the byte 0xe9, expected UTF-8 text"),
        (b"a,b\n1,2\n3,4,5\n", "row 2: got 3 fields, expected 2 as in the header"),
        (b'a,b\n1,2\n"3,4\n', "got a stray quote"),
        (b"a,a\n1,2\n", "got two columns named 'a'"),
        (b"\xe9,b\n1,2\n", "got a header in another encoding"),
        (b"\n1,2\n", "got no header"),
    ],
)
def test_damaged_csv(tmp_path: Path, data: bytes, message: str, chunk_rows: int) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(data)
    with pytest.raises(DataError, match=message):
        rows_of(path, chunk_rows)


def test_a_file_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2\n")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DataError, match="got Permission denied, expected a readable file"):
        open_source(path)


def test_cut_gzip(tmp_path: Path) -> None:
    path = tmp_path / "t.csv.gz"
    whole = gzip.compress(("a,b\n" + "".join(f"{n},{n * n}\n" for n in range(5000))).encode())
    path.write_bytes(whole[:-500])
    with pytest.raises(DataError, match="got a damaged file, expected gzipped text"):
        rows_of(path)
