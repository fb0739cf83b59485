"""What an event log says about itself before a model is chosen: gaps, sessions, repeats, drift.

In goes an event log; out come plain values, ready for JSON. What they advise is
`tfhrnn.evaluation.advice`'s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from tfhrnn.data.catalogue import FIRST_ITEM
from tfhrnn.data.log_parts import event_type_counts, events_with_impressions
from tfhrnn.data.popularity_drift import popularity_drift
from tfhrnn.data.sessions import gap_quantiles, gaps, level_shares, propose_thresholds
from tfhrnn.data.summary import repeat_share, show_time

if TYPE_CHECKING:
    from tfhrnn.data.event_log import EventLog

Ints = npt.NDArray[np.int64]

_QUANTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
_LIMITS: Final = (60, 3600, 86_400, 604_800, 2_592_000)
_POINTS: Final = 60  # of a power law's curve, at most


def diagnose(log: EventLog) -> dict[str, Any]:
    """Gathers what the data say.

    Args:
      log: the events.

    Returns:
      Plain values. `gaps`: how many, `quantiles` in seconds, `zero` the share of 0 seconds,
      `longer_than` seconds → share, `thresholds` of the log and `proposed` ones with the share of
      each level. `sessions`: cut where a gap reaches `break_seconds`; how many, `mean` and `median`
      length, `single` the share with one event, and `power_law` of their lengths. `repeats`: shares
      of events whose item the user had `before`, and had `last`. `items` and `users`: how many, and
      the `power_law` of their events. `event_types`: type ("": unknown) → events.
      `with_impressions`: events that have some. `popularity`: see `popularity_drift`. The rest are
      counts.
    """
    gap = gaps(log)
    item = np.asarray(log.item, np.int64) - FIRST_ITEM
    counts = np.bincount(item, minlength=log.num_items)
    per_user = np.diff(log.offsets)
    proposed = propose_thresholds(gap)
    (pause,) = propose_thresholds(gap, levels=2)
    lengths = session_lengths(log, pause)
    known = ~np.isnan(np.asarray(log.feedback))
    report = log.report
    return {
        "name": log.name,
        "source": report.source,
        "fingerprint": log.fingerprint,
        "events": log.num_events,
        "rows_read": report.rows_read,
        "dropped": dict(report.dropped),
        "first_event": show_time(int(log.time.min())),
        "last_event": show_time(int(log.time.max())),
        "known_feedback": float(known.mean()),
        "event_types": event_type_counts(log),
        "with_impressions": events_with_impressions(log),
        "gaps": {
            "gaps": len(gap),
            "quantiles": {str(q): value for q, value in gap_quantiles(gap, _QUANTILES).items()},
            "zero": float((gap == 0).mean()) if gap.size else 0.0,
            "longer_than": {
                str(limit): float((gap >= limit).mean()) if gap.size else 0.0 for limit in _LIMITS
            },
            "thresholds": list(log.thresholds),
            "level_shares": level_shares(gap, log.thresholds).tolist(),
            "proposed": list(proposed),
            "proposed_shares": level_shares(gap, proposed).tolist(),
        },
        "sessions": {
            "break_seconds": pause,
            "sessions": len(lengths),
            "mean": float(lengths.mean()),
            "median": float(np.median(lengths)),
            "single": float((lengths == 1).mean()),
            "power_law": power_law(lengths),
        },
        "repeats": {"before": repeat_share(log), "last": _same_as_last(log)},
        "items": {
            "items": log.num_items,
            "without_events": int((counts == 0).sum()),
            "head_share": _head_share(counts),
            "has_features": log.catalogue.features is not None,
            "power_law": power_law(counts[counts > 0]),
        },
        "users": {
            "users": log.num_users,
            "median": float(np.median(per_user)),
            "single": float((per_user == 1).mean()),
            "power_law": power_law(per_user),
        },
        "popularity": popularity_drift(item, np.asarray(log.time, np.int64), log.num_items),
    }


def session_lengths(log: EventLog, pause: int) -> Ints:
    """Events of each session, int64 `[sessions]`; a gap of `pause` seconds or more ends one."""
    begins = np.zeros(log.num_events, np.bool_)
    begins[1:] = np.diff(log.time) >= pause
    begins[log.offsets[:-1]] = True
    return np.diff(np.append(np.flatnonzero(begins), log.num_events))


def power_law(counts: Ints) -> dict[str, Any]:
    """Fits log(how many have at least n) as a straight line over log n.

    Args:
      counts: positive, one for each that is counted.

    Returns:
      `points`, at most 60 pairs (n, how many have n or more), n evenly apart in the logarithm;
      `slope` of the line through them and `rmse` in the logarithm, None of both with fewer than
      three points.

    >>> law = power_law(np.repeat([1, 2, 4, 8], [40, 20, 10, 10]))  # 80, 40, 20, 10 or more
    >>> law["points"], round(law["slope"], 6), round(law["rmse"], 6)
    ([[1, 80], [2, 40], [4, 20], [8, 10]], -1.0, 0.0)
    """
    values, numbers = np.unique(np.asarray(counts), return_counts=True)
    at_least = np.cumsum(numbers[::-1])[::-1]
    grid = np.geomspace(values[0], values[-1], _POINTS)
    chosen = np.unique(np.searchsorted(values, grid * (1 - 1e-9)).clip(max=len(values) - 1))
    points = np.stack([values[chosen], at_least[chosen]], axis=1)
    if len(points) < 3:
        return {"points": points.tolist(), "slope": None, "rmse": None}
    x, y = np.log(points.T)
    slope, start = np.polyfit(x, y, 1)
    rmse = float(np.sqrt(np.mean((slope * x + start - y) ** 2)))
    return {"points": points.tolist(), "slope": float(slope), "rmse": rmse}


def _same_as_last(log: EventLog) -> float:
    """The share of events whose item is that of the same user's last event."""
    same = np.asarray(log.item[1:] == log.item[:-1])
    same[log.offsets[1:-1] - 1] = False
    return float(same.sum() / log.num_events)


def _head_share(counts: Ints) -> float:
    """The share of events of the most popular hundredth of the items with events."""
    rising = np.sort(counts[counts > 0])
    head = max(1, round(len(rising) / 100))
    return float(rising[-head:].sum() / rising.sum())
