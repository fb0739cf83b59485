"""What `recommend` and `rank` print and return."""

from __future__ import annotations

import json
import math
from pathlib import Path

import polars as pl
import pytest

from tfhrnn import cli
from tfhrnn.recommender import HRNNRecommender


@pytest.fixture(scope="module")
def run_folder(trained: HRNNRecommender) -> Path:
    assert trained.run is not None
    return trained.run.path


def test_titles_with_brackets_are_printed_as_they_are(
    trained: HRNNRecommender,
    run_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def answer(*_: object, **__: object) -> pl.DataFrame:
        row = {"rank": 1, "item": "[/x]", "title": "In [red] Paradise", "log_probability": -1.5}
        return pl.DataFrame([{"user": "0", "level": 2, **row}])

    monkeypatch.setattr(HRNNRecommender, "recommend", answer)
    words = ["recommend", "--run", str(run_folder), "--history", "[/b],[bold]"]
    assert cli.main(words[:3]) == 0
    shown = capsys.readouterr().out
    assert "[/x]" in shown and "In [red] Paradise" in shown
    assert cli.main([*words[:3], "--history", ",[/b]"]) == 0
    assert 'read as unknown items: "[/b]"' in capsys.readouterr().out


def test_json_holds_what_is_printed_and_null_for_no_number(
    trained: HRNNRecommender,
    run_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    items = [str(item) for item in trained.catalogue.ids[:3]]
    ask = ["rank", "--run", str(run_folder), "--history", json.dumps(items[:1]), "--gap", "90"]
    out = tmp_path / "out.json"
    given = ["--items", json.dumps([*items, "nowhere"]), "--json", str(out)]
    assert cli.main([*ask, *given]) == 0
    answer = json.loads(out.read_text())
    assert answer["level"] == 1 and answer["unknown"] == ["nowhere"]
    found = {row["item"]: row["log_probability"] for row in answer["items"]}
    wanted = trained.rank([[items[0]]], [[*items, "nowhere"]], gap=90)
    for item, log_p in wanted.select("item", "log_probability").iter_rows():
        if math.isfinite(log_p):
            assert found[item] == pytest.approx(log_p, abs=1e-5)
        else:
            assert found[item] is None
    assert found["nowhere"] is None
    shown = capsys.readouterr().out
    assert "gap level 1" in shown and all(item in shown for item in items)
