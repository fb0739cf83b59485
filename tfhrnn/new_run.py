"""A new run's folder, and the event log beside it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tfhrnn.config import Config
from tfhrnn.data.division import Division
from tfhrnn.data.event_log import EventLog, write_event_log
from tfhrnn.data.event_rules import EventRules
from tfhrnn.data.facts import training_facts
from tfhrnn.data.feature_choice import features_of
from tfhrnn.data.sources import TableSource, table_name
from tfhrnn.data.split_rule import SplitRule
from tfhrnn.data.tables import read_interactions
from tfhrnn.progress import step
from tfhrnn.run_folder import RunFolder


def create_run(
    path: Path,
    config: Config,
    log: EventLog,
    split_seed: int,
    parts: npt.NDArray[np.int8] | None = None,
    split: SplitRule | None = None,
) -> RunFolder:
    """Writes the folder of a run from nothing, ready for `train`.

    Args:
      path: of the run.
      config: the settings.
      log: the events.
      split_seed: of the split.
      parts: `[users]`, another split than that of the seed.
      split: the rule that parts users or events; by default the one that parts users.

    Raises:
      DataError: the split leaves no event to train on or to judge.
      RunError: the place is taken or can't be written.
    """
    split = split or SplitRule()
    if parts is None:
        parts = split.parts(log.offsets, log.time, split_seed)
    division = Division(log, parts, by_events=split.by_events)
    training = division.training(config.training)
    with step("counting the training events"):
        facts = training_facts(training.log, training.users, config.model)
    return RunFolder.create(
        path,
        config=config,
        log=log,
        parts=parts,
        split_seed=split_seed,
        facts=facts,
        split=split,
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


def write_tables(
    interactions: TableSource,
    out: Path,
    *,
    items: TableSource | None,
    users: TableSource | None,
    item_features: Sequence[str] | None,
    user_features: Sequence[str] | None,
    columns: Mapping[str, str] | None,
    rules: EventRules | None = None,
) -> EventLog:
    """Writes tables as an event log; features that are None are chosen by their content."""
    reader = read_interactions(interactions, columns=columns, rules=rules)  # its errors come first
    return write_event_log(
        reader,
        out,
        items=items,
        users=users,
        item_features=features_of(items, "item_id", item_features, columns),
        user_features=features_of(users, "user_id", user_features, columns),
        columns=columns,
        name=table_name(interactions),
    )


def log_place(path: Path) -> Path:
    """Where the event log of a run at `path` is written: beside it."""
    return path.with_name(path.name + "-data")
