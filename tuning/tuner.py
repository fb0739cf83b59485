"""keras-tuner's tuner for this project's models: `run_trial` trains a run folder.

keras-tuner imports Keras 3 and refuses models of Keras 2 (`HyperModel.build`), so it is told of
hyperparameters and figures alone; Keras 2 trains, here or in a process of the trials' own.
"""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any, Final, Protocol

import keras_tuner as kt

from tfhrnn.data.event_log import EventLog
from tfhrnn.data.split_rule import SplitRule
from tfhrnn.errors import RunError
from tfhrnn.run_folder import RunFolder
from tuning.oracles import write_whole
from tuning.space import Space
from tuning.trial import OnEpoch, Record, Task

FAILURES: Final = 10  # in a row: it is not the settings then

PROJECT: Final = "trials"  # the folder of keras-tuner's files, within the search's


class Run(Protocol):
    """Trains a task, such as `train_trial` or a `TrialProcess`."""

    def __call__(self, task: Task, on_epoch: OnEpoch | None = None) -> Record:
        """Returns the trial's record."""


class Watcher:
    """What a search tells of itself; this one keeps quiet."""

    def begins(self, name: str, values: dict[str, Any], epochs: int) -> None:
        """A trial begins, to be trained to that many epochs."""

    def epoch(self, name: str, epoch: int, figures: dict[str, float]) -> None:
        """An epoch of it is done."""

    def ends(self, name: str, record: Record) -> None:
        """The trial has ended, or failed."""


class TrialTuner(kt.Tuner):
    """Trains trials into `directory`/trials/trial_*.

    Args:
      oracle: of `tuning.oracles`.
      space: what its values mean.
      log: the data, which all trials read.
      directory: of the search.
      run: what trains a task.
      split: rule of the split.
      split_seed: of the split.
      watcher: is told of trials and epochs.

    What stands in `directory` is gone on with.
    """

    def __init__(
        self,
        oracle: kt.Oracle,
        *,
        space: Space,
        log: EventLog,
        directory: Path,
        run: Run,
        split: SplitRule | None = None,
        split_seed: int = 0,
        watcher: Watcher | None = None,
    ) -> None:
        self.space, self.log, self.run = space, log, run
        self.split, self.split_seed = split or SplitRule(), split_seed
        self.watcher = watcher or Watcher()
        self._promotes = isinstance(oracle, kt.oracles.HyperbandOracle)
        self._failed = 0
        with contextlib.redirect_stdout(io.StringIO()):  # "Reloading Tuner from ..."
            super().__init__(oracle, directory=str(directory), project_name=PROJECT)
        if not Path(self._get_tuner_fname()).exists():
            self.save()  # else a search that is killed in its first trial begins anew

    def run_trial(self, trial: Any, *_: Any, **__: Any) -> dict[str, float]:
        """Trains a trial; the objective's figure of its best epoch.

        Raises:
          FailedTrialError: it diverged, ran out of memory, or could not be built.
        """
        values, name = trial.hyperparameters.values, trial.trial_id
        task = self.task(name, values)
        self.watcher.begins(name, values, task.epochs)
        record = self.run(task, lambda epoch, logs: self.watcher.epoch(name, epoch, logs))
        objective = self.oracle.objective.name
        if "failed" not in record and objective not in record:
            record = {"failed": f"no {objective} was worked out"}
        write_whole(self.folder(name) / "record.json", record)
        self.watcher.ends(name, record)
        if "failed" in record:
            self._failed += 1
            if self._failed == FAILURES:
                raise Hopeless(f"{FAILURES} trials failed in a row, the last: {record['failed']}")
            raise kt.errors.FailedTrialError(record["failed"])
        self._failed = 0
        return {objective: record[objective]}

    def task(self, name: str, values: dict[str, Any]) -> Task:
        """What a trial of some values is.

        Args:
          name: the trial's.
          values: of the dimensions, and Hyperband's own ("tuner/...").
        """
        config = self.space.config(values)
        parent = values.get("tuner/trial_id", "")
        return Task(
            run=str(self.folder(name) / "run"),
            data=str(self.log.directory.resolve()),
            config=config.to_json(),
            epochs=min(values.get("tuner/epochs", config.training.epochs), config.training.epochs),
            split=self.split.to_dict(),
            split_seed=self.split_seed,
            parent=str(self.folder(parent) / "run") if parent else "",
            keep_checkpoint=self._promotes,
        )

    def folder(self, name: str) -> Path:
        """A trial's folder."""
        return Path(self.get_trial_dir(name)).resolve()

    def load_model(self, trial: Any) -> Any:
        """The model of a finished trial, with its best epoch's weights."""
        from tfhrnn.training import load_model

        return load_model(RunFolder(self.folder(trial.trial_id) / "run").require())

    def save(self) -> None:
        """Saves the oracle's state and this tuner's, whole."""
        if not self._is_worker():
            self.oracle.save()
        write_whole(Path(self._get_tuner_fname()), self.get_state())


class Hopeless(kt.errors.FatalError, RunError):
    """So many trials failed in a row that the search is given up."""


def read_record(folder: Path) -> Record:
    """What a trial left in its folder; empty where it has not ended."""
    path = folder / "record.json"
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}
