"""What ml-20m's size costs: preparing 20 million events, and an epoch over 131,263 items.

The log is simulated (`tfhrnn.data.simulate_bursts`): 138,493 users, 26,744 items that events are
of, in an index space of 131,263, which is what the paper's perplexity is over (its footnote 2). It
is written twice, with the items of the events alone and with all of the index space; the preset
`hrnn` as it stands is trained on each, with the full softmax and with a sampled one, for a few
updates after the first ones. An epoch is projected from them. Each measurement has a process of its
own, so that its peak of memory is its own too (that of TensorFlow itself, some hundred MB, is part
of all).
"""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl
import tensorflow as tf

from tfhrnn.config import Config, preset
from tfhrnn.data.event_log import EventLog, write_event_log
from tfhrnn.data.facts import training_facts
from tfhrnn.data.simulate_bursts import simulate_bursts
from tfhrnn.data.split import Part, split_users
from tfhrnn.devices import Devices
from tfhrnn.errors import ConfigError, RunError
from tfhrnn.experiments.results import Record, Task, gather, write_record
from tfhrnn.quickstart import peak_memory_mb
from tfhrnn.startup import start_worker
from tfhrnn.training import build_model, build_optimizer, build_windows, create_variables

HOUR: Final = {"seeds": 1}
NEEDS_LOG: Final = False
MOST_JOBS: Final = 1  # seconds and memory are measured
SEEDS: Final = 1  # updates are alike
LOSSES: Final = ("full_softmax", "sampled_softmax")


class Size(NamedTuple):
    """How much is simulated, and how much of an epoch is timed.

    Attributes:
      users: how many.
      items: that events are of.
      index_space: all items.
      events: of all users.
      warm_up: updates that are not timed.
      timed: updates that are.
    """

    users: int = 138_493
    items: int = 26_744
    index_space: int = 131_263
    events: int = 20_000_000
    warm_up: int = 3
    timed: int = 15


QUICK: Final = Size(users=60, items=100, index_space=500, events=2_000, warm_up=1, timed=2)


def run(
    log: None,
    out: Path,
    *,
    seeds: int = 1,
    jobs: int = 1,
    say: Callable[[str], None] = print,
    events: int | None = None,
    quick: bool = False,
) -> dict[str, Any]:
    """The table; each measurement a JSON, so that a stopped experiment goes on.

    Args:
      log: not read; the events are simulated.
      out: folder of the results, and of the data while they are needed.
      seeds: not read: updates are alike.
      jobs: 1.
      say: is told of each measurement.
      events: fewer than 20 million, of as many fewer users; items stay.
      quick: a log of 2,000 events, for tests.

    Returns:
      `rows`: of simulating and preparing `seconds`, of training `first_update_seconds` (building
        the graph included), `seconds_per_update` (the median), `updates_per_epoch` and
        `seconds_per_epoch`, their product; of all `peak_memory_mb`. `protocol`, the size.

    Raises:
      ConfigError: fewer events than ten.
      RunError: more than one job, a measurement that did not end well, or `out` holds results of
        another size.
    """
    if jobs > MOST_JOBS:
        raise RunError(f"scale: got {jobs} jobs, expected 1: seconds and memory are measured")
    if events is not None and events < 10:
        raise ConfigError(f"events: got {events}, expected 10 or more")
    size = QUICK if quick else scaled(Size(), events) if events else Size()
    out = out / f"{size.events}"
    out.mkdir(parents=True, exist_ok=True)
    table = out / "events.parquet"
    steps: dict[str, tuple[Callable[..., Record], tuple[Any, ...]]] = {
        "simulate": (simulate, (size, table))
    }
    for name, count in (("used", size.items), ("all", size.index_space)):
        steps[f"prepare, {count:,} items"] = (prepare, (size, table, out / name, name == "all"))
        for loss in LOSSES:
            steps[f"hrnn, {loss}, {count:,} items"] = (train, (size, out / name, loss))
    tasks = {
        name: Task(
            out / f"{place:02d}.json",
            partial(_read, size),
            alone,
            (work, out / f"{place:02d}.json", *arguments),
        )
        for place, (name, (work, arguments)) in enumerate(steps.items())
    }
    found = gather(tasks, jobs=1, say=lambda name, record: say(_line(name, record)))
    rows = [
        {"name": name, **{k: v for k, v in found[name].items() if k != "size"}} for name in steps
    ]
    return {"rows": rows, "protocol": size._asdict()}


def scaled(size: Size, events: int) -> Size:
    """A size of another number of events, with as many events a user; items stay."""
    users = max(10, round(size.users * events / size.events))
    return size._replace(events=events, users=min(users, events))


def simulate(size: Size, table: Path) -> Record:
    """Writes the events as Parquet."""
    simulate_bursts(
        users=size.users, items=size.items, index_space=size.index_space, events=size.events
    ).write_parquet(table)
    return {"table_mb": table.stat().st_size / 2**20}


def prepare(size: Size, table: Path, place: Path, whole_space: bool) -> Record:
    """Writes the event log, of the events' items alone or of all ids there are."""
    items = pl.DataFrame({"item_id": np.arange(size.index_space)}) if whole_space else None
    log = write_event_log(table, place, items=items, name="scale", keep_duplicates=True)
    return {"items": log.num_items, "events": log.num_events}


def train(size: Size, place: Path, loss: str) -> Record:
    """Times a few updates of the preset `hrnn`."""
    log, config = EventLog.open(place), config_of(loss)
    started = time.monotonic()
    users = np.flatnonzero(split_users(log.num_users, 0) == Part.TRAIN)
    model: Any = build_model(config, training_facts(log, users, config.model))
    model.compile(optimizer=build_optimizer(config.training), **Devices().compile_options)
    create_variables(model)
    windows = build_windows(config, log, users, training=True)
    updates = windows.num_batches
    built = time.monotonic() - started
    clock = _Clock()
    count = min(size.warm_up + size.timed, updates)
    model.fit(windows.dataset().take(count), epochs=1, verbose=0, callbacks=[clock])
    gaps = np.diff(clock.ends)
    timed = gaps[min(size.warm_up, len(gaps) - 1) :]
    return {
        "build_seconds": built,
        "first_update_seconds": clock.ends[1] - clock.ends[0],
        "seconds_per_update": float(np.median(timed)),
        "standard_deviation": float(np.std(timed)),
        "updates_per_epoch": updates,
        "seconds_per_epoch": float(np.median(timed)) * updates,
        "parameters": int(sum(np.prod(v.shape) for v in model.trainable_variables)),
    }


def config_of(loss: str) -> Config:
    """The preset `hrnn` with one of the losses as it stands."""
    return preset("hrnn", {"loss": loss})


class _Clock(tf.keras.callbacks.Callback):
    """When training began and each update ended."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[float] = []

    def on_train_begin(self, logs: Any = None) -> None:
        """Notes the start."""
        self.ends.append(time.monotonic())

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Notes an end."""
        self.ends.append(time.monotonic())


def alone(work: Callable[..., Record], path: Path, size: Size, *arguments: Any) -> None:
    """Does a piece of work in a process of its own and stores its seconds and peak of memory.

    Raises:
      RunError: the process was ended, such as for want of memory.
      Exception: what the work raises.
    """
    spawn = multiprocessing.get_context("spawn")  # TensorFlow does not survive a fork
    every_thread = (None,)
    with ProcessPoolExecutor(1, spawn, start_worker, every_thread) as pool:
        try:
            pool.submit(_measure, work, path, size, *arguments).result()
        except BrokenProcessPool as error:
            raise RunError(f"{path}: its process was ended, perhaps for want of memory") from error


def _measure(work: Callable[..., Record], path: Path, size: Size, *arguments: Any) -> None:
    started = time.monotonic()
    record = work(size, *arguments)
    write_record(
        path,
        {
            "seconds": time.monotonic() - started,
            "peak_memory_mb": peak_memory_mb(),
            **record,
            "size": size._asdict(),
        },
    )


def _read(size: Size, path: Path) -> Record:
    record: Record = json.loads(path.read_text())
    if record.get("size") != size._asdict():
        raise RunError(f"{path}: got a result of another size; remove it or choose another --out")
    return record


def _line(name: str, record: Record) -> str:
    took = f"{record['seconds']:.1f} s"
    if "seconds_per_update" in record:
        hours = record["seconds_per_epoch"] / 3600
        took = f"{record['seconds_per_update']:.3f} s an update, {hours:.2f} h an epoch"
    return f"{name}: {took}, {record['peak_memory_mb']:,.0f} MB"
