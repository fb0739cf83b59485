"""The command of the benchmarks hands sizes on, and prints and writes the rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import __main__ as command
from benchmarks import prepare


def test_a_size_reaches_its_benchmark_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def rows(rounds: int, **sizes: int) -> list[dict[str, Any]]:
        return [{"what": "asked", "rounds": rounds, "events": sizes.get("events", 50)}]

    monkeypatch.setattr(prepare, "run", rows)
    file = tmp_path / "rows.json"
    for words, events in ([], 50), (["--events", "7"], 7):
        assert command.main(["prepare", "--rounds", "2", "--json", str(file), *words]) == 0
        assert json.loads(file.read_text()) == [{"what": "asked", "rounds": 2, "events": events}]
        assert "asked" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="2"):
        command.main(["prepare", "--users", "7"])
    assert "--users: got it for prepare, expected recommend_all" in capsys.readouterr().err
