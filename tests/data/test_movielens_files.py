"""GroupLens' layouts, file by file: what is read, and what is said of a damaged one."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfhrnn.data.movielens import load_movielens
from tfhrnn.data.movielens_files import item_table, read_folder
from tfhrnn.errors import DataError


def test_grouplens_folder_gives_titles_years_genres_and_file_order(
    folder_100k: Path, tmp_path: Path
) -> None:
    log = load_movielens(source=folder_100k).write(tmp_path / "log")
    assert log.user_ids == ["1", "2", "10"]
    assert log.catalogue.titles == ["Ärger", "unknown", 'Quoted "One", The']
    assert log.catalogue.frame["genres"].to_list() == ["Animation|Children", "", "Drama"]
    assert log.catalogue.frame["year"].to_list() == [1990, None, 1985]
    # user 2 rated 3, 1, 2 at the same time, in this order in the file
    assert [log.catalogue.id_of(i) for i in log.item[log.events_of(1)]] == ["3", "1", "2"]
    assert log.meta["report"]["source"].startswith("ml-100k (")


def test_one_million_layout(tmp_path: Path) -> None:
    folder = tmp_path / "ml-1m"
    folder.mkdir()
    (folder / "ratings.dat").write_text("1::20::5::978300760\n2::10::3::978302109\n")
    (folder / "movies.dat").write_bytes(
        "10::Café: The Film (1993)::Drama|Children's\n20::B (1999)::Comedy\n"
        "30::Never Seen (2000)::Musical\n".encode("latin-1")
    )
    (folder / "users.dat").write_text("1::F::1::10::48067\n2::M::56::16::70072\n")
    data = load_movielens("ml-1m", folder)
    assert data.users is not None
    assert data.users["occupation"].to_list() == ["K-12 student", "self-employed"]
    log = data.write(tmp_path / "log")
    assert log.catalogue.titles == ["Café: The Film", "B", "Never Seen"]
    assert any("1 items of frame have no event" in note for note in log.report.notes)


def test_latest_layout_streams_the_csv(tmp_path: Path) -> None:
    folder = tmp_path / "ml-latest-small"
    folder.mkdir()
    (folder / "ratings.csv").write_text(
        "userId,movieId,rating,timestamp\n1,7,4.5,964982703\n2,5,0.5,964981247\n"
    )
    (folder / "movies.csv").write_text(
        'movieId,title,genres\n5,"Comma, The (1995)",(no genres listed)\n7,Heat,Action|Crime\n'
    )
    data = load_movielens("ml-latest-small", folder)
    assert data.users is None and data.interactions == folder / "ratings.csv"
    log = data.write(tmp_path / "log")
    assert log.catalogue.titles == ["Comma, The", "Heat"]
    assert log.feedback.tolist() == [4.5, 0.5]


def test_folder_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a folder without u\.data"):
        load_movielens(source=tmp_path)
    with pytest.raises(DataError, match="no such folder"):
        load_movielens(source=tmp_path / "none")


def test_short_line_names_its_row(folder_100k: Path) -> None:
    (folder_100k / "u.user").write_text("1|24|M|writer|1\n2|53|F\n")
    with pytest.raises(DataError, match=r"u\.user, row 2: got '2\|53\|F', expected 5 fields"):
        load_movielens(source=folder_100k)


def test_item_table_normalises_genres_and_titles() -> None:
    frame = item_table(
        ["1", "2"], [" Plain ", "X (2001) "], [["unknown"], ["War", "(no genres listed)"]]
    )
    assert frame.rows() == [("1", "Plain", "", None), ("2", "X", "War", 2001)]


@given(
    name=st.text(alphabet="aé(): 19", min_size=1).map(str.strip).filter(bool),
    year=st.integers(1000, 9999),
    space=st.sampled_from(["", " ", "  "]),
)
def test_a_year_in_brackets_at_the_end_is_taken_off_a_title(
    name: str, year: int, space: str
) -> None:
    frame = item_table(["1"], [f"{name}{space}({year})"], [[]])
    assert frame.row(0) == ("1", name, "", year)


@pytest.mark.parametrize("title", ["Heat", "2001", "Up (TV)", "Up (2009) again", "Up (209)", ""])
def test_a_title_without_a_year_stays_whole(title: str) -> None:
    assert item_table(["1"], [title], [["Drama"]]).row(0) == ("1", title, "Drama", None)


def test_no_items_are_a_table_of_the_same_columns() -> None:
    frame = item_table([], [], [])
    assert dict(frame.schema) == {
        "item_id": pl.String,
        "title": pl.String,
        "genres": pl.String,
        "year": pl.Int64,
    }


def test_utf_8_and_latin_1_give_the_same_titles(folder_100k: Path) -> None:
    latin = read_folder(folder_100k).items
    text = (folder_100k / "u.item").read_bytes().decode("latin-1")
    (folder_100k / "u.item").write_text(text, encoding="utf-8")
    assert read_folder(folder_100k).items.equals(latin)


def test_windows_line_ends_and_blank_lines_at_the_end_are_no_rows(folder_100k: Path) -> None:
    plain = read_folder(folder_100k)
    for name in ("u.data", "u.item", "u.user"):
        raw = (folder_100k / name).read_bytes().rstrip(b"\n")
        (folder_100k / name).write_bytes(raw.replace(b"\n", b"\r\n") + b"\r\n\r\n \n")
    again = read_folder(folder_100k)
    assert isinstance(plain.interactions, pl.DataFrame) and plain.users is not None
    assert isinstance(again.interactions, pl.DataFrame) and again.users is not None
    assert again.interactions.equals(plain.interactions)
    assert again.items.equals(plain.items) and again.users.equals(plain.users)


@pytest.mark.parametrize("odd", ["\x85", "\x1c", "\x0b"])
def test_only_line_ends_end_a_line(odd: str, folder_100k: Path) -> None:
    # 0x85 is an ellipsis where a file was written under Windows.
    text = (folder_100k / "u.item").read_bytes().decode("latin-1").replace("unknown", f"So{odd}so")
    (folder_100k / "u.item").write_bytes(text.encode("latin-1"))
    assert read_folder(folder_100k).items["title"][1] == f"So{odd}so"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("u.data", "", r"u\.data: got no rows, expected 4 fields: user_id, item_id, feedback, tim"),
        ("u.data", "1\t2\n", r"u\.data, row 1: got '1\\t2', expected 4 fields"),
        ("u.user", "1|24|M|w|1\n\n2|5|F|o|2", r"u\.user, row 2: got '', expected 5 fields"),
        ("u.user", "1|2\n1|24|M|w|1\n3|4\n5", r"row 1: got '1\|2', .*\(2 more rows like it\)"),
        ("u.user", "1|24|M|w|1\n2|old|F|o|2", r"u\.user, row 2, column age: got 'old', expected a"),
    ],
)
def test_damaged_files_are_named_with_the_row(
    name: str, text: str, message: str, folder_100k: Path
) -> None:
    (folder_100k / name).write_text(text)
    with pytest.raises(DataError, match=message):
        read_folder(folder_100k)


@pytest.mark.parametrize("name", ["u.item", "u.user"])
def test_a_missing_file_is_named(name: str, folder_100k: Path) -> None:
    (folder_100k / name).unlink()
    with pytest.raises(DataError, match=re.escape(f"{name}: got no such file, expected ")):
        read_folder(folder_100k)


def test_a_long_line_is_shown_by_its_beginning(folder_100k: Path) -> None:
    (folder_100k / "u.user").write_text("x" * 10_000)
    with pytest.raises(DataError, match=r"got 'x{80}', expected"):
        read_folder(folder_100k)


def test_ten_million_layout_has_no_users_and_unknown_jobs_are_null(tmp_path: Path) -> None:
    (tmp_path / "ratings.dat").write_text("1::20::5::978300760\n")
    (tmp_path / "movies.dat").write_text("20::B (1999)::Comedy|IMAX\n")
    tables = read_folder(tmp_path)
    assert tables.users is None
    assert tables.items.rows() == [("20", "B", "Comedy|IMAX", 1999)]
    (tmp_path / "users.dat").write_text("1::F::1::0::4\n2::M::56::21::7\n")
    users = read_folder(tmp_path).users
    assert users is not None  # 21 jobs, numbered from 0
    assert users.rows() == [("1", 1, "F", "other/not specified"), ("2", 56, "M", None)]


@pytest.mark.parametrize("text", [None, "", "film,title,genres\n1,a,b\n"])
def test_movies_csv_must_hold_its_columns(text: str | None, tmp_path: Path) -> None:
    (tmp_path / "ratings.csv").write_text("userId,movieId,rating,timestamp\n1,7,4.5,9\n")
    if text is not None:
        (tmp_path / "movies.csv").write_text(text)
    with pytest.raises(DataError, match=r"movies\.csv: got .*expected a CSV of movieId, title and"):
        read_folder(tmp_path)
