"""Runs that go on from another one with new events, items and users.

The new run stands in a folder of its own beside its own event log; the old one is only read. The
split is kept and grown, so that test users stay test users: nothing that was judged is trained on.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import tensorflow as tf

from tfhrnn.config import Config, TrainingConfig
from tfhrnn.data.append import append_events, known_events, rows_before, users_before
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.grown_facts import grown_facts, new_to_training
from tfhrnn.data.history_lengths import training_users
from tfhrnn.data.sources import TableSource
from tfhrnn.data.split import grow_split
from tfhrnn.errors import ConfigError, RunError
from tfhrnn.growth import carry_over
from tfhrnn.models.hrnn import HRNN
from tfhrnn.new_run import log_of, log_place
from tfhrnn.personalize import own_names
from tfhrnn.run_folder import RunFolder
from tfhrnn.training import build_model, create_variables

EPOCHS: Final = 5
# Chosen on ml-100k's validation users: at 0.5 what is known is forgotten first and regained late.
REPLAY: Final = 0.7
_SLOWER: Final = 0.1


def update_config(parent: RunFolder, settings: Mapping[str, object], replay: float) -> Config:
    """The settings of a run that goes on from `parent`.

    By default it trains for 5 epochs at a tenth of the learning rate of the first run; an update of
    an update keeps its parent's. A run without epochs (popularity) has none to add.

    Args:
      parent: the run of before.
      settings: training settings by name that differ from that.
      replay: checked too.

    Raises:
      ConfigError: a setting of the model, an unknown one, or a value that can't be.
    """
    if not 0 <= replay < 1:
        raise ConfigError(f"replay: got {replay!r}, expected a share in [0, 1)")
    training = {field.name for field in dataclasses.fields(TrainingConfig)}
    config = parent.config
    for name in own_names(settings):
        if name not in training and hasattr(config.model, name):
            raise ConfigError(
                f"{name}: got a setting of the model, which is fixed once it is trained; expected "
                "a training setting, such as epochs or learning_rate"
            )
    if "parent" not in parent.description and config.training.epochs:
        rate = config.training.learning_rate * _SLOWER
        config = config.with_settings({"epochs": EPOCHS, "learning_rate": rate})
    return config.with_settings(own_names(settings))


def _roles_read(parent: RunFolder, before: EventLog) -> list[str]:
    """Roles that new events need a column for, since the model reads them and learned from them."""
    model = parent.config.model
    feedback = before.has_feedback and (model.reads_feedback or model.rating != "none")
    roles = {"feedback": feedback, "event_type": model.event_types}
    return [role for role, needed in roles.items() if needed]


def create_update(
    parent: RunFolder,
    before: EventLog,
    path: Path,
    interactions: TableSource,
    *,
    model: HRNN,
    config: Config,
    replay: float = REPLAY,
    **tables: Any,
) -> tuple[RunFolder, EventLog]:
    """Writes the grown event log, `<path>-data`, and the run folder, ready for `train`.

    Args:
      parent: the run of before.
      before: its event log.
      path: of the new run.
      interactions: the new events.
      model: the trained model.
      config: from `update_config`.
      replay: share of an epoch's events that are known.
      **tables: `items`, `users` and other options of `append_events`.

    Returns:
      The run and the log.

    Raises:
      DataError: a table that can't be read, or without feedback or event types that the model
        reads.
      RunError: a parent whose events were split, not its users; a place that is taken or can't be
        written; nothing new stays.
    """
    run = RunFolder(path).require_free()
    parent.parts(before)  # of a split of events there is none to grow
    tables = {**tables, "required": _roles_read(parent, before)}
    log = append_events(before, interactions, log_place(path), **tables)
    try:
        seed = int(parent.description["split_seed"])
        parts_before = parent.parts(before)
        index = users_before(before, log.user_ids)
        parts = parts_before[index]
        parts[index < 0] = grow_split(parts_before, int(np.sum(index < 0)), seed)
        facts = grown_facts(
            parent.facts,
            before,
            training_users(before, parts_before, parent.config.training),
            log,
            training_users(log, parts, config.training),
            config.model,
        )
        grown = build_model(config, facts)
        create_variables(grown)
        rows = rows_before(before.catalogue, log.catalogue)
        if parent.config.training.epochs:
            carry_over(model, grown, rows, new_to_training(parent.facts, rows, facts))
        record = {
            "run": str(parent.path.resolve()),
            "fingerprint": before.fingerprint,
            "replay": replay,
            "new_events": log.num_events - before.num_events,
            "new_users": log.num_users - before.num_users,
            "new_items": log.num_items - before.num_items,
            "split": f"{parent.split_rule}; grown since the log {before.fingerprint[:12]}",
        }
        run = RunFolder.create(
            path,
            config=config,
            log=log,
            parts=parts,
            split_seed=seed,
            facts=facts,
            parent=record,
        )
        run.write_start(known_events(before, log))
        tf.train.Checkpoint(model=grown).write(str(run.start_weights))
    except BaseException:
        shutil.rmtree(run.path, ignore_errors=True)
        shutil.rmtree(log.directory, ignore_errors=True)
        raise
    return run, log


def open_update(
    parent: RunFolder, before: EventLog, path: Path, interactions: TableSource, **tables: Any
) -> tuple[RunFolder, EventLog]:
    """A run that `create_update` wrote and that is to be resumed, and its log.

    Raises:
      RunError: it is something else, goes on from another run, or has other data.
    """
    run = RunFolder(path).require()
    found = run.description.get("parent", {}).get("fingerprint")
    if found != before.fingerprint:
        raise RunError(
            f"{path}: got a run that does not go on from {parent.path}, expected one that does"
        )
    return run, log_of(path, run, lambda out: append_events(before, interactions, out, **tables))


def start_update(
    parent: RunFolder,
    before: EventLog,
    path: Path,
    interactions: TableSource,
    *,
    resume: bool,
    say: Callable[[str], None],
    model: HRNN,
    config: Config,
    replay: float,
    **tables: Any,
) -> tuple[RunFolder, EventLog, bool]:
    """Creates an update, or opens the one that is resumed, and tells how its tables were read.

    Args:
      parent: the run of before.
      before: its event log.
      path: of the new run.
      interactions: the new events.
      resume: go on with what stands at `path`, if anything does.
      say: takes a line for people.
      model: as in `create_update`.
      config: likewise.
      replay: likewise.
      **tables: likewise.

    Returns:
      The run, its log, and whether it goes on.

    Raises:
      DataError: as `create_update`.
      RunError: as `create_update` or `open_update`.
    """
    if resumed := resume and path.exists():
        run, log = open_update(parent, before, path, interactions, **tables)
    else:
        tables |= {"model": model, "config": config, "replay": replay}
        run, log = create_update(parent, before, path, interactions, **tables)
    say(f"columns not used: {', '.join(log.report.ignored) or 'none'}")
    for note in log.report.notes:
        say(f"Note: {note}")
    return run, log, resumed
