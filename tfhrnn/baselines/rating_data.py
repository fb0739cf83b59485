"""What models of ratings are fitted to and asked about, as arrays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from tfhrnn.baselines.checks import require_catalogue, require_users
from tfhrnn.data.catalogue import FIRST_ITEM
from tfhrnn.data.event_log import EventLog
from tfhrnn.evaluation.ratings import rating_rows


class TrainingRatings(NamedTuple):
    """The known ratings of the training users.

    Attributes:
      user: `[ratings]` place among the training users.
      item: `[ratings]` place in the catalogue.
      rating: `[ratings]` float64.
      users: how many training users there are.
      items: how many items there are.
    """

    user: npt.NDArray[np.int64]
    item: npt.NDArray[np.int64]
    rating: npt.NDArray[np.float64]
    users: int
    items: int

    @classmethod
    def of(cls, log: EventLog, train: npt.NDArray[np.integer]) -> TrainingRatings:
        """Reads them off a log, users in the order given.

        Raises:
          DataError: no users, or none with ratings.
        """
        require_users(log, train=train.tolist())
        rows = rating_rows(log, train)
        place = np.full(log.num_users, -1, np.int64)
        place[train] = np.arange(len(train))
        return cls(
            place[rows["user"].to_numpy()],
            rows["item"].to_numpy() - FIRST_ITEM,
            rows["feedback"].to_numpy(),
            len(train),
            log.num_items,
        )

    @property
    def mean(self) -> float:
        """Of all ratings."""
        return float(self.rating.mean())


def asked_ratings(
    log: EventLog, users: npt.NDArray[np.integer], items: int, role: str = "judged"
) -> pl.DataFrame:
    """`rating_rows` of users whose ratings are to be predicted.

    Args:
      log: the events.
      users: `[n]` user indices.
      items: how many there were in fitting.
      role: what to call the users in messages.

    Raises:
      DataError: another catalogue, no users, or none with ratings.
    """
    require_catalogue(log, items)
    require_users(log, **{role: users.tolist()})
    return rating_rows(log, users)


def of_each_user(
    rows: pl.DataFrame, *columns: npt.NDArray[np.generic]
) -> Iterator[tuple[npt.NDArray, ...]]:
    """Cuts arrays with an entry a row into those of each user, whose rows are contiguous."""
    cuts = np.flatnonzero(np.diff(rows["user"].to_numpy())) + 1
    return zip(*(np.split(column, cuts) for column in columns), strict=True)
