"""A run's result: figures beside popularity under one protocol record, as plain values."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from tfhrnn.answer_options import AnswerOptions
from tfhrnn.config import Config
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.facts import item_counts
from tfhrnn.data.split import Part
from tfhrnn.errors import RunError
from tfhrnn.evaluation.comparison import averaged_by_users, intervals
from tfhrnn.evaluation.evaluate import (
    after_first,
    figures,
    figures_by_level,
    figures_by_position,
    judge,
    judge_popularity,
)
from tfhrnn.evaluation.exposure import exposure
from tfhrnn.evaluation.metrics import perplexity
from tfhrnn.evaluation.ranked_lists import best_items, write_lists
from tfhrnn.evaluation.sweep import history_rows, sweep_user, sweep_users
from tfhrnn.histories import Histories
from tfhrnn.models.hrnn import HRNN
from tfhrnn.predictor import Predictor
from tfhrnn.protocol import Protocol, require_same
from tfhrnn.run_folder import RunFolder, versions

_NAMES = {
    "hrnn-metadata": "hrnn_meta"
}  # the key of a preset's figures, where it is not the preset's name
METRICS = {
    "perplexity": "perplexity",
    "perplexity_standard_error": "perplexity_standard_error",
    "hit_rate_at_10": "hit_rate",
    "ndcg_at_10": "ndcg",
    "mrr_at_10": "mrr",
}


def result_key(config: Config) -> str:
    """Under which key a preset's figures stand."""
    return _NAMES.get(config.preset, config.preset)


def popularity_shares(log: EventLog, counted: npt.NDArray[np.integer]) -> npt.NDArray[np.float64]:
    """`[items]` share of some users' events, for showing (no smoothing)."""
    counts = item_counts(log, counted).astype(np.float64)
    return counts / max(counts.sum(), 1.0)


def evaluate_run(
    run: RunFolder,
    log: EventLog,
    model: HRNN,
    predictor: Predictor,
    lists: Path | None = None,
) -> dict[str, Any]:
    """Judges a trained run on its test users.

    Args:
      run: whose result it is.
      log: its event log.
      model: as it was trained.
      predictor: of the same model.
      lists: where to write the ranked list of each target, see `tfhrnn.evaluation.ranked_lists`.

    Returns:
      Plain values: dataset, protocol with its hash, and for `popularity` and the run's own key the
      perplexity, HR, NDCG and MRR at 10 with their intervals, the same averaged by users, by
      level and by position in the history, the gap sweep of one user and over all test users,
      and how it was trained. With `lists`, `exposure` says what they show of the catalogue.
      Where events of the log weigh other than 1, `weighted_perplexity` is that of the same targets
      by their weights, as training's validation figure is taken.
      Where first targets are leaked
      (`first_item_features`), `leaked_first_targets` says how many there are and what the
      perplexity of the others is.

    Raises:
      RunError: `lists` can't be written.
    """
    config = run.config
    division, protocol = run.division(log), run.protocol(log)
    test, counted = division.users(Part.TEST), division.counted()
    judged = {
        "popularity": judge_popularity(
            log, test, counted.users, config.model.thresholds, counted_log=counted.log
        ),
        result_key(config): judge(model, log, test, config),
    }
    judged = {name: rows.filter(division.judged(test)) for name, rows in judged.items()}
    shown_lists = {}
    if lists is not None:
        columns, scores = best_items(model, log, test, config, protocol.k)
        columns, scores = columns[division.judged(test)], scores[division.judged(test)]
        write_lists(lists, log, judged[result_key(config)], columns, scores, protocol)
        counts = item_counts(counted.log, counted.users)
        shown_lists = {"exposure": {result_key(config): exposure(columns, counts)}}
    values = {name: figures(rows, protocol.k) for name, rows in judged.items()}
    weighted = weighted_perplexity(judged, log, first_targets=config.training.first_targets)
    shares = popularity_shares(*counted)
    shown = sweep_example(log, test)
    return {
        "preset": config.preset,
        "dataset": {
            "name": log.name,
            "events": log.num_events,
            "users": log.num_users,
            "items": log.num_items,
        },
        "protocol": protocol.to_dict(),
        "catalogue_items": log.num_items,
        "test_targets": protocol.test_targets,
        **{
            key: {name: found[name_] for name, found in values.items()}
            for key, name_ in METRICS.items()
        },
        **({"weighted_perplexity": weighted} if weighted else {}),
        **({"leaked_first_targets": _leaked(judged)} if config.model.first_item_features else {}),
        "intervals": {name: intervals(rows, protocol.k) for name, rows in judged.items()},
        "averaged_by_users": {
            name: averaged_by_users(rows, protocol.k) for name, rows in judged.items()
        },
        "by_position": {
            name: figures_by_position(rows, protocol.k) for name, rows in judged.items()
        },
        **shown_lists,
        "by_level": {name: figures_by_level(rows, protocol.k) for name, rows in judged.items()},
        "thresholds": list(config.model.thresholds),
        "gap_sweep": sweep_user(predictor, log, shown, shares),
        "gap_sweep_history": history_rows(log, shown),
        "gap_sweep_users": sweep_users(predictor, log, test, shares),
        "example_request": example_request(predictor, log, shown),
        "config": dataclasses.asdict(config),
        "versions": versions(),
        "epochs": run.epochs().filter(pl.col("epoch").cast(pl.String) != "0").height,
        "run": {"split": "split.parquet", "metrics": "metrics.csv"},
    }


def weighted_perplexity(
    judged: Mapping[str, pl.DataFrame], log: EventLog, *, first_targets: bool = True
) -> dict[str, float]:
    """Every model's perplexity by the events' weights; empty where all of them weigh 1.

    Args:
      judged: rows of `judge` by model.
      log: the events that were judged.
      first_targets: whether a user's first event counts, as `TrainingConfig.first_targets`.
    """
    found: dict[str, float] = {}
    if bool(np.all(log.weight == 1)):
        return found
    for name, rows in judged.items():
        users, positions = rows["user"].to_numpy(), rows["position"].to_numpy()
        weight = np.asarray(log.weight)[log.offsets[users] + positions].astype(np.float64)
        if not first_targets:
            weight[positions == 0] = 0.0
        if weight.sum() > 0:
            found[name] = perplexity(rows["log_p"].to_numpy(), weight)
    return found


def _leaked(judged: Mapping[str, pl.DataFrame]) -> dict[str, Any]:
    """How many targets are their user's first, and every model's perplexity without them."""
    others = {name: after_first(rows) for name, rows in judged.items()}
    return {
        "targets": max(rows.height - others[name].height for name, rows in judged.items()),
        "perplexity_of_others": {
            name: figures(rows)["perplexity"] for name, rows in others.items() if rows.height
        },
    }


def example_request(
    predictor: Predictor, log: EventLog, user: int, last: int = 5
) -> dict[str, Any]:
    """A short body for `curl`: a user's last events, asked an hour later, as columns."""
    short = Histories.from_log(log, [user]).last(last)
    inputs = predictor.inputs(short, AnswerOptions(k=5), query_time=short.last_times + 3600)
    return {name: value.tolist() for name, value in inputs.items()}


def sweep_example(log: EventLog, users: npt.NDArray[np.integer]) -> int:
    """The user that the sweep shows: the one of them with the middle number of events."""
    lengths = log.offsets[np.asarray(users) + 1] - log.offsets[users]
    return int(np.asarray(users)[np.argsort(lengths, kind="stable")[len(lengths) // 2]])


def merge(first: dict[str, Any], second: dict[str, Any], label: str = "") -> dict[str, Any]:
    """The first result with the second's figures beside its own.

    Figures by level stand beside each other only where both models cut gaps at the same thresholds.
    Where both have figures of one name, such as two runs of one preset, the second's is followed by
    `label` in brackets.

    Raises:
      ProtocolError: they were judged under unlike protocols.
      RunError: one of them is no result, or both hold figures under the same name and there is no
        label that tells them apart.
    """
    for result in (first, second):
        if "protocol" not in result:
            raise RunError(
                "got a record without a protocol, expected a result of `tfhrnn evaluate`"
            )
    require_same(Protocol.from_dict(first["protocol"]), Protocol.from_dict(second["protocol"]))
    shared = {name for name in second["perplexity"] if name in first["perplexity"]}
    names = {name: f"{name} ({label})" for name in shared - {"popularity"}}
    for name, apart in names.items():
        if not label or apart in first["perplexity"]:
            shown = apart if label else name
            raise RunError(f"got two results named {shown!r}, expected one")
    alike = first["thresholds"] == second["thresholds"]
    # Results of earlier versions lack some.
    others = {"intervals", "by_position", "exposure", "weighted_perplexity"} & (
        first.keys() | second.keys()
    )
    merged = (*METRICS, *sorted(others), *(("by_level",) if alike else ()))
    return {
        **first,
        **{
            key: {
                **{names.get(name, name): value for name, value in second.get(key, {}).items()},
                **first.get(key, {}),
            }
            for key in merged
        },
    }
