"""The paper's Tables 4 and 5: what a longer gap does to recommendations, for one user and for all.

One test user's last events stand in Table 4's form, and the top 5 at gaps of 0 s, a minute, an hour
and a day in Table 5's. The paper draws from its one user that at larger gaps "the recommendation
genres tend to be more diverse, i.e., move toward the base popularity"; here the same is asked of
all test users: means of `tfhrnn.evaluation.list_measures` at each gap, their differences from a
gap of 0 s of the same users, and bootstrap intervals over users. Figures of several seeds are
averaged a user before users are drawn.

Beside the models stands what users do: the same measures of the events that really came next, by
the level of the gap. These are other moments of other users at each level, so that they are a
background and no test.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tfhrnn.config import Config, preset
from tfhrnn.data.catalogue import FIRST_ITEM
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.facts import item_counts
from tfhrnn.data.sessions import describe_seconds, gap_levels
from tfhrnn.data.split import Part, protocol_of, split_users
from tfhrnn.evaluation.list_measures import (
    MEASURES,
    Values,
    genres_of,
    log_popularity,
    measure_lists,
)
from tfhrnn.evaluation.result import popularity_shares, sweep_example
from tfhrnn.evaluation.statistics import Interval, bootstrap_interval
from tfhrnn.evaluation.sweep import GAPS, history_rows, sweep_user, top_items
from tfhrnn.experiments.results import Record, Task, gather, write_record
from tfhrnn.experiments.runs import QUICK, read_record
from tfhrnn.recommender import HRNNRecommender

HOUR: Final = {"seeds": 1}
K: Final = 5
META: Final = "HRNN-meta"
MODELS: Final = {META: "hrnn-metadata", "best": "best"}
# The popularity of the one recommendation that the paper shows at each gap (Table 5).
PAPER: Final = dict(zip(GAPS, (0.000236, 0.000209, 0.000195, 0.001130), strict=True))
WHY: Final = (
    "one user each: ml-20m has 16 times as many items, so that a share of events is smaller there; "
    "the direction is what can be compared, over all users"
)
USERS: Final = "what users took"
# What the paper says of the largest gap beside the smallest: which way a measure goes.
CLAIMS: Final = {
    "log_popularity_1": ("toward base popularity, the first", 1),
    "log_popularity_k": ("toward base popularity, the five", 1),
    "genres_k": ("more genres among the five", 1),
    "genre_distance_k": ("genres of the five further apart", 1),
    "likeness_1": ("the theme of the last event is left", -1),
}


def run(
    log: EventLog | None,
    out: Path,
    *,
    seeds: int = 3,
    jobs: int = 1,
    say: Callable[[str], None] = print,
    run: str | None = None,
    quick: bool = False,
) -> dict[str, Any]:
    """The tables, of models trained here or of one that stands.

    Args:
      log: the events; not read where `run` is given.
      out: folder of results, one JSON a model and seed.
      seeds: how many, from 0.
      jobs: trainings side by side.
      say: is told of each result and of what becomes of the paper's claim.
      run: folder of a trained run, which is asked instead of training anything.
      quick: `hrnn-metadata` alone, small and trained briefly.

    Returns:
      `rows`, one a model and gap: the measures with `_low` and `_high`, their `change` from a gap
      of 0 s likewise, and `popularity`, of the shown user's first recommendation, beside the
      paper's; then what users took, by level. `claims`, each with the change and whether it holds;
      `history` and `sweep`, the shown user; `protocol`.

    Raises:
      RunError: `out` holds results of other settings, or `run` is none.
      ProtocolError: `out` holds results of other data.
    """
    found: dict[str, list[Record]]
    if run is not None:
        recommender = HRNNRecommender.load(run)
        assert recommender.run is not None
        log = recommender.run.open_log()
        test = recommender.run.users(log, Part.TEST)
        chosen = recommender.config.preset
        name = next((name for name, one in MODELS.items() if one == chosen), chosen)
        found = {name: [ask(recommender, log)]}
    else:
        assert log is not None
        test = np.flatnonzero(split_users(log.num_users, 0) == Part.TEST)
        found = trained(log, out / "quick" if quick else out, seeds, jobs, say, quick)
    rows, claims = [], []
    for name, records in found.items():
        values = {m: np.mean([r["measures"][m] for r in records], axis=0) for m in MEASURES}
        rows += rows_of_model(name, values, records)
        claims += [{"model": name, **claim} for claim in judge_claims(values)]
    for claim in claims:
        say(_sentence(claim))
    first = next(iter(found.values()))[0]
    counted = np.setdiff1d(np.arange(log.num_users), test)
    return {
        "rows": [*rows, *rows_of_users(log, test, counted, first["thresholds"])],
        "claims": claims,
        "history": first["history"],
        "sweep": {name: records[0]["sweep"] for name, records in found.items()},
        "protocol": first["protocol"],
    }


def trained(
    log: EventLog, out: Path, seeds: int, jobs: int, say: Callable[[str], None], quick: bool
) -> dict[str, list[Record]]:
    """Records of each model's seeds, trained where they do not stand."""
    out.mkdir(parents=True, exist_ok=True)
    test = np.flatnonzero(split_users(log.num_users, 0) == Part.TEST)
    protocol = protocol_of(log, test, 0)
    names = {META: MODELS[META]} if quick else MODELS
    tasks = {}
    for seed in range(seeds):
        for name, chosen in names.items():
            config = preset(chosen, {**(QUICK if quick else {}), "seed": seed})
            path = out / f"{chosen}-seed-{seed}.json"
            read = partial(read_record, config=config, protocol=protocol)
            tasks[seed, name] = Task(path, read, _train, (log.directory, config, path))
    found = gather(
        tasks, jobs=jobs, say=lambda task, record: say(f"seed {task[0]}, {task[1]}: done")
    )
    return {name: [found[seed, name] for seed in range(seeds)] for name in names}


def _train(directory: Path, config: Config, path: Path) -> None:
    place = path.with_suffix(".run")
    shutil.rmtree(place, ignore_errors=True)
    log = EventLog.open(directory)
    write_record(path, ask(HRNNRecommender(config).fit(log, run=place, verbose=0), log))
    shutil.rmtree(place, ignore_errors=True)


def ask(recommender: HRNNRecommender, log: EventLog) -> Record:
    """What a trained model answers at each gap: the measures of all test users, and one user."""
    run = recommender.run
    assert run is not None
    test = run.users(log, Part.TEST)
    counted = run.users(log, Part.TRAIN, Part.VALIDATION)
    predictor, k = recommender.predictor, min(K, log.num_items)
    users, lists = top_items(predictor, log, test, k=k)
    shown = sweep_example(log, test)
    shares = popularity_shares(log, counted)
    last = np.asarray(log.item)[log.offsets[users + 1] - 1] - FIRST_ITEM
    measured = measure_lists(
        lists, last, log_popularity(item_counts(log, counted)), genres_of(log) > 0
    )
    history = [
        {**event, "popularity": float(shares[log.catalogue.index_of(event["item"]) - FIRST_ITEM])}
        for event in history_rows(log, shown)
    ]
    return {
        "measures": {name: values.tolist() for name, values in measured.items()},
        "levels": predictor.levels(np.asarray(GAPS)).tolist(),
        "distinct": [len(np.unique(found)) for found in lists],
        "history": history,
        "sweep": sweep_user(predictor, log, shown, shares, k=k),
        "thresholds": list(recommender.config.model.thresholds),
        "config": dataclasses.asdict(recommender.config),
        "protocol": run.protocol(log).to_dict(),
    }


def rows_of_model(
    name: str, values: Mapping[str, Values], records: Sequence[Record]
) -> list[dict[str, Any]]:
    """A row a gap; `values` are `[gaps, users]` each."""
    rows = []
    for at, gap in enumerate(GAPS):
        row: dict[str, Any] = {
            "name": f"{name}, after {describe_seconds(gap)}",
            "model": name,
            "gap_seconds": gap,
            "level": records[0]["levels"][at],
            "seeds": len(records),
            "users": values["genres_k"].shape[1],
            "distinct_items": float(np.mean([record["distinct"][at] for record in records])),
        }
        for measure, per_user in values.items():
            row |= _with_interval(measure, per_user[at])
            if at:
                row |= _with_interval(f"{measure}_change", per_user[at] - per_user[0])
        top = records[0]["sweep"][at]["top"]
        row["popularity"] = top[0]["popularity"]
        if name == META:
            row |= {"paper": PAPER[gap], "why": WHY}
        rows.append(row)
    return rows


def judge_claims(values: Mapping[str, Values]) -> list[dict[str, Any]]:
    """What becomes of each claim from the smallest gap to the largest.

    Args:
      values: `[gaps, users]` each.

    Returns:
      `claim`, `measure`, `change`, `low`, `high`, and `verdict`: "holds" or "the other way" where
      the interval leaves 0 out, else "cannot be told".
    """
    found = []
    for measure, (claim, sign) in CLAIMS.items():
        change, low, high = over_users(values[measure][-1] - values[measure][0])
        verdict = "cannot be told"
        if low > 0 or high < 0:
            verdict = "holds" if np.sign(change) == sign else "the other way"
        found.append(
            {"claim": claim, "measure": measure, "change": change, "low": low, "high": high}
            | {"verdict": verdict}
        )
    return found


def rows_of_users(
    log: EventLog,
    users: npt.NDArray[np.integer],
    counted: npt.NDArray[np.integer],
    thresholds: Sequence[int],
) -> list[dict[str, Any]]:
    """What users took next, a row a level: means over the users who have any such event."""
    popularity, genres = log_popularity(item_counts(log, counted)), genres_of(log) > 0
    by_level: dict[int, list[tuple[float, float]]] = {
        level: [] for level in range(len(thresholds) + 1)
    }
    for user in users.tolist():
        events = log.events_of(user)
        items, times = np.asarray(log.item[events]) - FIRST_ITEM, np.asarray(log.time[events])
        if len(items) < 2:
            continue
        levels = gap_levels(np.diff(times), tuple(thresholds))
        measured = measure_lists(items[1:, np.newaxis], items[:-1], popularity, genres)
        for level in np.unique(levels).tolist():
            here = levels == level
            by_level[level].append(
                tuple(measured[name][here].mean() for name in ("log_popularity_1", "likeness_1"))
            )
    return [
        {
            "name": f"{USERS}, level {level}",
            "model": USERS,
            "level": level,
            "users": len(found),
            **_with_interval("log_popularity_1", np.array(found)[:, 0]),
            **_with_interval("likeness_1", np.array(found)[:, 1]),
        }
        for level, found in by_level.items()
        if found
    ]


def over_users(values: Values) -> Interval:
    """A mean of `[users]` values, one a user, and its interval: the same draws for all measures."""
    return bootstrap_interval(values, np.arange(len(values)))


def _with_interval(name: str, values: Values) -> dict[str, float]:
    mean, low, high = over_users(values)
    return {name: mean, f"{name}_low": low, f"{name}_high": high}


def _sentence(claim: Mapping[str, Any]) -> str:
    return (
        f"{claim['model']}: {claim['claim']}: {claim['verdict']} "
        f"({claim['change']:+.3f}, {claim['low']:+.3f} to {claim['high']:+.3f})"
    )
