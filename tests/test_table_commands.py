"""`tables` on the command line: the files of each format, and what has none."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from tfhrnn import cli
from tfhrnn.data.event_log import EventLog


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    path = tmp_path / "lists.parquet"
    frame = pl.DataFrame({"user": ["a"], "target": ["x"], "items": [["y", "x"]]})
    frame.write_parquet(path)
    return path


@pytest.mark.parametrize(
    ("source", "kind", "files"),
    [
        ("data", "recbole", ["tiny/tiny.inter", "tiny/tiny.item", "tiny/tiny.user"]),
        ("data", "rectools", ["interactions.parquet"]),
        ("lists", "rectools", ["interactions.parquet", "reco.parquet"]),
        ("lists", "ranx", ["qrels.parquet", "run.parquet"]),
    ],
)
def test_each_format_has_its_files(
    source: str,
    kind: str,
    files: list[str],
    tiny_log: EventLog,
    lists: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = {"data": tiny_log.directory, "lists": lists}[source]
    words = ["tables", f"--{source}", str(given), "--format", kind, "--out", str(tmp_path / "out")]
    assert cli.main([*words, "--json", str(tmp_path / "made.json")]) == 0
    expected = [str(tmp_path / "out" / name) for name in files]
    assert capsys.readouterr().out.splitlines() == expected
    assert json.loads((tmp_path / "made.json").read_text()) == {"files": expected}
    assert all(Path(path).stat().st_size for path in expected)
    assert cli.main(words) == 2  # nothing is replaced
    assert "got a path that exists, expected a new one" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("source", "kind", "expected"), [("lists", "recbole", "data"), ("data", "ranx", "lists")]
)
def test_a_format_without_such_tables_is_refused(
    source: str, kind: str, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["tables", f"--{source}", "x", "--format", kind, "--out", str(tmp_path / "out")]
    assert cli.main(words) == 2
    error = capsys.readouterr().err
    assert error == f"tfhrnn tables: --format {kind}: got --{source}, expected --{expected}\n"
    assert list(tmp_path.iterdir()) == []
