"""The best trial's second training: on more users, and never twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tfhrnn.config import Config
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.split_rule import SplitRule
from tfhrnn.errors import ConfigError
from tfhrnn.recommender import HRNNRecommender
from tfhrnn.run_folder import RunFolder
from tuning import best
from tuning.best import EXPORT, finish, judged_on, retrained


def test_the_validation_users_are_trained_on_and_nothing_else_changes(tiny_base: Config) -> None:
    whole = retrained(tiny_base)
    assert whole.training.train_on_validation and not tiny_base.training.train_on_validation
    assert whole.with_settings({"train_on_validation": False}) == tiny_base
    assert retrained(whole) == whole


def test_a_schedule_that_watches_them_is_refused(tiny_base: Config) -> None:
    watching = tiny_base.with_settings({"schedule": "plateau", "patience": 9})
    with pytest.raises(ConfigError, match="plateau"):
        retrained(watching)


def test_a_result_is_told_with_its_counts_and_protocol() -> None:
    protocol = {"test_users": 1000, "test_targets": 1, "hash": "0f"}
    assert judged_on({"protocol": protocol}) == "test: 1,000 users, 1 targets, protocol 0f"


class Stage:
    """Notes what is done in place of training, judging and exporting."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done: list[str] = []
        self.versions = 0
        monkeypatch.setattr(best, "train_until", self.train)
        monkeypatch.setattr(HRNNRecommender, "load", lambda *_, **__: self)
        monkeypatch.setattr(RunFolder, "read_result", lambda _: {"perplexity": {}})

    def train(self, run: RunFolder, log: EventLog, epochs: int, on_epoch: Any) -> None:
        self.done.append(f"train {epochs}")

    def evaluate(self) -> None:
        self.done.append("evaluate")

    def export(self, out: Path) -> Path:
        self.versions += 1
        self.done.append(f"export {out.name}")
        return out / str(self.versions)


def test_what_stands_is_not_done_again_and_what_differs_is(
    tiny_base: Config, tiny_log: EventLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(monkeypatch)
    how: dict[str, Any] = {"split": SplitRule(), "split_seed": 0}
    path = tmp_path / "best"
    result, version = finish(path, tiny_base, tiny_log, epochs=3, **how)
    assert stage.done == ["train 3", "evaluate", f"export {EXPORT}"]
    assert version == tmp_path / EXPORT / "1" and result == {"perplexity": {}}
    assert RunFolder(path).config == retrained(tiny_base)
    assert json.loads((path / "finished.json").read_text()) == {"epochs": 3, "version": "1"}

    stage.done.clear()
    assert finish(path, tiny_base, tiny_log, epochs=3, **how)[1] == version
    assert stage.done == []
    assert finish(path, tiny_base, tiny_log, epochs=4, **how)[1].name == "2"
    assert stage.done[0] == "train 4"
    other = tiny_base.with_settings({"units": 5})
    assert finish(path, other, tiny_log, epochs=4, **how)[1].name == "3"
    assert RunFolder(path).config.model.units == 5


def test_one_that_was_stopped_before_its_note_goes_on_in_its_folder(
    tiny_base: Config, tiny_log: EventLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(monkeypatch)
    how: dict[str, Any] = {"epochs": 2, "split": SplitRule(), "split_seed": 0}
    path = tmp_path / "best"

    def stopped() -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(stage, "evaluate", stopped)
        finish(path, tiny_base, tiny_log, **how)
    (path / "kept").touch()  # would be gone with the folder
    assert not (path / "finished.json").exists()
    finish(path, tiny_base, tiny_log, **how)
    assert (path / "kept").exists()
    assert stage.done == ["train 2", "train 2", "evaluate", f"export {EXPORT}"]
