"""Ranked lists as a file, for other systems to stand beside (`list_reader` reads theirs).

A Parquet table with a row a target: `user` and `target` (ids), `items` (a list of ids, best first)
and perhaps `scores` (a list as long, never rising). Where a user meets an item several times, its
rows come in the order of the events. The file's metadata say how targets were chosen and judged:
`protocol`, the record as JSON, and `protocol_hash`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import tensorflow as tf

from tfhrnn.config import Config
from tfhrnn.data.catalogue import FIRST_ITEM
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.files import save_table
from tfhrnn.data.windows import Batch
from tfhrnn.errors import RunError
from tfhrnn.evaluation.evaluate import by_user, judging_windows, state_spec
from tfhrnn.evaluation.list_reader import HASH, PROTOCOL
from tfhrnn.models.hrnn import HRNN
from tfhrnn.progress import step
from tfhrnn.protocol import Protocol

_LANES, _WINDOW = 8, 32  # all items' scores of at most 256 targets are held at a time


def best_items(
    model: HRNN, log: EventLog, users: npt.NDArray[np.integer], config: Config, k: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """The k best items at every event of some users, asked right before it.

    Returns:
      `[targets, k]` columns of the item matrix, best first, equal scores in catalogue order, and
      their log-probabilities; users in the order given, as `evaluate.judge`. k is cut at the
      catalogue's size.
    """
    k = min(k, log.num_items)
    windows = judging_windows(model, log, users, config, lanes=_LANES, window=_WINDOW)

    signature = [windows.signature(), state_spec(model, _LANES)]

    @tf.function(input_signature=signature, autograph=False)
    def best(batch: Batch, state: tuple[tf.Tensor, ...]) -> tuple[tf.Tensor, ...]:
        scores, state = model.log_probabilities(batch, state)
        return *tf.math.top_k(scores, k), state

    def found() -> Iterator[npt.NDArray[np.float64]]:
        state = model.tower.initial_state(_LANES)
        with step(f"ranking for {len(users):,} users", windows.num_batches) as done:
            for number, batch in enumerate(windows.batches(), 1):
                scores, columns, state = best(Batch(*map(tf.constant, batch)), state)
                done(number)
                yield np.concatenate([columns.numpy(), scores.numpy()], axis=-1, dtype=np.float64)

    values = by_user(windows, users, found())
    return values[:, :k].astype(np.int64), values[:, k:].astype(np.float32)


def write_lists(
    path: Path,
    log: EventLog,
    targets: pl.DataFrame,
    columns: npt.NDArray[np.integer],
    scores: npt.NDArray[np.float32],
    protocol: Protocol,
) -> None:
    """Writes ranked lists of judged targets.

    Args:
      path: the file; its folder is made.
      log: the events, for ids.
      targets: judged rows, `user` and `item` indices.
      columns: `[targets, k]`, from `best_items`.
      scores: `[targets, k]`.
      protocol: of the targets.

    Raises:
      RunError: the file can't be written.
    """
    ids, users = np.array(log.catalogue.ids, object), np.array(log.user_ids, object)
    frame = pl.DataFrame(
        {
            "user": users[targets["user"].to_numpy()].tolist(),
            "target": ids[targets["item"].to_numpy() - FIRST_ITEM].tolist(),
            "items": ids[columns].tolist(),
            "scores": scores.tolist(),
        },
        schema={
            "user": pl.String,
            "target": pl.String,
            "items": pl.List(pl.String),
            "scores": pl.List(pl.Float32),
        },
    )
    record = {PROTOCOL: json.dumps(protocol.to_dict()), HASH: protocol.hash}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{path}: could not be written: {error.strerror}") from error
    save_table(frame, path, record)
