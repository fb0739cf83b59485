"""The next rating as the ranking head has it, for every event of some users (paper, Table 3).

What is judged is what `HRNNRecommender.rank` answers when it is asked for the item that came, after
the events before it and at the time it came: a user's first event too, after no events at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import numpy.typing as npt
import polars as pl
import tensorflow as tf

from tfhrnn.config import Config
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.windows import Batch
from tfhrnn.evaluation.evaluate import by_user, judging_windows, state_spec
from tfhrnn.evaluation.ratings import rating_rows
from tfhrnn.layers.embeddings import FIRST_COLUMN
from tfhrnn.layers.towers import State
from tfhrnn.models.hrnn import HRNN

_LANES = 32  # any number gives the same predictions


def judge_ratings(
    model: HRNN, log: EventLog, users: npt.NDArray[np.integer], config: Config
) -> pl.DataFrame:
    """Every rating of some users, predicted from the events before it and the item.

    Args:
      model: with a ranking head.
      log: the events.
      users: `[n]` user indices, each of them once.
      config: of the model.

    Returns:
      `tfhrnn.evaluation.ratings.rating_rows` (user, position, item, feedback) with the column
      `prediction`, in the feedback's units.

    Raises:
      ConfigError: the model has no ranking head.
      DataError: none of these users has an event with feedback.
    """
    users = np.asarray(users).astype(np.int64)
    rows = rating_rows(log, users)
    model.rate(tf.zeros([1, model.config.units]), tf.zeros([1], tf.int32))  # if there is no head
    lanes = min(_LANES, len(users))
    windows = judging_windows(model, log, users, config, lanes=lanes, window=config.training.bptt)

    signature = [windows.signature(), state_spec(model, lanes)]
    step = tf.function(partial(_predicted, model), signature, autograph=False)

    def judged_windows() -> Iterator[npt.NDArray[np.float64]]:
        state = model.tower.initial_state(lanes)
        for batch in windows.batches():
            predicted, state = step(Batch(*map(tf.constant, batch)), state)
            yield predicted.numpy().astype(np.float64)[..., np.newaxis]

    predicted = by_user(windows, users, judged_windows())[:, 0]
    sizes = log.offsets[users + 1] - log.offsets[users]
    begins = np.zeros(log.num_users, np.int64)
    begins[users] = np.cumsum(sizes) - sizes
    event = begins[rows["user"].to_numpy()] + rows["position"].to_numpy()
    return rows.with_columns(prediction=pl.Series(predicted[event]))


def _predicted(model: HRNN, batch: Batch, state: State) -> tuple[tf.Tensor, State]:
    """Feedback of each next item, `[lanes, window]`, and the state."""
    hidden, state, _ = model.hidden(batch, state)
    return model.rate(hidden, batch.targets[..., 0] - FIRST_COLUMN), state
