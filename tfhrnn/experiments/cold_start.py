"""Can items be recommended that nobody was ever seen with? Half of ml-100k's are made cold.

After Amazon Personalize's cold-start demo: half of the items, drawn at random, are taken out of
everybody's history; what is known of them is genres and year. A model of the other half reads a
test user's warm events and is asked for the best cold items, whose scores stand at λ = 1 in one
softmax with all others; the 5, 10 and 25 best are compared with all the cold items that the user
did meet. `perplexity`, `HR@10` and so on are of the same users' warm events, `cold perplexity` of
their cold ones, and `warm and cold` of all of them, each over the whole catalogue. The last is the
one to compare: a model that gives cold items no probability does well on warm ones.

The demo itself, on ml-1m with genres alone and over the first 1,000 users, got precisions of .1618,
.1516 and .1325 at 5, 10 and 25, where random items got .0392, .0401 and .0408
(aws-samples/amazon-personalize-samples, personalize_coldstart_demo.ipynb, commit 416742f). Ratios
to random can be set beside ours, the precisions themselves cannot.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from tfhrnn.config import Config, preset
from tfhrnn.data.catalogue import FIRST_ITEM
from tfhrnn.data.cold_items import draw_cold, is_of, write_without_items
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.facts import item_counts
from tfhrnn.data.split import Part, split_users
from tfhrnn.evaluation.list_measures import genres_of
from tfhrnn.evaluation.metrics import perplexity, precision, random_precision
from tfhrnn.experiments.runs import run_all
from tfhrnn.histories import Histories
from tfhrnn.predictor import Predictor
from tfhrnn.protocol import Protocol
from tfhrnn.recommender import HRNNRecommender

Scores = npt.NDArray[np.floating]
Flags = npt.NDArray[np.bool_]

CUTS: Final = (5, 10, 25)
EPOCHS: Final = 10
TARGETS: Final = (
    "all cold items that a test user met; half of the items are cold, by seed 0, and their events "
    "are in nobody's history; asked once a user, after all warm events, at the time of the last "
    "event of either kind"
)
CANDIDATES: Final = "the cold items, by log-probability over the whole catalogue"
_BEST: Final[dict[str, object]] = {"item_statistics": True, "item_factors": 32}
_ALONE: Final[dict[str, object]] = {"cold_negatives": False}
ROWS: Final[dict[str, dict[str, object]]] = {
    "λ per item": {},
    "λ per update": {"mix_rule": "update"},
    "λ per item, Beta(½, ½)": {"mix_rule": "beta"},
    "λ per item, 0 or 1": {"mix_rule": "bernoulli"},
    "λ = 0.5": {"mix_rule": "fixed"},
    "λ = 1, features alone": {"mix_rule": "fixed", "mix": 1.0},
    "λ per item, cold items no negatives": _ALONE,
    "λ = 0.5, cold items no negatives": {"mix_rule": "fixed", **_ALONE},
    "λ = 1, cold items no negatives": {"mix_rule": "fixed", "mix": 1.0, **_ALONE},
    "λ per item, statistics and factors": _BEST,
    "λ per item, both": {**_BEST, **_ALONE},
}
HOUR: Final = {"seeds": 1}
QUICK_ROWS: Final = ("λ per item", "λ = 0.5")
_USERS_AT_ONCE: Final = 64
_TARGETS_AT_ONCE: Final = 256


class Halves(NamedTuple):
    """The data with all events, without those of cold items, and which items these are.

    Attributes:
      log: all events.
      warm: the same users and catalogue, events of warm items alone.
      cold: `[items]`.
    """

    log: EventLog
    warm: EventLog
    cold: Flags


def configs() -> dict[str, Config]:
    """A row's name to its configuration: the preset `hrnn` and item features."""
    common: dict[str, object] = {"item_features": True, "epochs": EPOCHS}
    return {name: preset("hrnn", {**common, **row}) for name, row in ROWS.items()}


def met(log: EventLog, users: npt.NDArray[np.integer], cold: Flags) -> Flags:
    """Which cold items each user met, `[users, cold items]`, in catalogue order."""
    found = np.zeros((len(users), len(cold)), bool)
    for row, user in enumerate(users.tolist()):
        found[row, np.asarray(log.item[log.events_of(user)]) - FIRST_ITEM] = True
    return found[:, cold]


def precisions(scores: Scores, relevant: Flags) -> dict[str, float]:
    """Precision at each cut of scores `[users, cold items]`."""
    return {f"precision_at_{k}": precision(scores, relevant, k) for k in CUTS}


def score_cold(predictor: Predictor, halves: Halves, users: npt.NDArray[np.integer]) -> Scores:
    """Log p `[users, cold items]` after each user's warm events, at the time of the last event."""
    log, warm, cold = halves
    ids = np.array(log.catalogue.ids)[cold]
    pieces = []
    for at in range(0, len(users), _USERS_AT_ONCE):
        some = users[at : at + _USERS_AT_ONCE]
        asked = np.asarray(log.time)[log.offsets[some + 1] - 1]
        histories = Histories.from_log(warm, some.tolist())
        log_p, _ = predictor.rank(histories, np.tile(ids, (len(some), 1)), query_time=asked)
        pieces.append(log_p)
    return np.concatenate(pieces)


def judge_cold(predictor: Predictor, halves: Halves, users: npt.NDArray[np.integer]) -> Scores:
    """Log p of each cold event of some users, after the warm ones before it, when it came."""
    log, warm, cold = halves
    is_cold, ids = is_of(log, cold), np.array(log.catalogue.ids)
    owners, lengths, places = [], [], []
    for user in users.tolist():
        events = log.events_of(user)
        mine = np.flatnonzero(is_cold[events])
        owners += [user] * len(mine)
        lengths += np.cumsum(~is_cold[events])[mine].tolist()
        places += (mine + events.start).tolist()
    order, log_p = np.argsort(lengths, kind="stable"), np.zeros(len(places))
    for at in range(0, len(order), _TARGETS_AT_ONCE):
        some = order[at : at + _TARGETS_AT_ONCE]
        histories = Histories.from_log(
            warm, [owners[row] for row in some], [lengths[row] for row in some]
        )
        place = np.array(places)[some]
        items = ids[np.asarray(log.item)[place] - FIRST_ITEM, np.newaxis]
        found, _ = predictor.rank(histories, items, query_time=np.asarray(log.time)[place])
        log_p[some] = found[:, 0]
    return log_p


def cold_figures(full: Path, recommender: HRNNRecommender, warm: EventLog) -> dict[str, float]:
    """What a model trained on the warm log makes of the cold items of the full one.

    Args:
      full: the folder of the log with all events.
      recommender: trained.
      warm: the log it was trained on.

    Returns:
      Precision at each cut and the perplexity of cold events.
    """
    log = EventLog.open(full)
    assert recommender.run is not None
    users, predictor = recommender.run.users(warm, Part.TEST), recommender.predictor
    halves = Halves(log, warm, draw_cold(log.num_items))
    return {
        **precisions(score_cold(predictor, halves, users), met(log, users, halves.cold)),
        "cold_perplexity": perplexity(judge_cold(predictor, halves, users)),
    }


def likeness(features: npt.NDArray[np.float32], warm: EventLog, users: Any, cold: Flags) -> Scores:
    """Scores by content: features of each cold item times the mean of the user's warm ones."""
    profiles = np.zeros((len(users), features.shape[1]))
    for row, user in enumerate(users.tolist()):
        items = np.asarray(warm.item[warm.events_of(user)]) - FIRST_ITEM
        profiles[row] = features[items].mean(axis=0) if len(items) else 0
    return profiles @ features[cold].T


def expected_popularity(
    features: npt.NDArray[np.float32], counts: npt.NDArray[np.int64], cold: Flags
) -> Scores:
    """Log popularity `[cold items]` as a ridge regression on the warm items' features has it."""
    known = np.column_stack([features, np.ones(len(features))]).astype(np.float64)
    x, y = known[~cold], np.log1p(counts[~cold])
    solved = np.linalg.solve(x.T @ x + np.eye(x.shape[1]), x.T @ y)
    return known[cold] @ solved


def baselines(halves: Halves, parts: npt.NDArray[np.int8]) -> list[dict[str, Any]]:
    """Rows without a model: random, likeness of genres, popularity by features, and known.

    The last counts the training users' events with cold items, which no cold-start method has: it
    tells how far popularity alone would get.
    """
    log, warm, cold = halves
    users, trained = (np.flatnonzero(parts == part) for part in (Part.TEST, Part.TRAIN))
    relevant = met(log, users, cold)
    features = log.catalogue.feature_matrix
    scores = {
        "likeness of genres": likeness(genres_of(log), warm, users, cold),
        "popularity by features": expected_popularity(features, item_counts(warm, trained), cold),
        "popularity, if it were known": item_counts(log, trained)[cold],
    }
    rows = [{f"precision_at_{k}": random_precision(relevant, k) for k in CUTS}]
    rows += [precisions(np.broadcast_to(s, relevant.shape), relevant) for s in scores.values()]
    return [
        {"name": name, "seeds": 1, **row}
        for name, row in zip(("random", *scores), rows, strict=True)
    ]


def protocol_of_cold(log: EventLog, users: npt.NDArray[np.integer], cold: Flags) -> Protocol:
    """How cold items are judged."""
    relevant = met(log, users, cold)
    return Protocol(
        dataset=log.name,
        fingerprint=log.fingerprint,
        split_seed=0,
        test_users=int(relevant.any(axis=1).sum()),
        test_targets=int(relevant.sum()),
        catalogue_items=log.num_items,
        targets=TARGETS,
        candidates=CANDIDATES,
        k=max(CUTS),
    )


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

    Returns:
      `rows`; `protocol`, of the precisions; and `protocol_of_warm`, of the perplexity of warm
      events and the ranks.
    """
    cold = draw_cold(log.num_items)
    warm = write_without_items(log, cold, out / "warm")
    parts = split_users(log.num_users, 0)
    extra = partial(cold_figures, log.directory)
    found = run_all(
        warm,
        configs(),
        out,
        seeds=seeds,
        jobs=jobs,
        say=say,
        extra=extra,
        quick=QUICK_ROWS if quick else None,
    )
    users = np.flatnonzero(parts == Part.TEST)
    events = int((log.offsets[users + 1] - log.offsets[users]).sum())
    share = found["protocol"]["test_targets"] / events
    for row in found["rows"]:
        if "cold_perplexity" in row:
            row["both_perplexity"] = row["perplexity"] ** share * row["cold_perplexity"] ** (
                1 - share
            )
    return {
        "rows": [*baselines(Halves(log, warm, cold), parts), *found["rows"]],
        "protocol": protocol_of_cold(log, users, cold).to_dict(),
        "protocol_of_warm": found["protocol"],
    }
