"""The paper's Table 1: who predicts the first item of each session, and what an epoch costs.

Sessions are simulated as in `tfhrnn.data.simulate_sessions`. All models are trained on all targets
and judged on the first item of each session alone. Which targets those are had to be read:

- the first item of the first session counts as well, and is the same in every sequence. Then the
  best that a model can do which does not hear sessions end is 2.144, the paper's "2"; were it left
  out, 3.140;
- a model hears at event k the level of the gap after event k, so that one with levels knows at a
  session's last event that it is the last. Its bound is 1, the paper's "1".

HGRU is the tower `hgru` in our lanes, HGRU as published the same equations under session-parallel
mini-batches with an update for every event of a user (`tfhrnn.baselines.hgru_published`); both hear
sessions end only by what it does to their states. One is to the other as the batching is, and the
first to HRNN as the model is.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import tensorflow as tf

from tfhrnn.baselines.hgru_published import HGRUPublished
from tfhrnn.config import Config, preset
from tfhrnn.data.catalogue import FIRST_ITEM
from tfhrnn.data.event_log import EventLog, write_event_log
from tfhrnn.data.facts import training_facts
from tfhrnn.data.simulate_sessions import simulate_sessions
from tfhrnn.data.split import Part
from tfhrnn.data.windows import Batch
from tfhrnn.errors import RunError
from tfhrnn.experiments.results import write_record
from tfhrnn.experiments.session_bounds import contexts, is_first, without_levels
from tfhrnn.experiments.simulated import Row, parts_by_number, run_rows
from tfhrnn.training import build_model, build_optimizer, build_windows, create_variables

HOUR: Final = {"seeds": 3}
NEEDS_LOG: Final = False
MOST_JOBS: Final = 1
TARGETS: Final = "the first item of each session of a test sequence, the first session's included"
PUBLISHED: Final = "HGRU as published"
_COMMON: Final[dict[str, object]] = {
    "units": 32,
    "embedding_dropout": 0.0,
    "output_dropout": 0.0,
    "weight_decay": 0.0,
    "unknown_rate": 0.0,
}
ROWS: Final[dict[str, dict[str, object]]] = {
    "RNN": {"levels": False},
    "HGRU": {"levels": False, "tower": "hgru"},
    PUBLISHED: {"levels": False, "tower": "hgru"},
    "HRNN": {},
}
PAPER: Final[dict[str, tuple[float, float]]] = {
    "RNN": (2.0, 0.3),
    PUBLISHED: (1.0, 25.5),
    "HRNN": (1.0, 0.3),
}


class Size(NamedTuple):
    """How much is simulated and trained.

    Attributes:
      train: training sequences.
      validation: those that choose the epoch.
      test: those that are judged.
      epochs: passes over the training sequences.
      published_epochs: the same of HGRU as published, which updates at each event.
      batch: users side by side, in lanes or slots.
      window: steps of a window (`bptt`).
      rounds: epochs of each model that are timed.
    """

    train: int = 2000
    validation: int = 200
    test: int = 5000
    epochs: int = 40
    published_epochs: int = 8
    batch: int = 32
    window: int = 32
    rounds: int = 15


QUICK: Final = Size(400, 50, 1000, epochs=16, published_epochs=4, batch=16, window=16, rounds=3)


def configs(size: Size) -> dict[str, Config]:
    """A row's name to its configuration."""
    common: dict[str, object] = {**_COMMON, "batch_size": size.batch, "bptt": size.window}
    found = {}
    for name, own in ROWS.items():
        epochs = size.published_epochs if name == PUBLISHED else size.epochs
        found[name] = preset("hrnn", {**common, **own, "epochs": epochs, "patience": epochs})
    return found


def write_log(size: Size, out: Path) -> EventLog:
    """Simulates the sequences of all parts."""
    sequences = size.train + size.validation + size.test
    return write_event_log(simulate_sessions(sequences), out, name="sessions")


def rows_of(log: EventLog, size: Size) -> list[Row]:
    """The rows, each with the best predictor's answers."""
    parts = parts_by_number(log, size.train, size.validation)
    test = np.flatnonzero(parts == Part.TEST)
    items = [np.asarray(log.item[log.events_of(user)]) - FIRST_ITEM for user in test.tolist()]
    context, target = np.concatenate([contexts(one) for one in items]), np.concatenate(items)
    deaf = without_levels()
    best = {False: deaf.log_p[context, target], True: np.zeros(len(target))}
    return [
        Row(
            name,
            config,
            log,
            parts,
            sequences=np.repeat(test, [len(one) for one in items]),
            best=best[name != "RNN"],
            judged=is_first()[context, target],
            bound=deaf.perplexity if name == "RNN" else 1.0,
            targets=TARGETS,
            paper=PAPER[name][0] if name in PAPER else None,
            published=name == PUBLISHED,
        )
        for name, config in configs(size).items()
    ]


def one_epoch(row: Row) -> tuple[Callable[[], object], Callable[[], object]]:
    """Two functions that train a new model of a row for one epoch, each time they are called.

    Returns:
      One that also makes the batches, as training does, and one for which they are made before.
    """
    users = np.flatnonzero(row.parts == Part.TRAIN)
    if row.published:
        published = HGRUPublished(row.config, row.log.num_items)
        steps = published.epoch_steps(row.log, users, 0)
        return (
            lambda: published.run_epoch(row.log, users, 0),
            lambda: published.update_all(steps),
        )
    facts = training_facts(row.log, users, row.config.model)
    model = build_model(row.config, facts)
    model.compile(optimizer=build_optimizer(row.config.training))
    create_variables(model)
    update = tf.function(model.train_step)
    windows = build_windows(row.config, row.log, users, training=True)
    made, ready = windows.dataset(), [Batch(*map(tf.constant, one)) for one in windows.batches()]

    def train(batches: Any) -> None:
        for batch in batches:
            told = update(batch)
        float(told["loss"])  # waits for the last one

    return lambda: train(made), lambda: train(ready)


def time_epochs(rows: Mapping[str, Row], rounds: int) -> dict[str, dict[str, float]]:
    """Median seconds of a training epoch of each row, all in turn, so that noise hits all alike.

    Args:
      rows: by name; batches hold the same number of users side by side.
      rounds: timed epochs of each, after one that is not.

    Returns:
      By name, `seconds_per_epoch`, batches made as training makes them, and `update_seconds`, of
      the updates alone.
    """
    functions = {
        (name, kind): function
        for name, row in rows.items()
        for kind, function in zip(
            ("seconds_per_epoch", "update_seconds"), one_epoch(row), strict=True
        )
    }
    spent: dict[tuple[str, str], list[float]] = {key: [] for key in functions}
    for round_ in range(1 + rounds):
        for key, function in functions.items():
            begun = time.perf_counter()
            function()
            if round_:
                spent[key].append(time.perf_counter() - begun)
    found: dict[str, dict[str, float]] = {name: {} for name in rows}
    for (name, kind), seconds in spent.items():
        found[name][kind] = float(np.median(seconds))
    return found


def timed(rows: list[Row], size: Size, path: Path) -> dict[str, dict[str, float]]:
    """`time_epochs`, kept in a file and read back.

    Raises:
      RunError: the file is of other settings.
    """
    settings = {row.name: dataclasses.asdict(row.config) for row in rows}
    settings["size"] = dict(size._asdict())
    settings = json.loads(json.dumps(settings))
    if not path.is_file():
        found = time_epochs({row.name: row for row in rows}, size.rounds)
        write_record(path, {"settings": settings, "seconds": found})
    record = json.loads(path.read_text())
    if record["settings"] != settings:
        raise RunError(f"{path}: got a result of other settings; remove it or choose another --out")
    seconds: dict[str, dict[str, float]] = record["seconds"]
    return seconds


def run(
    log: None,
    out: Path,
    *,
    seeds: int = 3,
    jobs: int = 1,
    say: Callable[[str], None] = print,
    quick: bool = False,
) -> dict[str, Any]:
    """The table, resumable; see `tfhrnn.experiments.simulated.run_rows`.

    Args:
      log: none is needed.
      out: folder of results.
      seeds: of weights and order.
      jobs: 1, since seconds are measured.
      say: is told of each result.
      quick: fewer and shorter, in a folder of its own.

    Returns:
      `rows`, with `seconds_per_epoch` and `update_seconds` of epochs of all models in turn, and
      `times_hrnn`, the former as a multiple of HRNN's; and `protocol`.

    Raises:
      RunError: more than one job is asked for, or as `run_rows`.
    """
    if jobs > 1:
        raise RunError(f"table1: got {jobs} jobs, expected 1: it measures seconds")
    out, size = (out / "quick", QUICK) if quick else (out, Size())
    rows = rows_of(write_log(size, out / "data"), size)
    found = run_rows(rows, out, seeds=seeds, say=say)
    seconds = timed(rows, size, out / "seconds.json")
    for row in found:
        row |= seconds[row["name"]]
        for key, shown in (
            ("seconds_per_epoch", "times_hrnn"),
            ("update_seconds", "updates_times_hrnn"),
        ):
            row[shown] = row[key] / seconds["HRNN"][key]
        if row["name"] in PAPER:
            row["paper_seconds"] = PAPER[row["name"]][1]
    return {"rows": found, "protocol": rows[0].protocol.to_dict()}
