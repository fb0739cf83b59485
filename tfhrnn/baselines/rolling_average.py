"""The next rating as the mean of the item's average and the user's average so far.

The item's average is over the training users' ratings, the user's over that user's own earlier
ones. A first rating, which no user average stands before, is the item's average alone; an item
nobody rated is the user's average alone; neither, the average of all training ratings. Ma and
Narayanaswamy, section 3 and Table 3, "rolling average baseline".
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from tfhrnn.baselines.checks import require_fitted
from tfhrnn.baselines.rating_data import TrainingRatings, asked_ratings
from tfhrnn.data.catalogue import FIRST_ITEM
from tfhrnn.data.event_log import EventLog


class _Averages(NamedTuple):
    """The mean of all ratings, and `[items]` that of each item, NaN without any."""

    overall: float
    item: npt.NDArray[np.float64]


class RollingAverage:
    """Averages, with nothing to choose."""

    def __init__(self) -> None:
        self._averages: _Averages | None = None

    def fit(
        self, log: EventLog, train: npt.NDArray[np.integer], validation: npt.NDArray[np.integer]
    ) -> RollingAverage:
        """Averages the ratings of each item.

        Args:
          log: the events.
          train: user indices.
          validation: user indices; nothing is chosen on them, so their ratings are averaged too.

        Returns:
          Itself.

        Raises:
          DataError: no users, or none with ratings.
        """
        given = TrainingRatings.of(log, np.concatenate([train, validation]))
        counts = np.bincount(given.item, minlength=given.items)
        sums = np.bincount(given.item, weights=given.rating, minlength=given.items)
        average = np.divide(sums, counts, out=np.full(len(sums), np.nan), where=counts > 0)
        self._averages = _Averages(given.mean, average)
        return self

    def predict(self, log: EventLog, users: npt.NDArray[np.integer]) -> pl.DataFrame:
        """Each rating of some users from the item and their earlier ratings.

        Args:
          log: of the same catalogue.
          users: user indices, none of them averaged.

        Returns:
          `tfhrnn.evaluation.ratings.rating_rows` with the column `prediction`.

        Raises:
          RunError: not fitted.
          DataError: another catalogue, no users, or none with ratings.
        """
        averages = require_fitted(self._averages, self)
        rows = asked_ratings(log, users, len(averages.item))
        so_far = rows.select(
            before=pl.int_range(pl.len()).over("user"),
            total=(pl.col("feedback").cum_sum() - pl.col("feedback")).over("user"),
        )
        before = so_far["before"].to_numpy()
        total = so_far["total"].to_numpy()
        user = np.divide(total, before, out=np.full(len(total), np.nan), where=before > 0)
        item = averages.item[rows["item"].to_numpy() - FIRST_ITEM]
        either = np.where(np.isnan(item), user, np.where(np.isnan(user), item, (item + user) / 2))
        prediction = np.where(np.isnan(either), averages.overall, either)
        return rows.with_columns(prediction=pl.Series(prediction))
