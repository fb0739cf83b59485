"""A whole search: what its folder holds, how it goes on, and what it refuses."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tfhrnn.config import Config
from tfhrnn.data.event_log import EventLog, write_event_log
from tfhrnn.data.split import Part
from tfhrnn.errors import ConfigError, DataError, RunError
from tfhrnn.recommender import HRNNRecommender
from tfhrnn.run_folder import RunFolder
from tuning import tune
from tuning.asked import Asked
from tuning.best import finish
from tuning.found import Found
from tuning.trial import train_trial


@pytest.fixture(scope="module")
def search(tiny_log: EventLog, tiny: dict[str, Any]) -> Callable[..., Found]:
    def run(out: Path, **changes: Any) -> Found:
        options: dict[str, Any] = {"preset": "hrnn", "fix": tiny, "only": []}
        options |= {
            "search": {"learning_rate": "1e-3..1e-1", "item_dropout": [0.0, 0.1]},
            "max_trials": 2,
        }
        options |= {"in_process": True, "verbose": 0, **changes}
        found = tune(tiny_log, out, **options)
        assert found is not None
        return found

    return run


@pytest.fixture(scope="module")
def found(search: Callable[..., Found], tmp_path_factory: pytest.TempPathFactory) -> Found:
    return search(tmp_path_factory.mktemp("search") / "out")


def test_a_search_ends_with_its_best_trained_anew_judged_and_exported(
    found: Found, tiny_log: EventLog
) -> None:
    out = found.out
    names = {"search.json", "trials", "best", "model", "results.html", "results.json"}
    assert {path.name for path in out.iterdir()} == names
    assert [row.status for row in found.rows] == ["completed", "completed"]
    scores = [row.score or 0 for row in found.rows]
    assert scores == sorted(scores) and found.best.score == min(scores)
    assert sum(row.is_base for row in found.rows) == 1
    trial = RunFolder(out / "trials" / f"trial_{found.best.trial}" / "run")
    assert found.best.score == trial.epochs()["val_perplexity"].to_numpy().min()

    best = RunFolder(out / "best")
    assert (
        best.config.training.train_on_validation and not trial.config.training.train_on_validation
    )
    apart = found.config.with_settings({"train_on_validation": True})
    assert best.config == apart
    assert best.epochs().height == found.best.epoch
    trained = set(best.training_users(tiny_log).tolist())
    assert trained == set(best.users(tiny_log, Part.TRAIN, Part.VALIDATION).tolist())
    judged = set(best.users(tiny_log, Part.TEST).tolist())
    assert not judged & trained

    stored = json.loads((out / "results.json").read_text(encoding="utf-8"))
    protocol = found.result and found.result["protocol"]
    assert protocol and stored["best"]["protocol"] == protocol
    targets = int(np.diff(tiny_log.offsets)[sorted(judged)].sum())
    expected = f"test: {len(judged)} users, {targets} targets, protocol {protocol['hash']}"
    assert stored["best"]["judged_on"] == expected and expected in found.page.read_text()
    validation = len(trial.users(tiny_log, Part.VALIDATION))
    assert found.best.judged_on.startswith(f"validation: {validation} users, ")
    assert found.export_dir == out / "model" / "1"
    assert (found.export_dir / "saved_model.pb").is_file()


def test_the_best_recommends_as_its_result_says(found: Found, tiny_log: EventLog) -> None:
    recommender = found.recommender
    assert isinstance(recommender, HRNNRecommender)
    again = recommender.evaluate()
    assert found.result is not None
    assert again["perplexity"]["hrnn"] == pytest.approx(found.result["perplexity"]["hrnn"])
    assert recommender.recommend([[]], k=3).height > 0


def test_the_same_search_again_does_nothing_again_and_more_trials_go_on(
    found: Found, search: Callable[..., Found], tmp_path: Path
) -> None:
    out = tmp_path / "copy"
    shutil.copytree(found.out, out)
    marks = {path: path.stat().st_mtime_ns for path in out.rglob("weights.index")}
    again = search(out)
    assert again.rows == found.rows and again.result == found.result
    assert {path: path.stat().st_mtime_ns for path in marks} == marks
    more = search(out, max_trials=3, retrain=False)
    assert sorted(row.trial for row in more.rows) == ["0", "1", "2"] and more.result is None
    assert [row for row in more.rows if row.trial != "2"] == found.rows


def test_a_stopped_search_leaves_a_page_and_goes_on(
    search: Callable[..., Found], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = iter([{"val_perplexity": 9.0, "epoch": 1, "epochs": 2, "users": 3, "targets": 4}])

    def stop(task: Any, on_epoch: Any = None) -> Any:
        try:
            return next(records)
        except StopIteration:
            raise KeyboardInterrupt from None

    monkeypatch.setattr("tuning.search.train_trial", stop)
    with pytest.raises(KeyboardInterrupt):
        search(tmp_path, retrain=False)
    page = (tmp_path / "results.html").read_text(encoding="utf-8")
    assert "validation: 3 users, 4 targets" in page and "unfinished" in page
    monkeypatch.setattr("tuning.search.train_trial", train_trial)
    found = search(tmp_path, retrain=False)
    assert [row.status for row in found.rows] == ["completed"] * 2
    assert 9.0 in [row.score for row in found.rows]


def test_other_searches_and_other_folders_are_refused(
    found: Found, search: Callable[..., Found], tmp_path: Path
) -> None:
    message = r'tuner: got "hyperband", but .* began with "random" and can only go on with that'
    with pytest.raises(ConfigError, match=message):
        search(found.out, tuner="hyperband")
    with pytest.raises(ConfigError, match=r"space: got .* began with"):
        search(found.out, search={"item_dropout": [0.0, 0.1]})
    with pytest.raises(ConfigError, match=r"seed: got 5, but .* began with 0"):
        search(found.out, seed=5)
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(RunError, match="got something that is no search"):
        search(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_a_search_whose_trials_all_fail_says_why(
    search: Callable[..., Found], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = {"failed": "out of memory: no room"}
    monkeypatch.setattr("tuning.search.train_trial", lambda task, on_epoch=None: failed)
    message = "no trial came to an end; the last one: out of memory: no room"
    with pytest.raises(RunError, match=message):
        search(tmp_path)
    assert "out of memory: no room" in (tmp_path / "results.html").read_text(encoding="utf-8")


def test_the_best_is_done_anew_where_another_is_best(
    found: Found, tiny_log: EventLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(found.out / "best", tmp_path / "best")
    asked = Asked(str(tiny_log.directory))
    split: dict[str, Any] = {"split": asked.split, "split_seed": asked.split_seed}
    assert found.best.epoch is not None

    class Trained(Exception):
        """Stands for training."""

    def train(*_: Any) -> None:
        raise Trained

    monkeypatch.setattr("tuning.best.train_until", train)
    how = {"epochs": found.best.epoch, **split}
    result, version = finish(tmp_path / "best", found.config, tiny_log, **how)
    assert result == found.result and version.name == "1"  # as it stands
    with pytest.raises(Trained):
        finish(tmp_path / "best", found.config.with_settings({"units": 5}), tiny_log, **how)
    assert RunFolder(tmp_path / "best").config.model.units == 5


def test_data_that_leave_nobody_to_judge_trials_by_are_refused(tmp_path: Path) -> None:
    frame = pl.DataFrame({"user_id": ["a", "b"] * 4, "item_id": list("xyzw") * 2})
    frame = frame.with_columns(timestamp=pl.int_range(8) + 1_000_000_000)
    log = write_event_log(frame, tmp_path / "log", name="two")
    with pytest.raises(DataError, match="got 2 users, none of them for validation"):
        tune(log, tmp_path / "out", verbose=0)
    assert not (tmp_path / "out").exists()


def test_configurations_come_back_from_rows(found: Found) -> None:
    assert isinstance(found.config, Config)
    assert found.config.training.learning_rate == found.best.settings["learning_rate"]
