"""The error of the next rating on ml-100k: the paper's Table 3, and two baselines more.

Each rating of a test user, the first included, is predicted from the item and the events before it;
the root mean square error is over all of them. The factorization machine, matrix factorisation and
the biases learn a new user by exact ridge regression on the ratings so far, which the recurrent
rows have to learn to do. These are our HRNN with its ranking head, which is trained beside the
softmax and judged by the validation users' error:

- without feedback encoding the network reads items alone, so that it cannot know how a user rates;
- with it, each event's feedback too;
- HRNN hears gaps on top of that, as levels and as numbers.

The paper's figures are of ml-20m and another draw of users: their order is to be compared, and by
how much of the error one row is better than another, not the values.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from tfhrnn.baselines.autorec import AutoRec
from tfhrnn.baselines.rating_fm import RatingFM, bias_only, matrix_factorization
from tfhrnn.baselines.rolling_average import RollingAverage
from tfhrnn.config import Config, preset
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.split import Part, protocol_of, split_users
from tfhrnn.evaluation.judged_ratings import judge_ratings
from tfhrnn.evaluation.ratings import rating_figures, rating_rows
from tfhrnn.experiments.fitted import Baseline, baseline_task, rated
from tfhrnn.experiments.results import Record, Task, gather
from tfhrnn.experiments.runs import quick_form, read_record, train_one
from tfhrnn.protocol import Protocol
from tfhrnn.recommender import HRNNRecommender

SEEDS: Final = 5  # if nothing else is asked for
TARGETS: Final = "the feedback of every event of a test user that has one, the first included"
CANDIDATES: Final = "none: the item is given"
PAPER: Final = {
    "Rolling average": 0.933,
    "Factorization": 0.916,
    "I-AutoRec": 0.871,
    "RNN without feedback encoding": 0.941,
    "RNN with feedback encoding": 0.857,
    "HRNN with feedback encoding": 0.846,
}
# Nothing is drawn in these, so one seed tells all.
CERTAIN: Final[dict[str, Callable[[], Baseline]]] = {
    "Rolling average": RollingAverage,
    "bias-only": bias_only,
}
DRAWN: Final[dict[str, Callable[..., Baseline]]] = {
    "matrix factorisation": matrix_factorization,
    "Factorization": RatingFM,
    "I-AutoRec": AutoRec,
}
# Of what was tried with one seed, the least error of ml-100k's validation users: .9644 (HRNN). On
# the way there from .983: the users' features, -.005; a head that counts three times the softmax
# instead of a fifth, -.004; item factors, -.003; each -.001: the head's rank and dropout, position
# and read-out, an average of the weights, a bias of seen items, gaps as numbers. No gain:
# residuals of the items' means as inputs, a bias an item in the head, the running mean of a user's
# residuals as an input, two layers, more dropout or decay, a fixed λ.
COMMON: Final[dict[str, object]] = {
    "rating": "joint",
    "rating_weight": 3.0,
    "rating_rank": 16,
    "rating_dropout": 0.3,
    "watch": "rmse",
    "item_features": True,
    "item_statistics": True,
    "item_factors": 32,
    "user_features": True,
    "position_input": True,
    "read_out": True,
    "seen_bias": True,
    "shuffle_ties": True,
    "learning_rate": 3e-3,
    "ema_decay": 0.995,
    "epochs": 16,
}
ROWS: Final[dict[str, dict[str, object]]] = {
    "RNN without feedback encoding": {"levels": False},
    "RNN with feedback encoding": {"levels": False, "feedback": True},
    "HRNN with feedback encoding": {"feedback": True, "gap_inputs": True},
}
HOUR: Final = {"seeds": 1}
QUICK_ROWS: Final = ("RNN without feedback encoding", "RNN with feedback encoding")


def configs(*, user_features: bool = True) -> dict[str, Config]:
    """A recurrent row's name to its configuration."""
    common = {**COMMON, "user_features": user_features}
    return {name: preset("hrnn", {**common, **row}) for name, row in ROWS.items()}


def rated_by_head(recommender: HRNNRecommender, log: EventLog) -> dict[str, float]:
    """A trained model's `rating_figures` on the test users, and its error on the validation users.

    Returns:
      `rmse`, `rmse_standard_error` over users, `mae` and `validation_rmse`.
    """
    run, model = recommender.run, recommender.model
    assert run is not None and model is not None
    test, validation = (run.users(log, part) for part in (Part.TEST, Part.VALIDATION))
    found = rating_figures(judge_ratings(model, log, test, recommender.config))
    if len(validation):
        judged = judge_ratings(model, log, validation, recommender.config)
        found["validation_rmse"] = rating_figures(judged)["rmse"]
    return found


def protocol_of_ratings(log: EventLog) -> Protocol:
    """How ratings are judged."""
    test = np.flatnonzero(split_users(log.num_users, 0) == Part.TEST)
    return dataclasses.replace(
        protocol_of(log, test, 0),
        targets=TARGETS,
        test_targets=rating_rows(log, test).height,
        candidates=CANDIDATES,
    )


def run(
    log: EventLog,
    out: Path,
    *,
    seeds: int = SEEDS,
    jobs: int = 1,
    say: Callable[[str], None] = print,
    quick: bool = False,
) -> dict[str, Any]:
    """Fits and trains what is not done yet and gathers the table.

    Args:
      log: events with feedback; users are split by seed 0.
      out: folder of results, one JSON a row and seed.
      seeds: how many, from 0.
      jobs: fits and trainings side by side.
      say: is told of each result.
      quick: what nothing is drawn in, and the RNNs small and trained briefly, in a folder of their
        own.

    Returns:
      `rows`: name, seeds, `rmse` (mean) with `rmse_standard_error` over seeds where there are
      several, `mae`, `paper`, and of recurrent rows `validation_rmse`, `perplexity`, epochs and
      seconds an epoch; and `protocol`.

    Raises:
      RunError: `out` holds results of other settings.
      ProtocolError: `out` holds results of other data.
    """
    out = out / "quick" if quick else out
    out.mkdir(parents=True, exist_ok=True)
    tasks = _tasks(log, out, seeds, quick)
    found = gather(tasks, jobs=jobs, say=lambda task, record: say(_line(task, record)))
    names = [name for seed, name in tasks if seed == 0]
    rows = [
        _row(name, [found[seed, name] for seed in range(seeds) if (seed, name) in found])
        for name in names
    ]
    return {"rows": rows, "protocol": protocol_of_ratings(log).to_dict()}


def _tasks(log: EventLog, out: Path, seeds: int, quick: bool) -> dict[tuple[int, str], Task]:
    """Every result that the table is made of, by seed and name."""
    protocol = protocol_of(log, np.flatnonzero(split_users(log.num_users, 0) == Part.TEST), 0)
    asked_of = configs(user_features=log.user_features is not None)
    asked_of = quick_form(asked_of, QUICK_ROWS) if quick else asked_of
    tasks = {}
    for seed in range(seeds):

        def path(name: str, seed: int = seed) -> Path:
            return out / f"{name.lower().replace(' ', '-')}-seed-{seed}.json"

        fitted = {} if seed else dict(CERTAIN)
        if not quick:
            fitted |= {name: partial(make, seed=seed) for name, make in DRAWN.items()}
        for name, make in fitted.items():
            tasks[seed, name] = baseline_task(log, path(name), make, rated)
        for name, config in asked_of.items():
            asked = config.with_settings({"seed": seed})
            read = partial(read_record, config=asked, protocol=protocol)
            tasks[seed, name] = Task(path(name), read, _train, (log.directory, asked, path(name)))
    return tasks


def _train(directory: Path, config: Config, path: Path) -> None:
    train_one(EventLog.open(directory), config, path, rated_by_head)


def _line(task: tuple[int, str], record: Record) -> str:
    seed, name = task
    return f"seed {seed}, {name}: {_figures(record)['rmse']:.4f}"


def _figures(record: Record) -> dict[str, float]:
    """What a record says of ratings, a baseline's or a trained model's."""
    found: dict[str, float] = record.get("extra", record)
    return found


def _row(name: str, records: list[Record]) -> dict[str, Any]:
    rated = [_figures(record) for record in records]
    values = np.array([one["rmse"] for one in rated])
    row: dict[str, Any] = {"name": name, "seeds": len(values), "rmse": float(values.mean())}
    if len(values) > 1:
        row["rmse_standard_error"] = float(values.std(ddof=1) / math.sqrt(len(values)))
    row["mae"] = float(np.mean([one["mae"] for one in rated]))
    if name in PAPER:
        row["paper"] = PAPER[name]
    for key, those in (
        ("validation_rmse", rated),
        *((key, records) for key in ("perplexity", "epochs", "seconds_per_epoch")),
    ):
        if all(key in one for one in those):
            row[key] = float(np.mean([one[key] for one in those]))
    return row
