"""What becomes of the best trial: trained on training and validation users, judged, exported."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Final

from tfhrnn.config import Config
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.split_rule import SplitRule
from tfhrnn.run_folder import RunFolder
from tuning.oracles import write_whole
from tuning.trial import OnEpoch, train_until

BEST: Final = "best"  # its run, within the search's folder
EXPORT: Final = "model"  # the base path of its versions, within the search's folder


def finish(
    path: Path,
    config: Config,
    log: EventLog,
    *,
    epochs: int,
    split: SplitRule,
    split_seed: int,
    on_epoch: OnEpoch | None = None,
) -> tuple[dict[str, Any], Path]:
    """Trains, judges and exports; what stands already is not done again.

    Args:
      path: folder of the run; its export stands beside it.
      config: the best trial's.
      log: the data.
      epochs: after how many to stop, the trial's best one; the schedule stays the trial's.
      split: the rule.
      split_seed: of the split.
      on_epoch: is told of each epoch.

    Returns:
      The result on the test part, as `evaluate` stores it, and the version's folder.

    Raises:
      RunError: training diverged, or a folder can't be written.
    """
    from tfhrnn.new_run import create_run
    from tfhrnn.recommender import HRNNRecommender

    whole = retrained(config)
    run, note = RunFolder(path), path / "finished.json"
    if not (path / "protocol.json").is_file() or run.config != whole or _other(note, epochs):
        shutil.rmtree(path, ignore_errors=True)
        create_run(path, whole, log, split_seed, split=split)
    if not note.is_file():
        train_until(run, log, epochs, on_epoch)
        recommender = HRNNRecommender.load(path, data=log.directory)
        recommender.evaluate()
        exported = recommender.export(path.parent / EXPORT)
        write_whole(note, {"epochs": epochs, "version": exported.name})
    version = json.loads(note.read_text(encoding="utf-8"))["version"]
    return run.read_result(), path.parent / EXPORT / version


def retrained(config: Config) -> Config:
    """A trial's configuration with the validation users among those trained on.

    Raises:
      ConfigError: its schedule watches them.
    """
    return config.with_settings({"train_on_validation": True})


def judged_on(result: dict[str, Any]) -> str:
    """What a result was judged on, in a line."""
    protocol = result["protocol"]
    return (
        f"test: {protocol['test_users']:,} users, {protocol['test_targets']:,} targets, "
        f"protocol {protocol['hash']}"
    )


def _other(note: Path, epochs: int) -> bool:
    """Whether another number of epochs was finished there."""
    return note.is_file() and json.loads(note.read_text(encoding="utf-8"))["epochs"] != epochs
