"""One trial: its figures, where it stops, what it goes on from, and how it fails."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfhrnn.config import Config
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.split import Part
from tfhrnn.data.split_rule import SplitRule
from tfhrnn.run_folder import RunFolder
from tuning.trial import Task, train_trial

MakeTask = Callable[..., Task]


@pytest.fixture
def task(tiny_log: EventLog, tiny_base: Config, tmp_path: Path) -> MakeTask:
    def make(name: str = "run", *, epochs: int = 2, settings: Any = None, **more: Any) -> Task:
        config = tiny_base.with_settings(settings or {})
        how: dict[str, Any] = {"split": SplitRule().to_dict(), "split_seed": 1, **more}
        data = str(tiny_log.directory)
        return Task(str(tmp_path / name), data, config.to_json(), epochs, **how)

    return make


def test_figures_are_the_best_epochs_and_say_what_they_were_judged_on(
    task: MakeTask, tiny_log: EventLog
) -> None:
    told: list[int] = []
    one = task(settings={"learning_rate": 0.3, "schedule": "constant"}, epochs=2)
    record = train_trial(one, lambda epoch, logs: told.append(epoch))
    run = RunFolder(one.run)
    rows = run.epochs()
    perplexity = rows["val_perplexity"].to_numpy()
    assert told == [1, 2] and record["epochs"] == 2
    assert record["epoch"] == int(np.argmin(perplexity)) + 1
    assert record["val_perplexity"] == perplexity.min()
    assert record["val_ndcg"] == rows["val_ndcg"][record["epoch"] - 1]
    assert "val_rmse" not in record  # no ranking head
    judged = run.users(tiny_log, Part.VALIDATION)
    assert record["users"] == len(judged) > 0
    assert record["targets"] == int(np.diff(tiny_log.offsets)[judged].sum())
    assert not run.checkpoints.exists() and not run.tensorboard.exists()
    assert run.best_weights.with_suffix(".index").is_file()
    assert run.description["split_seed"] == 1


def test_a_trial_stops_at_its_epochs_and_one_promoted_ends_as_if_it_never_had(
    task: MakeTask,
) -> None:
    straight = train_trial(task("straight", epochs=2))
    first = task("first", epochs=1, keep_checkpoint=True)
    assert train_trial(first)["epochs"] == 1
    told: list[int] = []
    second = task("second", epochs=2, parent=first.run)
    promoted = train_trial(second, lambda epoch, logs: told.append(epoch))
    assert told == [2]  # the first epoch is the parent's
    assert promoted["val_perplexity"] == straight["val_perplexity"]
    assert promoted["epochs"] == 2
    assert RunFolder(first.run).epochs().height == 1  # the parent stays as it was


def test_a_finished_trial_is_not_trained_again_and_a_stopped_one_goes_on(task: MakeTask) -> None:
    one = task(epochs=1, keep_checkpoint=True)
    first = train_trial(one)
    told: list[int] = []
    again = train_trial(one, lambda epoch, logs: told.append(epoch))
    assert (again, told) == (first, [])
    more = dataclasses.replace(one, epochs=2)
    assert train_trial(more, lambda epoch, logs: told.append(epoch))["epochs"] == 2
    assert told == [2]


def test_what_stands_of_other_settings_or_half_written_is_replaced(task: MakeTask) -> None:
    one = task(epochs=1)
    train_trial(one)
    other = task(epochs=1, settings={"units": 5})
    assert train_trial(other)["epochs"] == 1
    assert RunFolder(other.run).config.model.units == 5
    (Path(other.run) / "protocol.json").unlink()  # what a kill while writing leaves
    assert train_trial(other)["epochs"] == 1


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (MemoryError("cannot allocate 9 TB"), "out of memory: cannot allocate 9 TB"),
        (RuntimeError("first line\nsecond"), "RuntimeError: first line"),
        (KeyError(), "KeyError: no reason given"),
    ],
)
def test_whatever_goes_wrong_is_a_failed_trial(
    error: Exception, reason: str, task: MakeTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr("tfhrnn.training.train_run", fail)
    assert train_trial(task()) == {"failed": reason}


def test_tensorflow_out_of_memory_is_told_as_that(
    task: MakeTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tensorflow as tf

    def fail(*_: Any, **__: Any) -> None:
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor\nmore")

    monkeypatch.setattr("tfhrnn.training.train_run", fail)
    assert train_trial(task()) == {"failed": "out of memory: OOM when allocating tensor"}


def test_divergence_is_a_failed_trial(task: MakeTask) -> None:
    record = train_trial(task(settings={"learning_rate": 1e30, "clip_norm": 0.0}))
    assert list(record) == ["failed"]
    assert "expected a finite one; try a lower learning_rate" in record["failed"]


def test_targets_leave_out_first_ones_that_do_not_count(task: MakeTask, tiny_log: EventLog) -> None:
    record = train_trial(task(epochs=1, settings={"first_targets": False}))
    judged = RunFolder(task().run).users(tiny_log, Part.VALIDATION)
    lengths = np.diff(tiny_log.offsets)[judged]
    assert record["targets"] == int((lengths - 1).sum())
