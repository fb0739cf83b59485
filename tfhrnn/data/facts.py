"""What a model takes from its training users before it is built.

Counts, ranges, item statistics and the share of repeats.

Test and validation users are left out, so nothing that is judged leaks into features or starting
values. The query-time range and the item statistics are therefore those of the training users.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tfhrnn.config import ModelConfig
from tfhrnn.data.catalogue import FIRST_ITEM
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.item_factors import item_factors
from tfhrnn.errors import ConfigError


@dataclass(frozen=True)
class TrainingFacts:
    """Facts of the training users.

    Attributes:
      item_features: `[items, width]` float32 encoded features, then the statistics and the factors
        where the model uses them.
      item_counts: `[items]` int64 training events of each item; 0 makes it a cold item.
      feedback_mean: of the known feedback.
      feedback_std: of the same; 1 where it does not vary.
      first_time: Unix seconds of the first training event.
      last_time: Unix seconds of the last one.
      median_gap: seconds, the middle gap between a user's events.
      user_width: width of the encoded user features.
      seen_bias: where the seen-item bias starts.
      event_types: the types of the log's events, those of `Batch.event_type` from 1 on.
    """

    item_features: npt.NDArray[np.float32]
    item_counts: npt.NDArray[np.int64]
    feedback_mean: float
    feedback_std: float
    first_time: int
    last_time: int
    median_gap: int
    user_width: int
    seen_bias: float
    event_types: tuple[str, ...] = ()


def events_of(log: EventLog, users: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    """Positions in the log of all events of some users, user by user."""
    return np.concatenate([np.arange(log.offsets[u], log.offsets[u + 1]) for u in users]).astype(
        np.int64
    )


def item_counts(log: EventLog, users: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    """Events of each item `[items]` among some users."""
    items = np.asarray(log.item)[events_of(log, users)] - FIRST_ITEM
    return np.bincount(items, minlength=log.catalogue.num_items).astype(np.int64)


def item_statistics(log: EventLog, users: npt.NDArray[np.integer]) -> npt.NDArray[np.float32]:
    """Popularity, mean feedback and entry date of each item, standardised.

    Returns:
      `[items, 6]` float32: log popularity and its half square, mean feedback (shrunk to the overall
      mean by 5 events), date of the item's first event, "has no events", "has no feedback"; 0 where
      unknown.
    """
    events = events_of(log, users)
    item = np.asarray(log.item)[events] - FIRST_ITEM
    time, feedback = (
        np.asarray(log.time)[events],
        np.asarray(log.feedback)[events].astype(np.float64),
    )
    size = log.catalogue.num_items
    counts = np.bincount(item, minlength=size).astype(np.float64)
    known = np.isfinite(feedback)
    rated = np.bincount(item[known], minlength=size)
    mean = feedback[known].mean() if known.any() else 0.0
    total = np.bincount(item[known], weights=feedback[known], minlength=size)
    first = np.full(size, np.inf)
    np.minimum.at(first, item, time.astype(np.float64))
    popularity = _standardised(np.log1p(counts), counts > 0)
    columns = [
        popularity,
        0.5 * popularity**2,
        _standardised((total + 5 * mean) / (rated + 5), rated > 0),
        _standardised(first, counts > 0),
        (counts == 0).astype(np.float64),
        (rated == 0).astype(np.float64),
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def _standardised(
    values: npt.NDArray[np.float64], known: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float64]:
    """Values less their mean over their deviation, both of the known ones; 0 elsewhere."""
    if not known.any():
        return np.zeros(len(values))
    spread = values[known].std() or 1.0
    return np.where(known, (np.where(known, values, 0.0) - values[known].mean()) / spread, 0.0)


def seen_bias_start(log: EventLog, users: npt.NDArray[np.integer]) -> float:
    """Where the seen scalar starts: log odds of a repeat, less those of a draw by popularity."""
    shares = item_counts(log, users) + 1.0
    shares /= shares.sum()
    repeats = targets = 0
    mass = 0.0
    for user in users:
        items = np.asarray(log.item[log.offsets[user] : log.offsets[user + 1]]) - FIRST_ITEM
        _, first = np.unique(items, return_index=True)
        new = np.zeros(len(items))
        new[first] = shares[items[first]]
        repeats += len(items) - len(first)
        targets += len(items)
        mass += float(np.cumsum(new)[:-1].sum())
    repeated = (repeats + 1) / (targets + 2)
    expected = min(max(mass / max(targets, 1), 1e-6), 1 - 1e-6)
    return float(np.log(repeated / (1 - repeated)) - np.log(expected / (1 - expected)))


def training_facts(
    log: EventLog, users: npt.NDArray[np.integer], config: ModelConfig
) -> TrainingFacts:
    """Reads the facts off the events of the training users.

    Raises:
      ConfigError: the model reads event types, and the log has none.
    """
    if config.event_types and not log.event_types:
        raise ConfigError(
            f"event_types: {log.name or log.directory} has no types of events, expected false, or "
            "interactions with a column event_type (--map event_type=COLUMN when they are prepared)"
        )
    events = events_of(log, users)
    time, feedback = np.asarray(log.time)[events], np.asarray(log.feedback)[events]
    known = feedback[np.isfinite(feedback)].astype(np.float64)
    gaps = np.concatenate([np.diff(log.time[log.offsets[u] : log.offsets[u + 1]]) for u in users])
    features = log.catalogue.feature_matrix
    if not config.item_features:
        features = features[:, :0]
    if config.item_statistics:
        features = np.concatenate([features, item_statistics(log, users)], axis=1)
    if config.item_factors:
        factors = item_factors(log, users, config.item_factors)
        features = np.concatenate([features, factors], axis=1)
    return TrainingFacts(
        item_features=features,
        item_counts=item_counts(log, users),
        feedback_mean=float(known.mean()) if len(known) else 0.0,
        feedback_std=float(known.std() or 1.0) if len(known) else 1.0,
        first_time=int(time.min()),
        last_time=int(time.max()),
        median_gap=int(np.median(gaps)) if len(gaps) else 0,
        user_width=log.user_matrix.shape[1],
        seen_bias=seen_bias_start(log, users),
        event_types=log.event_types,
    )
