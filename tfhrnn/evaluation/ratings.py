"""Predicted ratings and what they are judged by: the next rating of users, event by event.

A model's `predict(log, users)` adds the column `prediction` to `rating_rows`: what it expects of
each event's feedback, given what was known before it (the user's earlier events, and the item).
The figures are functions of those rows. Ma and Narayanaswamy, section 3 and Table 3.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from tfhrnn.data.event_log import EventLog
from tfhrnn.errors import DataError
from tfhrnn.evaluation.metrics import mae, rmse, standard_error


def rating_rows(log: EventLog, users: npt.NDArray[np.integer]) -> pl.DataFrame:
    """Every event of some users whose feedback is known.

    Args:
      log: the events.
      users: `[n]` user indices.

    Returns:
      A row a rating, users in the order given and events in the log's: `user` (index), `position`
      (from 0, among all events of the user, those without feedback included), `item` (index) and
      `feedback` (float64).

    Raises:
      DataError: none of these users has an event with feedback.
    """
    users = np.asarray(users, np.int64)
    begins, lengths = log.offsets[users], log.offsets[users + 1] - log.offsets[users]
    total = int(lengths.sum())
    position = np.arange(total) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    event = np.repeat(begins, lengths) + position
    feedback = np.asarray(log.feedback)[event].astype(np.float64)
    known = np.isfinite(feedback)
    if not known.any():
        raise DataError(
            log.name or log.directory,
            found=f"no feedback in {total:,} events of {len(users):,} users",
            expected="ratings",
        )
    return pl.DataFrame(
        {
            "user": np.repeat(users, lengths)[known],
            "position": position[known],
            "item": np.asarray(log.item)[event[known]].astype(np.int64),
            "feedback": feedback[known],
        }
    )


def rating_figures(predicted: pl.DataFrame) -> dict[str, float]:
    """RMSE with its standard error, users being the unit that is drawn, and MAE.

    Args:
      predicted: has the columns `user`, `feedback` and `prediction`; all rows count alike.
    """
    feedback, prediction = predicted["feedback"].to_numpy(), predicted["prediction"].to_numpy()
    value = rmse(prediction, feedback)
    squared = (prediction - feedback) ** 2
    # d √m = dm / (2 √m)
    error = standard_error(-squared, predicted["user"].to_numpy()) / (2 * value) if value else 0.0
    return {"rmse": value, "rmse_standard_error": error, "mae": mae(prediction, feedback)}
