"""Trains and judges named configurations over several seeds and gathers a table.

Each result is one file of `tfhrnn.experiments.results`, so a stopped experiment goes on where it
was, and several can be trained side by side.
"""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from tfhrnn.config import Config
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.split import Part, protocol_of, split_users
from tfhrnn.errors import RunError
from tfhrnn.evaluation.evaluate import figures, judge, judge_popularity
from tfhrnn.experiments.results import Task, gather, write_record
from tfhrnn.protocol import Protocol, require_same
from tfhrnn.recommender import HRNNRecommender

Extra = Callable[[HRNNRecommender, EventLog], dict[str, float]]

# What `--quick` makes of every training: enough to tell an order, not to compare with any figure.
QUICK: Final[dict[str, object]] = {"epochs": 4, "units": 48, "layers": 1, "batch_size": 16}


def quick_form(configs: Mapping[str, Config], rows: Collection[str]) -> dict[str, Config]:
    """Some rows of a table, small and trained for a few epochs."""
    return {name: configs[name].with_settings(QUICK) for name in rows}


def run_all(
    log: EventLog,
    configs: Mapping[str, Config],
    out: Path,
    *,
    seeds: int = 3,
    jobs: int = 1,
    say: Callable[[str], None] = print,
    extra: Extra | None = None,
    quick: Collection[str] | None = None,
) -> dict[str, Any]:
    """Trains what is not done yet and gathers the table.

    Args:
      log: the events; users are split by seed 0.
      configs: a row's name to its configuration, of any seed.
      out: folder of results, one JSON a row and seed.
      seeds: how many, from 0.
      jobs: trainings side by side.
      say: is told of each result.
      extra: further figures of a trained model by name; a function of a module, since it goes to
        other processes.
      quick: these rows alone in their `quick_form`, in the folder "quick"; None for the table.

    Returns:
      `rows`, popularity first (name, perplexity mean, standard error over seeds where there are
      several, validation perplexity, hit rate, NDCG, MRR, seconds an epoch, epochs, the means of
      the further figures that every seed's record has) and `protocol`.

    Raises:
      RunError: `out` holds results of other settings.
      ProtocolError: `out` holds results of other data.
    """
    if quick is not None:
        out, configs = out / "quick", quick_form(configs, quick)
    out.mkdir(parents=True, exist_ok=True)
    popularity, protocol = _popularity(log)
    tasks = {}
    for seed in range(seeds):
        for index, (name, config) in enumerate(configs.items()):
            asked, path = (
                config.with_settings({"seed": seed}),
                out / f"{index:02d}-seed-{seed}.json",
            )
            read = partial(read_record, config=asked, protocol=protocol)
            tasks[seed, name] = Task(path, read, _train, (log.directory, asked, path, extra))
    found = gather(tasks, jobs=jobs, say=lambda task, record: say(_line(task, record)))
    rows: list[dict[str, Any]] = [{"name": "popularity", "seeds": 1, **popularity}]
    rows += [_row(name, [found[seed, name] for seed in range(seeds)]) for name in configs]
    return {"rows": rows, "protocol": protocol.to_dict()}


def _line(task: tuple[int, str], record: dict[str, Any]) -> str:
    seed, name = task
    return f"seed {seed}, {name}: {record['perplexity']:.1f} in {record['epochs']} epochs"


def read_record(path: Path, config: Config, protocol: Protocol) -> dict[str, Any]:
    """Reads a result back, if it is one of these settings and this protocol.

    Raises:
      RunError: other settings.
      ProtocolError: another protocol.
    """
    record: dict[str, Any] = json.loads(path.read_text())
    if Config.from_json(json.dumps(record["config"])) != config:
        raise RunError(f"{path}: got a result of other settings; remove it or choose another --out")
    require_same(Protocol.from_dict(record["protocol"]), protocol)
    return record


def _train(directory: Path, config: Config, path: Path, extra: Extra | None) -> None:
    train_one(EventLog.open(directory), config, path, extra)


def train_one(log: EventLog, config: Config, path: Path, extra: Extra | None = None) -> None:
    """Trains, judges and stores one result; the run folder itself is not kept."""
    run = path.with_suffix(".run")
    shutil.rmtree(run, ignore_errors=True)
    recommender = HRNNRecommender(config)
    recommender.fit(log, run=run, verbose=0)
    assert recommender.run is not None and recommender.model is not None
    test = recommender.run.users(log, Part.TEST)
    epochs = recommender.run.epochs()
    watched = epochs["val_perplexity"] if epochs["val_perplexity"].dtype.is_numeric() else None
    record = {
        **figures(judge(recommender.model, log, test, recommender.config)),
        "validation_perplexity": None if watched is None else float(watched.to_numpy().min()),
        "epochs": len(epochs),
        "seconds_per_epoch": float(np.median(epochs["seconds"].to_numpy())),
        "parameters": int(sum(np.prod(v.shape) for v in recommender.model.trainable_variables)),
        "state_bytes": int(recommender.model.tower.state_size_bytes),
        **({} if extra is None else {"extra": extra(recommender, log)}),
        "config": dataclasses.asdict(config),
        "protocol": recommender.run.protocol(log).to_dict(),
    }
    write_record(path, record)
    shutil.rmtree(run, ignore_errors=True)


def _popularity(log: EventLog) -> tuple[dict[str, float], Protocol]:
    parts = split_users(log.num_users, 0)
    test = np.flatnonzero(parts == Part.TEST)
    counted = np.flatnonzero(parts != Part.TEST)
    judged = figures(judge_popularity(log, test, counted, log.thresholds))
    return shown_figures(judged), protocol_of(log, test, 0)


def shown_figures(figures: Mapping[str, Any]) -> dict[str, float]:
    """Perplexity and rank metrics of `evaluate.figures` under the names that a row has them."""
    names = {"perplexity": "perplexity", "hit_rate": "hit_rate_at_10", "ndcg": "ndcg_at_10"}
    return {shown: float(figures[name]) for name, shown in {**names, "mrr": "mrr_at_10"}.items()}


def _row(name: str, records: list[dict[str, Any]]) -> dict[str, Any]:
    values = np.array([record["perplexity"] for record in records])
    shown = [shown_figures(record) for record in records]
    row: dict[str, Any] = {"name": name, "seeds": len(values)}
    row |= {key: float(np.mean([one[key] for one in shown])) for key in shown[0]}
    if len(values) > 1:
        row["standard_error"] = float(values.std(ddof=1) / math.sqrt(len(values)))
    extras = [record.get("extra", {}) for record in records]
    for key in extras[0]:
        if all(key in one for one in extras):
            row[key] = float(np.mean([one[key] for one in extras]))
    watched = [record["validation_perplexity"] for record in records]
    if None not in watched:  # else the validation users were trained on
        row["validation_perplexity"] = float(np.mean(watched))
    return row | {
        "epochs": float(np.mean([r["epochs"] for r in records])),
        "seconds_per_epoch": float(np.median([r["seconds_per_epoch"] for r in records])),
        "parameters": records[0]["parameters"],
        "state_bytes": records[0]["state_bytes"],
    }
