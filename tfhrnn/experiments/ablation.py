"""The ladder on ml-100k: the paper's parts one at a time, then each of ours, several seeds each.

Every rung is the one before with one thing more, trained and judged under the same protocol; rungs
and seeds that are done are read back, so a stopped experiment goes on where it was.
"""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfhrnn.config import PRESETS, Config, preset
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.files import whole_file
from tfhrnn.data.split import Part, split_users
from tfhrnn.errors import RunError
from tfhrnn.evaluation.evaluate import figures, judge, judge_popularity, protocol_of
from tfhrnn.protocol import Protocol, require_same
from tfhrnn.recommender import HRNNRecommender


@dataclass(frozen=True)
class Rung:
    """One step of the ladder.

    Attributes:
      name: what it adds, as the table shows it.
      settings: the fields that it changes, on top of all rungs before.
    """

    name: str
    settings: dict[str, object]


LADDER = (
    Rung("RNN", {"levels": False}),
    Rung("+ levels", {"levels": True}),
    Rung("+ item features", {"item_features": True}),
    Rung("+ feedback and user features", {"feedback": True, "user_features": True}),
    # Feedback and user features do not help on ml-100k, so ours go on from "+ item features".
    Rung(
        "item features + seen-item bias",
        {"feedback": False, "user_features": False, "seen_bias": True},
    ),
    Rung("+ tie shuffling", {"shuffle_ties": True}),
    Rung("+ tied items as targets", {"tied_targets": 8}),
    Rung(
        "+ gap, time and position inputs",
        {"gap_inputs": True, "time_bumps": 16, "position_input": True},
    ),
    Rung("+ item statistics", {"item_statistics": True}),
    Rung("+ two layers, 28 epochs (best)", dict(PRESETS["best"])),
)


def settings_of(rung: int) -> dict[str, object]:
    """All settings of a rung over the preset `hrnn`, its own and those of the rungs before."""
    settings: dict[str, object] = {}
    for step in LADDER[: rung + 1]:
        settings |= step.settings
    return settings


def ablation(
    log: EventLog, out: Path, *, seeds: int = 3, say: Callable[[str], None] = print
) -> dict[str, Any]:
    """Runs what is not done yet and gathers the table.

    Args:
      log: ml-100k.
      out: folder of results, one JSON a rung and seed.
      seeds: how many, from 0.
      say: is told of each result.

    Returns:
      `rows` (name, perplexity mean, standard error over seeds where there are several, validation
      perplexity, seconds an epoch, epochs) and `protocol`.

    Raises:
      ProtocolError: `out` holds results of other data.
    """
    out.mkdir(parents=True, exist_ok=True)
    popularity, protocol = _popularity(log)
    found: dict[str, list[dict[str, Any]]] = {rung.name: [] for rung in LADDER}
    for seed in range(seeds):
        for index, rung in enumerate(LADDER):
            path = out / f"rung-{index:02d}-seed-{seed}.json"
            config = preset("hrnn", {**settings_of(index), "seed": seed})
            if not path.is_file():
                _train_rung(log, config, path)
            record = json.loads(path.read_text())
            if Config.from_json(json.dumps(record["config"])) != config:
                raise RunError(
                    f"{path}: got a result of other settings; remove it or choose another --out"
                )
            require_same(Protocol.from_dict(record["protocol"]), protocol)
            found[rung.name].append(record)
            say(
                f"seed {seed}, {rung.name}: {record['perplexity']:.1f} in {record['epochs']} epochs"
            )
    rows: list[dict[str, Any]] = [{"name": "popularity", "perplexity": popularity, "seeds": 1}]
    rows += [_row(name, records) for name, records in found.items()]
    return {"rows": rows, "protocol": protocol.to_dict()}


def _popularity(log: EventLog) -> tuple[float, Protocol]:
    parts = split_users(log.num_users, 0)
    test = np.flatnonzero(parts == Part.TEST)
    counted = np.flatnonzero(parts != Part.TEST)
    judged = judge_popularity(log, test, counted, log.thresholds)
    return figures(judged)["perplexity"], protocol_of(log, test, 0)


def _train_rung(log: EventLog, config: Config, path: Path) -> None:
    """Trains, judges and stores one result; the run folder itself is not kept."""
    run = path.with_suffix(".run")
    shutil.rmtree(run, ignore_errors=True)
    recommender = HRNNRecommender(config)
    recommender.fit(log, run=run, verbose=0)
    assert recommender.run is not None and recommender.model is not None
    test = recommender.run.users(log, Part.TEST)
    epochs = recommender.run.epochs()
    record = {
        **figures(judge(recommender.model, log, test, recommender.config)),
        "validation_perplexity": float(epochs["val_perplexity"].cast(float).to_numpy().min()),
        "epochs": len(epochs),
        "seconds_per_epoch": float(np.median(epochs["seconds"].to_numpy())),
        "config": dataclasses.asdict(config),
        "protocol": protocol_of(log, test, 0).to_dict(),
    }
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(record, indent=2) + "\n")
    shutil.rmtree(run, ignore_errors=True)


def _row(name: str, records: list[dict[str, Any]]) -> dict[str, Any]:
    values = np.array([record["perplexity"] for record in records])
    row: dict[str, Any] = {"name": name, "perplexity": float(values.mean()), "seeds": len(values)}
    if len(values) > 1:
        row["standard_error"] = float(values.std(ddof=1) / math.sqrt(len(values)))
    return row | {
        "validation_perplexity": float(np.mean([r["validation_perplexity"] for r in records])),
        "ndcg_at_10": float(np.mean([r["ndcg"] for r in records])),
        "epochs": float(np.mean([r["epochs"] for r in records])),
        "seconds_per_epoch": float(np.median([r["seconds_per_epoch"] for r in records])),
    }
