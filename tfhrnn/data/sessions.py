"""Gaps between events, and the levels they are cut into (the paper's control signal).

The gap after an event is the time to the same user's next one, in seconds. Thresholds cut gaps into
levels 0, 1, …; one more level marks the start event, which no gap follows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfhrnn.errors import ConfigError

if TYPE_CHECKING:
    from tfhrnn.data.event_log import EventLog

DEFAULT_THRESHOLDS: Final = (60, 3600, 86_400)  # a minute, an hour, a day


def check_thresholds(thresholds: Sequence[int]) -> tuple[int, ...]:
    """Returns thresholds as a tuple of whole seconds.

    Raises:
      ConfigError: they are not positive whole numbers, each greater than the one before.
    """
    values = tuple(thresholds)
    whole = all(isinstance(v, (int, np.integer)) and not isinstance(v, bool) for v in values)
    if not whole or any(v <= 0 for v in values) or list(values) != sorted(set(values)):
        raise ConfigError(
            f"thresholds: got {', '.join(map(str, values))}, expected whole seconds above 0, rising"
        )
    return tuple(int(value) for value in values)


def start_level(thresholds: Sequence[int]) -> int:
    """Returns the level of the start event, one above the longest gaps'.

    >>> start_level((60, 3600, 86400))
    4
    """
    return len(thresholds) + 1


def gap_levels(gaps: ArrayLike, thresholds: Sequence[int]) -> NDArray[np.int32]:
    """Cuts gaps into levels; a gap that equals a threshold belongs above it.

    Args:
      gaps: seconds, any shape.
      thresholds: seconds, rising.

    Returns:
      int32 levels from 0 to len(thresholds), of the same shape.

    >>> gap_levels([0, 59, 60, 3599, 3600, 86399, 86400], (60, 3600, 86400)).tolist()
    [0, 0, 1, 1, 2, 2, 3]
    """
    edges = np.asarray(thresholds, np.int64)
    return np.searchsorted(edges, np.asarray(gaps), side="right").astype(np.int32)


def gaps(log: EventLog) -> NDArray[np.int64]:
    """Returns the gaps within users in seconds, int64 `[events − users]`, in the log's order."""
    within = np.ones(log.num_events, np.bool_)
    within[log.offsets[:-1]] = False
    return np.diff(log.time)[within[1:]]
