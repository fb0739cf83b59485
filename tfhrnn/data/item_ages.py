"""How old items are: days from an item's creation to the last training event."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from tfhrnn.data.catalogue import FIRST_ITEM, Catalogue
from tfhrnn.data.event_log import EventLog

CREATION: Final = "creation_timestamp"  # Personalize's name of the column, in any case
_DAY: Final = 86_400


def item_ages(
    log: EventLog, users: npt.NDArray[np.integer], catalogue: Catalogue
) -> npt.NDArray[np.float32]:
    """Ages of all items when the last training event happened.

    Args:
      log: the events.
      users: indices of the training users.
      catalogue: the items; where it has a number `CREATION_TIMESTAMP`, in Unix seconds, an item
        was created then, else at its first training event.

    Returns:
      `[items]` days, 0 and more; 0 for an item with neither, which nobody has met.
    """
    of_users = np.zeros(log.num_users, np.bool_)
    of_users[users] = True
    chosen = np.repeat(of_users, np.diff(log.offsets))
    item, time = np.asarray(log.item)[chosen] - FIRST_ITEM, np.asarray(log.time)[chosen]
    created: npt.NDArray[np.float64] = np.full(catalogue.num_items, np.inf)
    np.minimum.at(created, item, time.astype(np.float64))
    for spec in catalogue.features.specs if catalogue.features else ():
        if spec.name.lower() == CREATION and spec.kind == "numeric":
            cells = catalogue.frame[spec.name].cast(pl.Float64, strict=False)
            told = cells.fill_null(np.nan).to_numpy()
            created = np.where(np.isfinite(told), told, created)
    last = float(time.max(initial=0))
    known = np.isfinite(created)
    days = np.where(known, last - np.where(known, created, 0.0), 0.0) / _DAY
    return np.maximum(days, 0.0).astype(np.float32)
