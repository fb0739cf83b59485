"""Judging a model, and popularity beside it, on every target of some users.

`judge` gives a row a target (log-probability and rank over the whole catalogue, level and place in
the history); the figures are functions of those rows, so overall and by-level figures cannot
disagree.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import tensorflow as tf

from tfhrnn.config import Config
from tfhrnn.data.catalogue import FIRST_ITEM
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.facts import item_counts
from tfhrnn.data.sessions import gap_levels, start_level
from tfhrnn.data.windows import Batch, Windows
from tfhrnn.evaluation.metrics import hit_rate, mrr, ndcg, perplexity, standard_error
from tfhrnn.models.hrnn import HRNN
from tfhrnn.progress import step

_LANES = 32  # judging is free to choose its own; laws 2 and 3 make any choice give the same figures
# Where ranges of positions begin.
POSITIONS = (0, 1, 5, 10, 20, 50, 100, 200)


def judge(
    model: HRNN, log: EventLog, users: npt.NDArray[np.integer], config: Config
) -> pl.DataFrame:
    """Every target of some users under a model.

    Returns:
      A row a target, users in the order given and events in the log's: `user` (index), `position`
      (from 0), `item` (index), `level`, `log_p` and `rank`.
    """
    lanes = min(_LANES, len(users))
    windows = judging_windows(model, log, users, config, lanes=lanes, window=config.training.bptt)
    signature = [windows.signature(), state_spec(model, lanes)]
    read = tf.function(model.judge, signature, autograph=False)

    def judged_windows() -> Iterator[npt.NDArray[np.float64]]:
        state = model.tower.initial_state(lanes)
        with step(f"judging {len(users):,} users", windows.num_batches) as done:
            for number, batch in enumerate(windows.batches(), 1):
                log_p, ranks, state = read(Batch(*map(tf.constant, batch)), state)
                done(number)
                yield np.stack([log_p.numpy(), ranks.numpy()], axis=-1, dtype=np.float64)

    judged = by_user(windows, users, judged_windows())
    return target_rows(log, np.asarray(users), config.model.thresholds).with_columns(
        log_p=pl.Series(judged[:, 0]), rank=pl.Series(judged[:, 1].astype(np.int64))
    )


def by_user(
    windows: Windows,
    users: npt.NDArray[np.integer],
    found: Iterable[npt.NDArray[np.float64]],
) -> npt.NDArray[np.float64]:
    """Values of windows, put in the order of users and their events.

    Args:
      windows: unshuffled ones over the users.
      users: `[n]` indices.
      found: for each of the windows, `[lanes, window, values]`.

    Returns:
      `[targets, values]`; steps of no event (padding and flush steps) are left out.
    """
    offsets = windows.log.offsets
    streams = np.concatenate(list(found), axis=1)
    # Lanes hold whole users in the order in which they were taken; a user may have no events.
    own = {int(user): streams[0, :0] for user in users}
    for stream, queue in zip(streams, windows.lane_users(), strict=True):
        at = 0
        for user in queue:
            at += windows.flush_steps
            size = int(offsets[user + 1] - offsets[user])
            own[user] = stream[at : at + size]
            at += size
    return np.concatenate([own[int(user)] for user in users])


def judging_windows(
    model: HRNN,
    log: EventLog,
    users: npt.NDArray[np.integer],
    config: Config,
    *,
    lanes: int,
    window: int,
) -> Windows:
    """The windows of some users in the log's order, every event of theirs a target of weight 1."""
    return Windows(
        log,
        users,
        lanes=lanes,
        window=window,
        thresholds=config.model.thresholds,
        seen_items=config.model.seen_items if config.model.seen_bias else 0,
        flush_steps=model.tower.flush_steps,
        target_weight=lambda levels, weights: np.ones_like(weights),
    )


def judge_popularity(
    log: EventLog,
    users: npt.NDArray[np.integer],
    counted: npt.NDArray[np.integer],
    thresholds: tuple[int, ...],
    *,
    counted_log: EventLog | None = None,
) -> pl.DataFrame:
    """The same rows under popularity: counts of some users' events plus 1, over their sum.

    Args:
      log: the events.
      users: whose events are targets.
      counted: training and validation users, whose events are counted.
      thresholds: for the `level` column.
      counted_log: a log that ends where counting does, of a split of events.
    """
    counts = item_counts(counted_log or log, counted) + 1.0
    rank = np.empty(len(counts), np.int64)
    rank[np.argsort(-counts, kind="stable")] = np.arange(len(counts))
    targets = target_rows(log, np.asarray(users, np.int64), thresholds)
    column = targets["item"].to_numpy() - FIRST_ITEM
    log_p = np.log(counts / counts.sum())
    return targets.with_columns(log_p=pl.Series(log_p[column]), rank=pl.Series(rank[column]))


def figures(judged: pl.DataFrame, k: int = 10) -> dict[str, float]:
    """Perplexity with its standard error, and the rank metrics at k, of judged rows."""
    log_p, ranks = judged["log_p"].to_numpy(), judged["rank"].to_numpy()
    value = perplexity(log_p)
    return {
        "perplexity": value,
        "perplexity_standard_error": value * standard_error(log_p, judged["user"].to_numpy()),
        "hit_rate": hit_rate(ranks, k),
        "ndcg": ndcg(ranks, k),
        "mrr": mrr(ranks, k),
    }


def after_first(judged: pl.DataFrame) -> pl.DataFrame:
    """The rows of targets that are not their user's first.

    All that counts of a model that reads the features of users' first items: those leak the first
    target, and nobody knows them when a user without a history asks.
    """
    return judged.filter(pl.col("position") > 0)


def figures_by_level(judged: pl.DataFrame, k: int = 10) -> list[dict[str, Any]]:
    """`figures` of each level's targets, lowest level first, with how many targets there are."""
    return [
        {"level": int(level[0]), "targets": rows.height, **figures(rows, k)}
        for level, rows in judged.sort("level").group_by("level", maintain_order=True)
    ]


def figures_by_position(judged: pl.DataFrame, k: int = 10) -> list[dict[str, Any]]:
    """`figures` of targets by how many events of their user come before them.

    Returns:
      A record a range that has targets: `first` and `last` position of it (the last is None where
      the range has no end), `targets`, and the figures.
    """
    starts = np.array(POSITIONS)
    ranges = np.searchsorted(starts, judged["position"].to_numpy(), side="right") - 1
    found = []
    for at in np.unique(ranges).tolist():
        rows = judged.filter(ranges == at)
        last = POSITIONS[at + 1] - 1 if at + 1 < len(POSITIONS) else None
        place = {"first": POSITIONS[at], "last": last, "targets": rows.height}
        found.append({**place, **figures(rows, k)})
    return found


def target_rows(
    log: EventLog, users: npt.NDArray[np.integer], thresholds: tuple[int, ...]
) -> pl.DataFrame:
    """The rows of `judge` without what a model says: every event of some users is a target.

    Returns:
      A row a target, users in the order given and events in the log's: `user` (index), `position`
      (from 0), `item` (index) and `level`.
    """
    pieces = []
    for user in users.tolist():
        begin, end = int(log.offsets[user]), int(log.offsets[user + 1])
        time = np.asarray(log.time[begin:end])
        level = gap_levels(np.diff(time, prepend=time[:1]), thresholds)
        level[:1] = start_level(thresholds)
        item = np.asarray(log.item[begin:end]).astype(np.int64)
        pieces.append(
            (np.full(end - begin, user), np.arange(end - begin), item, level.astype(np.int64))
        )
    columns = [np.concatenate(column) for column in zip(*pieces, strict=True)]
    return pl.DataFrame(dict(zip(("user", "position", "item", "level"), columns, strict=True)))


def state_spec(model: HRNN, lanes: int) -> tuple[tf.TensorSpec, ...]:
    """Shapes and dtypes of a tower's state over some lanes."""
    return tuple(tf.TensorSpec(part.shape, part.dtype) for part in model.tower.initial_state(lanes))
