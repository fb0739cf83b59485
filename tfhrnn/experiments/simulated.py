"""Trains and judges the rows of a simulation, each beside the best predictor of what it may know.

Like `tfhrnn.experiments.runs`, a result is one JSON file and what is done is read back; but the
users' parts are given, so that a small training set can be judged on a large test sample, and every
result is held against its bound (`tfhrnn.experiments.bounds`).
"""

from __future__ import annotations

import dataclasses
import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from tfhrnn.baselines.hgru_published import HGRUPublished
from tfhrnn.config import Config
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.split import Part, protocol_of
from tfhrnn.errors import RunError
from tfhrnn.evaluation.evaluate import judge
from tfhrnn.evaluation.metrics import Floats, perplexity
from tfhrnn.experiments.bounds import Comparison, compare, require_no_leak
from tfhrnn.experiments.results import Record, Task, gather, write_record
from tfhrnn.experiments.runs import read_record
from tfhrnn.new_run import create_run
from tfhrnn.protocol import Protocol
from tfhrnn.training import train


@dataclass(frozen=True, eq=False)
class Row:
    """One row of a table.

    Attributes:
      name: as in the paper, where it has the row.
      config: of any seed.
      log: the events.
      parts: `[users]` of the log.
      sequences: `[test targets]` which sequence each is of, in the log's order.
      best: `[test targets]` log p of the best predictor of what this row may know.
      judged: `[test targets]` which of them are judged.
      bound: the perplexity that the best predictor is to be expected to have on judged targets.
      targets: what these are, for the protocol.
      paper: the paper's figure, None where it has none.
      published: whether it is `HGRUPublished` instead of an HRNN.
    """

    name: str
    config: Config
    log: EventLog
    parts: npt.NDArray[np.int8]
    sequences: npt.NDArray[np.int64]
    best: Floats
    judged: npt.NDArray[np.bool_]
    bound: float
    targets: str
    paper: float | None = None
    published: bool = False

    @property
    def protocol(self) -> Protocol:
        """How the row is judged."""
        test = np.flatnonzero(self.parts == Part.TEST)
        found = protocol_of(self.log, test, 0, split=split_of(self.parts))
        return dataclasses.replace(found, targets=self.targets, test_targets=int(self.judged.sum()))


def split_of(parts: npt.NDArray[np.int8]) -> str:
    """The rule by which simulated sequences are parted, in words."""
    trained, validated = (int(np.sum(parts == p)) for p in (Part.TRAIN, Part.VALIDATION))
    return f"sequences in the order drawn: {trained} train, {validated} validation, the rest test"


def parts_by_number(
    log: EventLog, train: int, validation: int, sequence: Callable[[str], int] = int
) -> npt.NDArray[np.int8]:
    """Parts `[users]` of a simulated log: the first sequences train, the next ones validate.

    Args:
      log: in which those without events are missing.
      train: how many sequences train, those without events included.
      validation: how many come next.
      sequence: from a user's id to the sequence's number.
    """
    numbers = np.array([sequence(user) for user in log.user_ids])
    return np.digitize(numbers, [train, train + validation]).astype(np.int8)


def run_rows(
    rows: Sequence[Row], out: Path, *, seeds: int, say: Callable[[str], None]
) -> list[dict[str, Any]]:
    """Trains what is not done yet and gathers the table.

    Args:
      rows: of the table.
      out: folder of results, one JSON a row and seed.
      seeds: of weights and order, from 0; the sequences stay the same.
      say: is told of each result.

    Returns:
      A row each: name, perplexity (mean, standard error over seeds where there are several), bound,
      sample_bound (the best predictor's perplexity on the very test sample), over_bound (how much
      more than that the model has, a share) and its standard error over test sequences, paper,
      epochs and seconds an epoch.

    Raises:
      RunError: `out` holds results of other settings, or a model is better than the best predictor.
      ProtocolError: `out` holds results of other data.
    """
    out.mkdir(parents=True, exist_ok=True)
    tasks = {}
    for seed in range(seeds):
        for index, row in enumerate(rows):
            path = out / f"{index:02d}-seed-{seed}.json"
            config, protocol = row.config.with_settings({"seed": seed}), row.protocol
            tasks[seed, index] = Task(
                path,
                partial(_read_row, row, config=config, protocol=protocol),
                _train_row,
                (row, config, protocol, path),
            )

    def told(name: tuple[int, int], record: Record) -> None:
        seed, index = name
        say(
            f"seed {seed}, {rows[index].name}: {record['perplexity']:.3f} "
            f"(best possible {record['sample_bound']:.3f})"
        )

    found = gather(tasks, jobs=1, say=told)
    return [
        _gathered(row, [found[seed, index] for seed in range(seeds)])
        for index, row in enumerate(rows)
    ]


def _read_row(row: Row, path: Path, *, config: Config, protocol: Protocol) -> Record:
    """Reads a result back, if it is of these settings and has not done what cannot be."""
    record = read_record(path, config, protocol)
    require_no_leak(row.name, Comparison(record["excess"], record["excess_error"]))
    return record


def _train_row(row: Row, config: Config, protocol: Protocol, path: Path) -> None:
    """Trains, judges and stores one result; the run folder itself is not kept."""
    folder = path.with_suffix(".run")
    shutil.rmtree(folder, ignore_errors=True)
    judged, seconds = _published(row, config) if row.published else _fitted(row, config, folder)
    log_p = judged["log_p"].to_numpy()
    if len(log_p) != len(row.best):
        raise RunError(f"{row.name}: got {len(log_p)} targets, expected {len(row.best)}")
    kept = row.judged
    excess = compare(log_p[kept], row.best[kept], row.sequences[kept])
    record = {
        "perplexity": perplexity(log_p[kept]),
        "perplexity_of_all": perplexity(log_p),
        "sample_bound": perplexity(row.best[kept]),
        "excess": excess.excess,
        "excess_error": excess.standard_error,
        "epochs": len(seconds),
        "seconds_per_epoch": float(np.median(seconds)) if seconds else 0.0,
        "config": dataclasses.asdict(config),
        "protocol": protocol.to_dict(),
    }
    write_record(path, record)
    shutil.rmtree(folder, ignore_errors=True)


def _fitted(row: Row, config: Config, folder: Path) -> tuple[pl.DataFrame, list[float]]:
    """Judged targets of an HRNN, and the seconds of its epochs."""
    users = [np.flatnonzero(row.parts == part) for part in Part]
    run = create_run(folder, config, row.log, 0, row.parts)
    model = train(run, row.log, users[Part.TRAIN], users[Part.VALIDATION], verbose=0)
    seconds = run.epochs()["seconds"].cast(float).to_list()
    return judge(model, row.log, users[Part.TEST], config), seconds


def _published(row: Row, config: Config) -> tuple[pl.DataFrame, list[float]]:
    """The same of an HGRU as published; it validates nothing and keeps its last epoch."""
    model = HGRUPublished(config, row.log.num_items)
    epochs = model.fit(row.log, np.flatnonzero(row.parts == Part.TRAIN))
    judged = model.judge(row.log, np.flatnonzero(row.parts == Part.TEST))
    return judged, [epoch["seconds"] for epoch in epochs]


def _gathered(row: Row, records: list[Record]) -> dict[str, Any]:
    """The figures of several seeds."""

    def mean(key: str) -> float:
        return float(np.mean([record[key] for record in records]))

    found: dict[str, Any] = {
        "name": row.name,
        "seeds": len(records),
        "perplexity": mean("perplexity"),
        "bound": row.bound,
        "sample_bound": mean("sample_bound"),
        "over_bound": math.expm1(mean("excess")),
        "over_bound_error": mean("excess_error"),
        "epochs": mean("epochs"),
        "seconds_per_epoch": float(np.median([r["seconds_per_epoch"] for r in records])),
    }
    if len(records) > 1:
        values = [record["perplexity"] for record in records]
        found["standard_error"] = float(np.std(values, ddof=1) / math.sqrt(len(values)))
    return found if row.paper is None else {**found, "paper": row.paper}
