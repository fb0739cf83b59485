"""Which training users are trained on, by the lengths of their histories.

Very short histories show little beside popularity, very long ones may be robots': Amazon
Personalize's recipes leave both out of training by percentiles. Nobody is left out of judging.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tfhrnn.config import TrainingConfig
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.split import Part


def within_percentiles(
    lengths: npt.NDArray[np.integer], low: float, high: float
) -> npt.NDArray[np.bool_]:
    """Which lengths lie between two percentiles of all of them, both included.

    The percentile p is the smallest length such that a share p of the lengths, or more, are not
    longer (of 0, the smallest length); equal lengths stay or go together. Some length always stays.

    Args:
      lengths: `[users]`, at least one.
      low: share in [0, 1]; 0 leaves out none.
      high: share in [low, 1]; 1 leaves out none.

    Returns:
      `[users]` bool.

    >>> lengths = np.array([9, 1, 2, 3, 4, 4, 5, 6, 7, 100])
    >>> lengths[within_percentiles(lengths, 0.0, 0.9)].tolist()  # 9 of 10 are at most 9
    [9, 1, 2, 3, 4, 4, 5, 6, 7]
    >>> lengths[within_percentiles(lengths, 0.2, 0.5)].tolist()  # 5 of 10 are at most 4
    [2, 3, 4, 4]
    """
    first, last = np.quantile(lengths, [low, high], method="inverted_cdf")
    return np.asarray((lengths >= first) & (lengths <= last))


def training_users(
    log: EventLog, parts: npt.NDArray[np.int8], config: TrainingConfig
) -> npt.NDArray[np.int64]:
    """The users to train on: the training part, within the configured percentiles.

    With `train_on_validation` the validation users are among them.

    Args:
      log: the events.
      parts: `[users]` of `Part` values.
      config: its two percentiles and `train_on_validation` are read.

    Returns:
      User indices in the log's order.
    """
    trained = [Part.TRAIN, Part.VALIDATION] if config.train_on_validation else [Part.TRAIN]
    users = np.flatnonzero(np.isin(parts, trained))
    return users[
        within_percentiles(
            np.diff(log.offsets)[users],
            config.min_user_history_length_percentile,
            config.max_user_history_length_percentile,
        )
    ]
