"""Seconds of a training epoch on ml-100k at 128 units: the presets side by side.

Each round trains a tenth of an epoch of every preset; the seconds are scaled to a whole one.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.timing import side_by_side
from tfhrnn.config import PRESETS, preset
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.facts import training_facts
from tfhrnn.data.movielens import load_movielens
from tfhrnn.data.split import Part, split_users
from tfhrnn.data.windows import Batch
from tfhrnn.training import build_model, build_optimizer, build_windows

_SHARE = 10


def run(rounds: int) -> list[dict[str, Any]]:
    """A row a preset, with `seconds_per_epoch` and the ratio to the first."""
    with TemporaryDirectory() as folder:
        log = load_movielens("ml-100k").write(Path(folder) / "data")
        steps = {name: _tenth(log, name) for name in PRESETS if preset(name).training.epochs}
        rows = side_by_side({name: step for name, (step, _) in steps.items()}, rounds)
    for row in rows:
        row["seconds_per_epoch"] = row["milliseconds"] / 1000 * steps[row["what"]][1]
    return rows


def _tenth(log: EventLog, name: str) -> tuple[Callable[[], None], float]:
    """A function that trains a tenth of an epoch, and what to multiply its time by."""
    config = preset(name)
    users = np.flatnonzero(split_users(log.num_users) == Part.TRAIN)
    model = build_model(config, training_facts(log, users, config.model))
    model.compile(optimizer=build_optimizer(config.training))
    batches = list(build_windows(config, log, users, training=True).batches())
    part = [Batch(*map(tf.constant, batch)) for batch in batches[: len(batches) // _SHARE]]
    step = tf.function(model.train_step)

    def train() -> None:
        for batch in part:
            step(batch)

    return train, len(batches) / len(part)
