"""What each tower costs on ml-100k: seconds of a training epoch, and of reading one event more.

The settings are those of the experiment `towers` (preset `best`, one layer, 128 units). Reading an
event is what serving does for a user whose state is kept: one lane, one step, embedding and tower
and read-out, without scores. `state_bytes` is what is kept for the user.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from benchmarks.epoch import Tenth, movielens, seconds_per_epoch
from benchmarks.timing import side_by_side
from tfhrnn.config import Config, preset
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.windows import Batch
from tfhrnn.experiments.towers import SETTINGS

_EVENTS = 20  # read a round


def run(rounds: int) -> list[dict[str, Any]]:
    """A row a tower."""
    with movielens() as log:
        return costs(log, configs(), rounds)


def configs() -> dict[str, Config]:
    """A tower's name to its configuration."""
    return {name: preset("best", own) for name, own in SETTINGS.items()}


def costs(log: EventLog, configs: Mapping[str, Config], rounds: int) -> list[dict[str, Any]]:
    """A row each: see `benchmarks.epoch.seconds_per_epoch`, then `event_ms` and `state_bytes`."""
    tenths = {name: Tenth(log, config) for name, config in configs.items()}
    trained = seconds_per_epoch(tenths, rounds)
    read = side_by_side({name: reader(tenth) for name, tenth in tenths.items()}, rounds)
    return [
        {
            **row,
            "event_ms": event["milliseconds"] / _EVENTS,
            "state_bytes": int(tenths[row["what"]].model.tower.state_size_bytes),
        }
        for row, event in zip(trained, read, strict=True)
    ]


def reader(tenth: Tenth) -> Callable[[], tuple[Any, ...]]:
    """A function that reads events of one user one at a time and returns the state after them."""
    model = tenth.model
    # The second step: the first one of a user resets.
    event = Batch(
        *(
            part[:1] if name == "seen" else part[:1, 1:2]
            for name, part in tenth.batches[0]._asdict().items()
        )
    )
    weights, _ = model.decoder.item_matrix()
    step = tf.function(lambda event, state: model.encode(event, weights, state)[1])

    def read() -> tuple[Any, ...]:
        state = model.tower.initial_state(1)
        for _ in range(_EVENTS):
            state = step(event, state)
        return state

    return read
