"""Gaps between events, and the levels they are cut into (the paper's control signal).

The gap after an event is the time to the same user's next one, in seconds. Thresholds cut gaps into
levels 0, 1, …; one more level marks the start event, which no gap follows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfhrnn.errors import ConfigError

if TYPE_CHECKING:
    from tfhrnn.data.event_log import EventLog

Parts: TypeAlias = Callable[[], Iterable[NDArray[np.int64]]]  # gives gaps anew each time

DEFAULT_THRESHOLDS: Final = (60, 3600, 86_400)  # a minute, an hour, a day
QUANTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
UNITS: Final = (30, 60, 300, 1800, 3600, 21_600, 86_400, 604_800, 2_592_000)  # 30 s to 30 d


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


def gap_quantiles(gaps: ArrayLike, quantiles: Sequence[float] = QUANTILES) -> dict[float, float]:
    """Returns quantile → seconds, empty where there is no gap.

    >>> gap_quantiles([0, 10, 20], (0.5, 1.0))
    {0.5: 10.0, 1.0: 20.0}
    """
    values = np.asarray(gaps)
    if values.size == 0:
        return {}
    return dict(zip(quantiles, np.quantile(values, quantiles).tolist(), strict=True))


def level_shares(gaps: ArrayLike, thresholds: Sequence[int]) -> NDArray[np.float64]:
    """Returns the share of gaps in each level, `[len(thresholds) + 1]`; zeros without gaps.

    >>> level_shares([0, 5, 70, 4000], (60, 3600)).tolist()
    [0.5, 0.25, 0.25]
    """
    counts = np.bincount(gap_levels(gaps, thresholds).ravel(), minlength=len(thresholds) + 1)
    return counts / max(1, counts.sum())


def in_parts(gaps: ArrayLike | Parts) -> Parts:
    """Gaps as what gives them in parts; an array is one."""
    if callable(gaps):
        return gaps
    values = np.asarray(gaps).ravel()
    return lambda: [values]


def propose_thresholds(gaps: ArrayLike | Parts, levels: int = 4) -> tuple[int, ...]:
    """Reads thresholds off a data set's gaps, in units people know (`UNITS`).

    First the break between sessions: the unit from 5 minutes to a day around which the fewest gaps
    lie, within a factor of 2 to either side. Then, while thresholds are wanting, the fullest level
    that a unit can split is split where it becomes most even. A threshold always has gaps on both
    sides; where gaps ask for fewer than wanted (all of them 0, say), `DEFAULT_THRESHOLDS` and then
    the shortest units fill up. Ties go to the shorter unit.

    Args:
      gaps: seconds, any shape, also none; or what gives them in parts, such as
        `tfhrnn.data.log_parts.gap_parts`, so that they need not fit into memory.
      levels: how many levels, 2 to 10.

    Returns:
      levels − 1 thresholds in seconds, rising.

    Raises:
      ConfigError: `levels` is out of range.

    >>> propose_thresholds([0, 0, 10, 40, 45, 100_000, 200_000], levels=3)
    (30, 300)
    """
    if not 2 <= levels <= len(UNITS) + 1:
        raise ConfigError(f"levels: got {levels}, expected 2 to {len(UNITS) + 1}")
    marks = np.array(sorted({edge for u in UNITS for edge in (u // 2, u, 2 * u)}))
    counts, total = np.zeros(len(marks) + 1, np.int64), 0
    for part in in_parts(gaps)():
        places = np.searchsorted(marks, part, side="right")
        counts += np.bincount(places, minlength=len(counts))
        total += len(part)
    # Gaps under each edge; all units are even.
    below = dict(zip(marks.tolist(), np.cumsum(counts[:-1]).tolist(), strict=True))
    chosen: list[int] = []
    breaks = [u for u in UNITS if 300 <= u <= 86_400 and 0 < below[u] < total]
    if breaks:
        near = {u: below[2 * u] - below[u // 2] for u in breaks}
        chosen.append(min(breaks, key=lambda unit: (near[unit], unit)))
    while len(chosen) < levels - 1:
        edges = [0, *sorted(below[unit] for unit in chosen), total]
        splits = []
        for unit in UNITS:
            at = int(np.searchsorted(edges, below[unit], side="right"))
            if unit in chosen or below[unit] in edges or at == len(edges):
                continue
            start, end = edges[at - 1], edges[at]
            splits.append((start - end, abs(start + end - 2 * below[unit]), unit))
        fillers = [unit for unit in (*DEFAULT_THRESHOLDS, *UNITS) if unit not in chosen]
        chosen.append(min(splits)[2] if splits else fillers[0])
    return tuple(sorted(chosen))


def describe_seconds(seconds: float) -> str:
    """Shows a span of time in its largest unit.

    >>> [describe_seconds(s) for s in (0, 45, 90, 3600, 86400 * 2.5)]
    ['0 s', '45 s', '1.5 min', '1 h', '2.5 d']
    """
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.3g} s"
