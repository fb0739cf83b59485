"""One trial: a run folder trained up to some epoch, and the figures that it is judged by.

A `Task` is plain text, so that it can go to another process. A trial whose folder stands goes on
where it was, one that an oracle promotes begins with a copy of the promoted one's folder.
"""

from __future__ import annotations

import dataclasses
import functools
import gc
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfhrnn.config import Config
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.files import whole_folder
from tfhrnn.data.split_rule import SplitRule
from tfhrnn.errors import TfhrnnError
from tfhrnn.run_folder import RunFolder

Record = dict[str, Any]
OnEpoch = Callable[[int, dict[str, float]], None]  # the epoch, from 1, and its figures


@dataclass(frozen=True)
class Task:
    """What a trial is.

    Attributes:
      run: folder of its run.
      data: the event log's folder, shared by all trials.
      config: the whole configuration, as JSON; its schedule is over all of its epochs.
      epochs: after how many it stops, at most the configuration's.
      split: rule of the split, as `SplitRule.to_dict` tells it.
      split_seed: of the split.
      parent: folder of the run that it goes on from; "" for none.
      keep_checkpoint: whether another trial may go on from it.
    """

    run: str
    data: str
    config: str
    epochs: int
    split: dict[str, Any]
    split_seed: int = 0
    parent: str = ""
    keep_checkpoint: bool = False

    def to_json(self) -> str:
        """One line."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Task:
        """The inverse of `to_json`."""
        return cls(**json.loads(text))


def train_trial(task: Task, on_epoch: OnEpoch | None = None) -> Record:
    """Trains a trial in this process.

    Args:
      task: what to train.
      on_epoch: is told of each epoch.

    Returns:
      The best epoch's figures ("val_perplexity", "val_ndcg" and "val_rmse" where it is one),
      `epoch` it was, of how many `epochs`; `seconds` of training, and what it was judged on:
      validation `users` and `targets`. Of a failed one `failed`, the reason, alone.
    """
    import tensorflow as tf

    try:
        return _trained(task, on_epoch)
    except (MemoryError, tf.errors.ResourceExhaustedError) as error:
        return {"failed": f"out of memory: {_first_line(error)}"}
    except TfhrnnError as error:
        return {"failed": _first_line(error)}
    except Exception as error:
        return {"failed": f"{type(error).__name__}: {_first_line(error)}"}
    finally:
        tf.keras.backend.clear_session()
        gc.collect()


def train_until(
    run: RunFolder, log: EventLog, epochs: int, on_epoch: OnEpoch | None = None
) -> None:
    """Trains a run up to some epoch, or until its patience runs out, from where it stands."""
    if run.metrics.is_file() and run.epochs().height >= epochs:
        return
    from tfhrnn.training import train_run

    train_run(run, log, resume=True, callbacks=[_stop_after(epochs, on_epoch)], verbose=0)


def _trained(task: Task, on_epoch: OnEpoch | None) -> Record:
    written = (Path(task.data) / "meta.json").stat().st_mtime_ns
    config, log = Config.from_json(task.config), _open(task.data, written)
    run = _run_of(task, config, log)
    train_until(run, log, task.epochs, on_epoch)
    shutil.rmtree(run.tensorboard, ignore_errors=True)
    if not task.keep_checkpoint:
        shutil.rmtree(run.checkpoints, ignore_errors=True)
    return figures_of(run, log)


def _run_of(task: Task, config: Config, log: EventLog) -> RunFolder:
    """The trial's run: as it stands, as its parent's stands, or new."""
    from tfhrnn.new_run import create_run

    run = RunFolder(task.run)
    if (run.path / "protocol.json").is_file() and run.config == config:  # which is written last
        return run
    shutil.rmtree(run.path, ignore_errors=True)
    if task.parent:
        with whole_folder(run.path) as folder:
            shutil.copytree(task.parent, folder, dirs_exist_ok=True)
        return run
    split = SplitRule.from_dict(task.split)
    return create_run(run.path, config, log, task.split_seed, split=split)


def figures_of(run: RunFolder, log: EventLog) -> Record:
    """What a trained run's best epoch is judged by, on its validation part."""
    epochs, config = run.epochs(), run.config
    watched = f"val_{config.training.watched}"
    best = epochs.sort(watched, descending=watched == "val_ndcg", nulls_last=True).row(
        0, named=True
    )
    names = ("val_perplexity", "val_ndcg", "val_rmse")
    shown = {name: float(best[name]) for name in names if isinstance(best[name], (int, float))}
    judged = run.division(log).validation(config.training)
    weight, first = np.asarray(judged.log.weight), 0 if config.training.first_targets else 1
    events = [weight[judged.log.events_of(int(user))][first:] for user in judged.users]
    targets = sum(int(np.count_nonzero(of_user)) for of_user in events)
    return {
        **shown,
        "epoch": int(best["epoch"]),
        "epochs": epochs.height,
        "seconds": float(epochs["seconds"].sum()),
        "users": len(judged.users),
        "targets": targets,
    }


@functools.lru_cache(maxsize=1)
def _open(data: str, written: int) -> EventLog:
    """The event log, mapped once a process, and again where it was written anew."""
    return EventLog.open(data)


def _stop_after(epochs: int, on_epoch: OnEpoch | None) -> Any:
    import tensorflow as tf

    class StopAfter(tf.keras.callbacks.Callback):
        """Ends training after some epoch, however many its schedule has."""

        def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
            if on_epoch is not None:
                shown = {name: float(value) for name, value in (logs or {}).items()}
                on_epoch(epoch + 1, shown)
            if epoch + 1 >= epochs:
                self.model.stop_training = True

    return StopAfter()


def _first_line(error: BaseException) -> str:
    text = str(getattr(error, "message", "") or error).strip()
    return text.splitlines()[0] if text else "no reason given"
