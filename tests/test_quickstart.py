"""The main job end to end, on invented tables in MovieLens 100K's layout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tfhrnn import HRNNRecommender, quickstart
from tfhrnn.cli import main
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.movielens_files import read_folder
from tfhrnn.errors import RunError

SETTINGS = ["epochs=1", "units=4", "layers=1", "batch_size=4", "bptt=16", "time_bumps=2"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """110 users of 20 to 30 ratings over 40 films."""
    rng = np.random.default_rng(3)
    path = tmp_path_factory.mktemp("movielens")
    rows = []
    for user in range(1, 111):
        time = 880_000_000 + int(rng.integers(10**6))
        for item in rng.permutation(40)[: rng.integers(20, 31)]:
            time += int(rng.choice([0, 0, 30, 900, 100_000]))
            rows.append(f"{user}\t{item + 1}\t{rng.integers(1, 6)}\t{time}")
    (path / "u.data").write_text("\n".join(rows) + "\n")
    flags = rng.integers(0, 2, (40, 19))
    films = [f"{n + 1}|Film {n + 1} ({1950 + n})||||" for n in range(40)]
    (path / "u.item").write_bytes(
        "\n".join(
            film + "|".join(map(str, row)) for film, row in zip(films, flags, strict=True)
        ).encode("latin-1")
    )
    (path / "u.user").write_text("".join(f"{n}|{18 + n % 40}|M|writer|1\n" for n in range(1, 111)))
    assert read_folder(path).items.height == 40
    return path


@pytest.fixture(scope="module")
def done(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A finished quickstart's folder and its JSON."""
    out = tmp_path_factory.mktemp("quick")
    arguments = ["--source", str(folder), "--out", str(out / "q"), "--json", str(out / "q.json")]
    sets = [word for setting in SETTINGS for word in ("--set", setting)]
    assert main(["quickstart", *arguments, *sets]) == 0
    return out / "q", json.loads((out / "q.json").read_text())


def test_json_tells_the_whole_job(done: tuple[Path, dict[str, Any]]) -> None:
    _, result = done
    assert result["dataset"]["users"] == 110 and result["catalogue_items"] == 40
    assert len(result["protocol"]["hash"]) == 16
    for key in ("perplexity", "hit_rate_at_10", "ndcg_at_10", "mrr_at_10"):
        assert set(result[key]) == {"popularity", "best"}
    assert [row["gap_seconds"] for row in result["gap_sweep"]] == [0, 60, 3600, 86400]
    assert [row["level"] for row in result["gap_sweep"]] == [0, 1, 2, 3]
    top = result["gap_sweep"][0]["top"][0]
    assert set(top) == {"item", "title", "genres", "log_probability", "popularity"}
    scores = {row["top"][0]["log_probability"] for row in result["gap_sweep"]}
    assert len(scores) == 4  # the same user, asked later, gets other scores
    assert set(result["seconds"]) == {"prepare", "train", "evaluate", "export", "serve", "total"}
    assert result["peak_memory_mb"] > 0 and result["epochs"] == 1


def test_served_is_evaluated(done: tuple[Path, dict[str, Any]]) -> None:
    served = done[1]["served"]
    assert served["users"] >= 20 and served["targets"] >= 20 * 20
    assert served["perplexity"] == pytest.approx(served["evaluated_perplexity"], rel=1e-4)


def test_a_model_that_is_not_served_in_time_is_said_in_a_line(
    done: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quickstart, "PATIENCE_SECONDS", 0.001)
    out, _ = done
    recommender = HRNNRecommender.load(out / "run")
    found = r"the served model: not available after 0.001 seconds: model tfhrnn under .*"
    with pytest.raises(RunError, match=found) as caught:
        quickstart.prove(recommender, EventLog.open(out / "data"), out / "models" / "tfhrnn")
    assert "\n" not in str(caught.value)


def test_files_stand_where_they_are_said_to(done: tuple[Path, dict[str, Any]]) -> None:
    out, result = done
    page = Path(result["report"]).read_text()
    assert f"{result['perplexity']['best']:.1f}" in page and result["protocol"]["hash"] in page
    assert (Path(result["export_dir"]) / "1" / "saved_model.pb").is_file()
    assert json.loads((out / "run" / "result.json").read_text()) == result
    split = pl.read_parquet(out / "run" / "split.parquet")
    assert split["part"].value_counts().sort("part")["count"].to_list() == [22, 80, 8]


def test_a_second_run_replaces_the_first_and_adds_a_version(
    done: tuple[Path, dict[str, Any]], folder: Path
) -> None:
    out, _ = done
    sets = [word for setting in SETTINGS for word in ("--set", setting)]
    assert main(["quickstart", "--source", str(folder), "--out", str(out), *sets]) == 0
    assert (out / "models" / "tfhrnn" / "2" / "saved_model.pb").is_file()


def test_a_folder_that_is_no_run_is_not_replaced(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "precious.txt").write_text("mine")
    assert main(["quickstart", "--source", str(folder), "--out", str(tmp_path)]) == 2
    assert "got something that is no run" in capsys.readouterr().err
    assert (tmp_path / "run" / "precious.txt").read_text() == "mine"
