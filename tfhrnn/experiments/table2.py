"""Perplexity of the next item on MovieLens: the paper's Table 2, and the preset `best` beside it.

Each row has its parts and no others: popularity, then genres through a factorization machine, then
the sequence, the levels of gaps, and the meta data one after the other. λ is drawn once an update,
which is one reading of the paper's "randomizing λ during training".

The paper's figures are of ml-20m. Its table gives 2228, 1342, 447 and 410; the text also says that
meta data drove it "to 429 and 410" without saying what the row of 429 has, so that no row here has
it beside it. Its user features were "faked by using the features of the first item", which tells
the first target: that row is here too, and `perplexity_after_first` of all rows is without first
targets.

The paper counts the index space as the items, 131,263 on ml-20m though 26,744 have events. An id
that stands for nothing can only take probability away. `index_space_perplexity` lets each of them
hold in every row what popularity gives an id without events, one count; the other figures are over
the catalogue.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from tfhrnn.baselines.next_item_fm import NextItemFM
from tfhrnn.config import Config, preset
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.facts import item_counts
from tfhrnn.data.split import Part, split_users
from tfhrnn.evaluation.evaluate import after_first, figures, judge_popularity
from tfhrnn.experiments.fitted import baseline_task, chosen
from tfhrnn.experiments.inputs import later
from tfhrnn.experiments.results import Record, gather
from tfhrnn.experiments.runs import run_all, shown_figures

FM: Final = "FM, item features"
FEATURES: Final = ("genres",)
FAKED: Final = "HRNN-meta, user features of the first item"
META: Final[dict[str, object]] = {"item_features": True, "mix_rule": "update", "epochs": 10}
FEEDBACK: Final[dict[str, object]] = {**META, "feedback": True}
ROWS: Final[dict[str, tuple[str, dict[str, object]]]] = {
    "RNN": ("hrnn", {"levels": False}),
    "HRNN": ("hrnn", {}),
    "HRNN-meta, items": ("hrnn", META),
    "HRNN-meta, items and feedback": ("hrnn", FEEDBACK),
    "HRNN-meta": ("hrnn", {**FEEDBACK, "user_features": True}),
    FAKED: ("hrnn", {**FEEDBACK, "first_item_features": True}),
    "best": ("best", {}),
}
HOUR: Final = {"seeds": 1}
QUICK_ROWS: Final = ("RNN", "HRNN-meta")
QUICK_FM: Final[dict[str, Any]] = {"rank": 8, "epochs": 15}
PAPER: Final = {
    "popularity": 2228.0,
    FM: 1342.0,
    "RNN": 447.0,
    "HRNN-meta": 410.0,
    FAKED: 410.0,
}


def configs() -> dict[str, Config]:
    """A row's name to its configuration."""
    return {name: preset(base, settings) for name, (base, settings) in ROWS.items()}


def index_space(log: EventLog) -> int:
    """One more than the largest id, which the paper counts; the catalogue where ids are words."""
    ids = log.catalogue.ids
    return max(map(int, ids)) + 1 if all(one.isdecimal() for one in ids) else log.num_items


def share_of_unused(log: EventLog) -> float:
    """By how much ids that stand for no item raise popularity's perplexity, 1 for not at all.

    With a count more for each of n items, an item of c events among N has (c + 1) / (N + n). So
    every perplexity is multiplied by (N + index space) / (N + items).
    """
    counted = np.flatnonzero(split_users(log.num_users, 0) != Part.TEST)
    events = int(item_counts(log, counted).sum())
    return (events + index_space(log)) / (events + log.num_items)


def run(
    log: EventLog,
    out: Path,
    *,
    seeds: int = 3,
    jobs: int = 1,
    say: Callable[[str], None] = print,
    quick: bool = False,
) -> dict[str, Any]:
    """The table; see `tfhrnn.experiments.runs.run_all`.

    Args:
      log: events of items with genres; a row that reads a table of users is left out where there
        is none.
      out: folder of results.
      seeds: how many, from 0.
      jobs: trainings side by side.
      say: is told of each result.
      quick: fewer rows, small and trained briefly, in a folder of its own.

    Returns:
      `rows`, with `perplexity_after_first`, `index_space_perplexity` and `paper`; `protocol`; and
      how many `candidates` there are: `catalogue`, `with_events` and `index_space`.

    Raises:
      ConfigError: items have no genres.
      RunError: `out` holds results of other settings.
      ProtocolError: `out` holds results of other data.
    """
    rows = {
        name: config
        for name, config in configs().items()
        if log.user_features is not None or not config.model.user_features
    }
    fitted_in = out / "quick" if quick else out
    fitted_in.mkdir(parents=True, exist_ok=True)
    tasks = {
        seed: baseline_task(
            log,
            fitted_in / f"fm-seed-{seed}.json",
            partial(NextItemFM, features=FEATURES, seed=seed, **(QUICK_FM if quick else {})),
            chosen,
        )
        for seed in range(seeds)
    }
    fitted = gather(
        tasks,
        jobs=jobs,
        say=lambda seed, record: say(f"seed {seed}, {FM}: {record['perplexity']:.1f}"),
    )
    found = run_all(
        log,
        rows,
        out,
        seeds=seeds,
        jobs=jobs,
        say=say,
        extra=later,
        quick=[name for name in QUICK_ROWS if name in rows] if quick else None,
    )
    popularity, *trained = found["rows"]
    popularity |= _popularity_after_first(log)
    shown = [popularity, _row(FM, [fitted[seed] for seed in range(seeds)]), *trained]
    for row in shown:
        row["index_space_perplexity"] = row["perplexity"] * share_of_unused(log)
        row["of_popularity"] = row["perplexity"] / popularity["perplexity"]
        if row["name"] in PAPER:
            row["paper"] = PAPER[row["name"]]
    return {
        "rows": shown,
        "protocol": found["protocol"],
        "candidates": {
            "catalogue": log.num_items,
            "with_events": len(np.unique(np.asarray(log.item))),
            "index_space": index_space(log),
        },
    }


def _popularity_after_first(log: EventLog) -> dict[str, float]:
    parts = split_users(log.num_users, 0)
    test, counted = np.flatnonzero(parts == Part.TEST), np.flatnonzero(parts != Part.TEST)
    judged = judge_popularity(log, test, counted, log.thresholds)
    return {"perplexity_after_first": figures(after_first(judged))["perplexity"]}


def _row(name: str, records: list[Record]) -> dict[str, Any]:
    """The figures of a baseline's seeds."""
    shown = [
        {**shown_figures(one), "perplexity_after_first": one["perplexity_after_first"]}
        for one in records
    ]
    row: dict[str, Any] = {"name": name, "seeds": len(records)}
    row |= {key: float(np.mean([one[key] for one in shown])) for key in shown[0]}
    if len(records) > 1:
        values = [one["perplexity"] for one in shown]
        row["standard_error"] = float(np.std(values, ddof=1) / len(values) ** 0.5)
    return row
