"""Seconds of a training epoch on ml-100k at 128 units: the presets side by side.

Each round trains a tenth of an epoch of every configuration; the seconds are scaled to a whole one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.timing import side_by_side
from tfhrnn.config import PRESETS, Config, preset
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.facts import training_facts
from tfhrnn.data.movielens import load_movielens
from tfhrnn.data.split import Part, split_users
from tfhrnn.data.windows import Batch
from tfhrnn.training import build_model, build_optimizer, build_windows

_SHARE = 10


def run(rounds: int) -> list[dict[str, Any]]:
    """A row a preset that is trained, see `seconds_per_epoch`."""
    names = [name for name in PRESETS if preset(name).training.epochs]
    with movielens() as log:
        return seconds_per_epoch({name: Tenth(log, preset(name)) for name in names}, rounds)


@contextmanager
def movielens() -> Iterator[EventLog]:
    """The event log of ml-100k in a folder that goes afterwards."""
    with TemporaryDirectory() as folder:
        yield load_movielens("ml-100k").write(Path(folder) / "data")


class Tenth:
    """Trains a tenth of an epoch when it is called, the same batches each time.

    Args:
      log: the events; users are split by seed 0.
      config: what is trained.

    Attributes:
      model: at its starting weights until the first call.
      batches: those of the tenth, at least one.
      times: how many such tenths make an epoch.
    """

    def __init__(self, log: EventLog, config: Config) -> None:
        users = np.flatnonzero(split_users(log.num_users) == Part.TRAIN)
        self.model = build_model(config, training_facts(log, users, config.model))
        self.model.compile(optimizer=build_optimizer(config.training))
        windows = build_windows(
            config, log, users, training=True, flush_steps=self.model.tower.flush_steps
        )
        batches = list(windows.batches())
        part = batches[: max(1, len(batches) // _SHARE)]
        self.batches = [Batch(*map(tf.constant, batch)) for batch in part]
        self.times = len(batches) / len(part)
        self._step = tf.function(self.model.train_step)

    def __call__(self) -> None:
        """Trains once on each of the batches."""
        for batch in self.batches:
            self._step(batch)


def seconds_per_epoch(tenths: Mapping[str, Tenth], rounds: int) -> list[dict[str, Any]]:
    """A row each: `milliseconds` of a tenth, their ratio to the first, `seconds_per_epoch`."""
    rows = side_by_side(tenths, rounds)
    for row in rows:
        row["seconds_per_epoch"] = row["milliseconds"] / 1000 * tenths[row["what"]].times
    return rows
