"""Files and folders are there whole or not at all."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tfhrnn.data.files import save_table, whole_file, whole_folder
from tfhrnn.errors import RunError


def test_the_folder_appears_at_the_end(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    with whole_folder(out) as folder:
        (folder / "a").write_text("1")
        assert not out.exists()
    assert (out / "a").read_text() == "1"
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_an_error_keeps_what_was_there(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with whole_folder(out) as folder:
        (folder / "a").write_text("old")
    with pytest.raises(ZeroDivisionError), whole_folder(out) as folder:
        (folder / "a").write_text("new")
        raise ZeroDivisionError
    assert (out / "a").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_rename_that_fails_puts_the_old_folder_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    with whole_folder(out) as folder:
        (folder / "a").write_text("old")
    rename = Path.rename

    def failing(self: Path, target: Path) -> Path:
        if self.name == "new":
            raise OSError(5, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(RunError, match="Input/output error; nothing was kept"):
        with whole_folder(out) as folder:
            (folder / "a").write_text("new")
    assert (out / "a").read_text() == "old"


def test_a_parent_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(RunError, match="could not be written"):
        with whole_folder(tmp_path / "file" / "out"):
            pass


def test_a_file_appears_at_the_end_and_replaces_the_old_one(tmp_path: Path) -> None:
    out = tmp_path / "out.txt"
    for text in ("old", "new"):
        with whole_file(out) as temporary:
            temporary.write_text(text)
            assert not out.exists() or out.read_text() == "old"
        assert out.read_text() == text
    assert [path.name for path in tmp_path.iterdir()] == ["out.txt"]


def test_a_file_that_fails_leaves_the_old_one(tmp_path: Path) -> None:
    out = tmp_path / "out.txt"
    out.write_text("old")
    with pytest.raises(ZeroDivisionError), whole_file(out) as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert out.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out.txt"]


def test_a_table_is_saved_whole_with_what_it_says_of_itself(tmp_path: Path) -> None:
    path, frame = tmp_path / "a.parquet", pl.DataFrame({"a": [1, 2]})
    save_table(frame, path, {"made by": "é"})
    assert pl.read_parquet(path).equals(frame)
    assert pl.read_parquet_metadata(path)["made by"] == "é"
    save_table(frame, path)
    assert "made by" not in pl.read_parquet_metadata(path)
    with pytest.raises(RunError, match="could not be written: "):
        save_table(frame, tmp_path / "none" / "a.parquet")
    assert list(tmp_path.iterdir()) == [path]
