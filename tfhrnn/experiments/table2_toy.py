"""The toy column of the paper's Table 2: what each kind of data is worth, and the best it could be.

Bets are simulated as in `tfhrnn.data.simulate_bets`, whose docstring tells how the paper's text was
read. A row may know one thing or all of them, and stands beside the exact bound of what it knows
(`tfhrnn.experiments.bet_bounds`), every bet of a test sequence being a target:

- "none": popularity, the training sequences' counts plus 1;
- "item": a factorization machine over features of the last item and of every candidate: no item has
  weights of its own (λ = 1), and nothing but the last item is read;
- "user": the first item alone. Each bet is asked for by itself, as the first of a user without a
  history, so that not even its place in the sequence is told;
- "sequence": the RNN, over item ids;
- "all": HRNN-meta, over ids, item features, user features and outcomes.

The paper has no row for the user's features; its text says that they narrow bets to "an average of
11 items". All rows are trained on the paper's 1,000 sequences, of which 100 choose the epoch, and
judged on fresh ones. A thousand are few to tell what follows each of 101 first items, as a row of
plain counts shows (`tfhrnn.experiments.bet_counts`), or to unlearn that what came before the last
item matters, for which most recurrent weights are dropped: the rows "user" and "sequence" come
again with 8,000.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from tfhrnn.config import Config, preset
from tfhrnn.data.catalogue import FIRST_ITEM
from tfhrnn.data.event_log import EventLog, write_event_log
from tfhrnn.data.simulate_bets import LONGEST, Bets, simulate_bets
from tfhrnn.data.split import Part
from tfhrnn.errors import RunError
from tfhrnn.experiments.bet_bounds import KNOWN, Known, bet_contexts, bet_joint
from tfhrnn.experiments.bet_counts import counted_row
from tfhrnn.experiments.bounds import best_predictor
from tfhrnn.experiments.simulated import Row, parts_by_number, run_rows

HOUR: Final = {"seeds": 1}
NEEDS_LOG: Final = False
MOST_JOBS: Final = 1
TARGETS: Final = "every bet of a test sequence, the first included"
PAPER: Final[dict[Known, float]] = {"none": 100, "item": 54, "user": 11, "sequence": 3, "all": 1}
_USER_FEATURES: Final = ("first:categorical", "first_number:numeric")
_PLAIN: Final[dict[str, object]] = {
    "levels": False,
    "embedding_dropout": 0.0,
    "output_dropout": 0.0,
    "weight_decay": 0.0,
    "unknown_rate": 0.0,
}
_OFTEN: Final[dict[str, object]] = {"batch_size": 16, "bptt": 8}  # many updates an epoch
_SELDOM: Final[dict[str, object]] = {"batch_size": 32, "bptt": 16}
_USER: Final[dict[str, object]] = {"tower": "last_item", "layers": 2, "user_features": True}
ROWS: Final[dict[Known, dict[str, object]]] = {
    "none": {"history": False, "tower": "last_item", "units": 1, "epochs": 0},
    "item": {
        "tower": "last_item",
        "item_features": True,
        "mix_rule": "fixed",
        "mix": 1.0,
        "units": 8,
        "epochs": 15,
    },
    "user": {
        **_USER,
        "tower_options": "dropout=0.5",
        "output_dropout": 0.6,
        "feature_width": 64,
        "units": 128,
        "weight_decay": 1.0,
        "learning_rate": 3e-3,
        "ema_decay": 0.995,
        "epochs": 40,
    },
    "sequence": {
        "units": 128,
        "output_dropout": 0.7,
        "tower_options": "weight_dropout=0.8",
        "learning_rate": 5e-3,
        "epochs": 30,
        **_OFTEN,
    },
    "all": {
        "item_features": True,
        "user_features": True,
        "feedback": True,
        "mix_rule": "fixed",
        "feature_width": 64,
        "units": 128,
        "epochs": 20,
        **_OFTEN,
    },
}
# What more sequences are worth, to the rows that a thousand leave short of their bounds.
MORE: Final[dict[Known, dict[str, object]]] = {
    "user": {**_USER, "feature_width": 32, "units": 64, "epochs": 12, **_SELDOM},
    "sequence": {"units": 128, "epochs": 8, **_SELDOM},
}


class Size(NamedTuple):
    """How many sequences are simulated.

    Attributes:
      train: training sequences, those without bets included.
      validation: those that choose the epoch.
      test: those that are judged.
    """

    train: int = 900
    validation: int = 100
    test: int = 5000


QUICK: Final = Size(test=1000)
# Enough to come near the bounds, if not as near as may be.
QUICK_EPOCHS: Final[dict[Known, int]] = {
    "none": 0,
    "item": 5,
    "user": 20,
    "sequence": 15,
    "all": 16,
}
LARGE: Final = Size(train=7900)


def configs(*, more: bool = False, quick: bool = False) -> dict[Known, Config]:
    """What a row may know to its configuration.

    Args:
      more: those for more training sequences.
      quick: for `QUICK_EPOCHS`.
    """
    found: dict[Known, Config] = {}
    for known, chosen in (MORE if more else ROWS).items():
        epochs = QUICK_EPOCHS[known] if quick else int(str(chosen["epochs"]))
        own = {**_PLAIN, **chosen, "epochs": epochs}
        found[known] = preset("hrnn", {**own, "patience": max(1, epochs)})
    return found


def asked_alone(bets: Bets) -> Bets:
    """The same bets, each the only one of a user of its own, who has the sequence's features.

    A model of these can know nothing of a target but the user's features.
    """
    interactions = bets.interactions.with_columns(
        (pl.col("user_id").cast(pl.Int64) * LONGEST + pl.int_range(pl.len()).over("user_id"))
        .cast(pl.String)
        .alias("user_id"),
    )
    users = interactions.select(
        "user_id", of=(pl.col("user_id").cast(pl.Int64) // LONGEST).cast(pl.String)
    ).join(bets.users.rename({"user_id": "of"}), on="of", how="left", maintain_order="left")
    return Bets(interactions, bets.items, users.drop("of"))


def write_log(bets: Bets, out: Path, name: str) -> EventLog:
    """Writes tables of bets as an event log."""
    return write_event_log(
        bets.interactions,
        out,
        items=bets.items,
        users=bets.users,
        item_features=["parity:categorical"],
        user_features=list(_USER_FEATURES),
        name=name,
    )


def best_answers(known: Known, log: EventLog, users: npt.NDArray[np.integer]) -> Any:
    """Log p `[targets]` of the best predictor of what a row may know, for whole sequences."""
    log_p = best_predictor(bet_joint(known)).log_p
    found = []
    for user in users.tolist():
        events = log.events_of(user)
        items = np.asarray(log.item[events]) - FIRST_ITEM
        outcomes = np.asarray(log.feedback[events]).astype(np.int64)
        found.append(log_p[bet_contexts(known, items, outcomes), items])
    return np.concatenate(found)


def rows_of(
    bets: Bets, size: Size, out: Path, *, more: bool = False, quick: bool = False
) -> list[Row]:
    """The rows, each with the best predictor's answers.

    Args:
      bets: as many sequences as `size` says.
      size: which of them train, choose and are judged.
      out: folder of the event logs.
      more: the rows of `MORE` instead, whose names tell how many sequences they were given.
      quick: trained for `QUICK_EPOCHS`.
    """
    whole = write_log(bets, out / "data", "bets")
    alone = write_log(asked_alone(bets), out / "data-alone", "bets, each asked alone")
    parts = parts_by_number(whole, size.train, size.validation)
    parts_alone = parts_by_number(
        alone, size.train, size.validation, lambda user: int(user) // LONGEST
    )
    test = np.flatnonzero(parts == Part.TEST)
    sequences = np.repeat(test, np.diff(whole.offsets)[test])
    return [
        Row(
            f"{known}, {size.train + size.validation:,} sequences" if more else known,
            config,
            alone if known == "user" else whole,
            parts_alone if known == "user" else parts,
            sequences=sequences,
            best=best_answers(known, whole, test),
            judged=np.ones(len(sequences), bool),
            bound=best_predictor(bet_joint(known)).perplexity,
            targets=TARGETS,
            paper=PAPER[known],
        )
        for known, config in configs(more=more, quick=quick).items()
    ]


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
      jobs: 1.
      say: is told of each result.
      quick: fewer epochs, a smaller test sample and no rows of more sequences, in a folder of its
        own.

    Returns:
      `rows` and `protocol`, of the sequences as they are; the row "user" is judged on the same
      bets, those of more sequences on others.

    Raises:
      RunError: more than one job is asked for, or as `run_rows`.
    """
    if jobs > 1:
        raise RunError(f"table2-toy: got {jobs} jobs, expected 1: its trainings are short")
    out, size = (out / "quick", QUICK) if quick else (out, Size())
    bets = simulate_bets(sum(size))
    rows = rows_of(bets, size, out, quick=quick)
    found = run_rows(rows, out, seeds=seeds, say=say)
    found.append(counted_row(bets, size.train, size.validation))
    if not quick:
        large = rows_of(simulate_bets(sum(LARGE)), LARGE, out / "large", more=True)
        found += run_rows(large, out / "large", seeds=seeds, say=say)
    return {"rows": found, "protocol": rows[KNOWN.index("sequence")].protocol.to_dict()}
