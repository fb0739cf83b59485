"""A new run's folder, and the event log beside it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tfhrnn.config import Config
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.facts import training_facts
from tfhrnn.data.history_lengths import training_users
from tfhrnn.data.split import split_users
from tfhrnn.run_folder import RunFolder


def create_run(
    path: Path,
    config: Config,
    log: EventLog,
    split_seed: int,
    parts: npt.NDArray[np.int8] | None = None,
) -> RunFolder:
    """Writes the folder of a run from nothing, ready for `train`.

    Args:
      path: of the run.
      config: the settings.
      log: the events.
      split_seed: of the split.
      parts: `[users]`, another split than that of the seed.

    Raises:
      RunError: the place is taken or can't be written.
    """
    if parts is None:
        parts = split_users(log.num_users, split_seed)
    training = training_users(log, parts, config.training)
    return RunFolder.create(
        path,
        config=config,
        log=log,
        parts=parts,
        split_seed=split_seed,
        facts=training_facts(log, training, config.model),
    )


def log_of(path: Path, resumed: RunFolder | None, write: Callable[[Path], EventLog]) -> EventLog:
    """The event log of a run whose data come as tables.

    What stands beside a run that goes on is not written again: its data need only be the same.

    Args:
      path: of the run.
      resumed: that run, if it goes on.
      write: writes the log to a place.

    Raises:
      RunError: other data than those of the run that goes on.
    """
    if resumed is None:
        return write(log_place(path))
    with tempfile.TemporaryDirectory(prefix="tfhrnn-") as scratch:
        resumed.require_same_data(write(Path(scratch) / "data"))
    return resumed.open_log()


def log_place(path: Path) -> Path:
    """Where the event log of a run at `path` is written: beside it."""
    return path.with_name(path.name + "-data")
