"""The gap sweep of the paper's Table 5: the same user asked after longer and longer breaks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tfhrnn.data.catalogue import FIRST_ITEM
from tfhrnn.data.event_log import EventLog
from tfhrnn.histories import Histories
from tfhrnn.predictor import Predictor
from tfhrnn.progress import step

GAPS = (0, 60, 3600, 86400)
_BATCH = 32


def sweep_user(
    predictor: Predictor,
    log: EventLog,
    user: int,
    popularity: npt.NDArray[np.floating],
    *,
    gaps: Sequence[int] = GAPS,
    k: int = 5,
) -> list[dict[str, Any]]:
    """One user's top k at each gap after the last event.

    Args:
      predictor: what answers.
      log: the events.
      user: index.
      popularity: `[items]` share of the training and validation users' events.
      gaps: seconds.
      k: items a gap.

    Returns:
      A record a gap: `gap_seconds`, `level`, and `top` with item, title, genres, log_probability
      and popularity.
    """
    histories = Histories.from_log(log, [user] * len(gaps))
    ids, log_p = predictor.answer(
        histories, query_time=histories.last_times + np.asarray(gaps), k=k
    )
    levels = predictor.levels(np.asarray(gaps))
    return [
        {
            "gap_seconds": int(gap),
            "level": int(levels[row]),
            "top": [
                {
                    **describe(log, item),
                    "log_probability": float(p),
                    "popularity": _share(log, item, popularity),
                }
                for item, p in zip(ids[row], log_p[row], strict=True)
                if item
            ],
        }
        for row, gap in enumerate(gaps)
    ]


def sweep_users(
    predictor: Predictor,
    log: EventLog,
    users: npt.NDArray[np.integer],
    popularity: npt.NDArray[np.floating],
    *,
    gaps: Sequence[int] = GAPS,
) -> list[dict[str, Any]]:
    """Mean popularity of the top-1 over users at each gap, with its standard error."""
    _, found = top_items(predictor, log, users, gaps=gaps, k=1)
    shares = np.asarray(popularity, np.float64)[found[..., 0]]
    levels = predictor.levels(np.asarray(gaps))
    return [
        {
            "gap_seconds": int(gap),
            "level": int(levels[row]),
            "users": len(users),
            "mean_popularity": float(shares[row].mean()),
            "standard_error": float(shares[row].std(ddof=1) / np.sqrt(len(users)))
            if len(users) > 1
            else 0.0,
        }
        for row, gap in enumerate(gaps)
    ]


def top_items(
    predictor: Predictor,
    log: EventLog,
    users: npt.NDArray[np.integer],
    *,
    gaps: Sequence[int] = GAPS,
    k: int = 5,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The top k of many users at each gap after their last events.

    Args:
      predictor: what answers.
      log: the events.
      users: `[users]` indices.
      gaps: seconds.
      k: items a gap, no more than there are.

    Returns:
      `[users]` indices by length of history, and `[gaps, users, k]` rows of the catalogue.
    """
    lengths = log.offsets[np.asarray(users) + 1] - log.offsets[np.asarray(users)]
    ordered = np.asarray(users, np.int64)[np.argsort(lengths, kind="stable")]
    found = np.zeros((len(gaps), len(ordered), k), np.int64)
    with step(f"asking for {len(ordered):,} users after {len(gaps)} gaps", len(ordered)) as done:
        for begin in range(0, len(ordered), _BATCH):
            some = slice(begin, begin + _BATCH)
            histories = Histories.from_log(log, ordered[some].tolist())
            for row, gap in enumerate(gaps):
                ids, _ = predictor.answer(histories, query_time=histories.last_times + gap, k=k)
                found[row, some] = [[log.catalogue.index_of(item) for item in top] for top in ids]
            done(min(begin + _BATCH, len(ordered)))
    return ordered, found - FIRST_ITEM


def history_rows(log: EventLog, user: int, last: int = 5) -> list[dict[str, Any]]:
    """A user's last events in the form of the paper's Table 4, oldest first."""
    histories = Histories.from_log(log, [user])
    items, times, feedback = histories.items[0], histories.times[0], histories.feedback[0]
    return [
        {
            **describe(log, items[at]),
            "seconds_before": int(times[-1] - times[at]),
            "feedback": None if np.isnan(feedback[at]) else float(feedback[at]),
        }
        for at in range(max(len(items) - last, 0), len(items))
    ]


def describe(log: EventLog, item: str) -> dict[str, str]:
    """An item's id, title and genres ("" where the data has none)."""
    row = log.catalogue.frame.row(log.catalogue.index_of(item) - FIRST_ITEM, named=True)
    genres = row.get("genres") or ""
    text = genres if isinstance(genres, str) else "|".join(map(str, genres))
    return {"item": item, "title": row.get("title") or "", "genres": text}


def _share(log: EventLog, item: str, popularity: npt.NDArray[np.floating]) -> float:
    return float(popularity[log.catalogue.index_of(item) - FIRST_ITEM])
