"""Simulated sessions: one item throughout a session, the next item in the next session.

The paper: "sequences containing random numbers (0-5) of sessions, each of which contains a random
number (1-5) of items. The item ids remain the same within a session and increment by 1 between
sessions" (Ma and Narayanaswamy, section 3, Table 1). Read here as: both numbers are uniform, ends
included; every sequence begins at the first item; events of a session are half a minute apart,
sessions a day or more, so that the level of a gap tells a session's end.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from tfhrnn.data.simulate import DAY

MOST_SESSIONS: Final = 5
LONGEST_SESSION: Final = 5
_STEP: Final = 30  # seconds between the events of a session
_FIRST: Final = 1_600_000_000


def simulate_sessions(sequences: int, *, seed: int = 0) -> pl.DataFrame:
    """Draws a table of interactions.

    Args:
      sequences: how many; a sixth of them have no session and so no row.
      seed: of all draws. The first n sequences are the same whatever `sequences` is.

    Returns:
      `user_id` (the sequence's number), `item_id` ("0" to "4", the number of the session) and
      `timestamp` (Unix seconds), in order.
    """
    users, items, times = [], [], []
    for user in range(sequences):
        rng = np.random.default_rng([seed, user])
        lengths = rng.integers(1, LONGEST_SESSION + 1, size=rng.integers(MOST_SESSIONS + 1))
        item = np.repeat(np.arange(len(lengths)), lengths)
        begins = np.diff(item, prepend=0) == 1
        gaps = np.where(begins, DAY + rng.integers(DAY, size=len(item)), _STEP)
        users.append(np.full(len(item), user))
        items.append(item)
        times.append(_FIRST + rng.integers(DAY) + np.cumsum(gaps))
    columns = {"user_id": users, "item_id": items, "timestamp": times}
    frame = pl.DataFrame({name: np.concatenate(parts) for name, parts in columns.items()})
    return frame.with_columns(pl.col("user_id", "item_id").cast(pl.String))
