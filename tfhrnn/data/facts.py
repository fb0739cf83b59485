"""What a model takes from its training users before it is built.

Counts, ranges, item statistics and the share of repeats.

Test and validation users are left out, so nothing that is judged leaks into features or starting
values. The query-time range and the item statistics are therefore those of the training users.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

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
      statistics_scale: a `StatisticsScale` where item statistics are among the features; items and
        events that come later are measured by it.
      feedback_by_type: mean and std of each type's known feedback, unknown types first, where a
        model reads both: a price and a watched share have scales of their own. A type with fewer
        than `FEWEST_OF_A_TYPE` known ones takes those of all.
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
    statistics_scale: tuple[float, ...] = ()
    feedback_by_type: tuple[tuple[float, float], ...] = ()


class StatisticsScale(NamedTuple):
    """By what item statistics are standardised.

    Attributes:
      events: how many events popularity is counted in; counts among more or fewer are taken in
        proportion.
      feedback: the mean of the known feedback, to which an item's own is shrunk.
      popularity_mean: of log(1 + count) over the items with events.
      popularity_std: of the same.
      feedback_mean: of the shrunk mean feedback over the items that have any.
      feedback_std: of the same.
      entry_mean: of the first event's Unix seconds over the items with events.
      entry_std: of the same.
      entry_first: the earliest of them.
      entry_last: the latest; what enters later is read as entering then, for a date far outside of
        what weights were learned on would outweigh all else.
    """

    events: float
    feedback: float
    popularity_mean: float
    popularity_std: float
    feedback_mean: float
    feedback_std: float
    entry_mean: float
    entry_std: float
    entry_first: float
    entry_last: float


def events_of(log: EventLog, users: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    """Positions in the log of all events of some users, user by user."""
    return np.concatenate([np.arange(log.offsets[u], log.offsets[u + 1]) for u in users]).astype(
        np.int64
    )


def item_counts(log: EventLog, users: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    """Events of each item `[items]` among some users."""
    items = np.asarray(log.item)[events_of(log, users)] - FIRST_ITEM
    return np.bincount(items, minlength=log.catalogue.num_items).astype(np.int64)


FEWEST_OF_A_TYPE: Final = 30

# What `item_statistics` says of an item that nobody met.
STATISTICS_WITHOUT_EVENTS: Final = (0.0, 0.0, 0.0, 0.0, 1.0, 1.0)


class _Tally(NamedTuple):
    """Counts of each item `[items]`: events, those with feedback, its sum, the first time."""

    events: npt.NDArray[np.float64]
    rated: npt.NDArray[np.float64]
    feedback: npt.NDArray[np.float64]
    first: npt.NDArray[np.float64]
    mean: float


def _tally(log: EventLog, users: npt.NDArray[np.integer]) -> _Tally:
    events = events_of(log, users)
    item = np.asarray(log.item)[events] - FIRST_ITEM
    time, feedback = (
        np.asarray(log.time)[events],
        np.asarray(log.feedback)[events].astype(np.float64),
    )
    size = log.catalogue.num_items
    known = np.isfinite(feedback)
    first = np.full(size, np.inf)
    np.minimum.at(first, item, time.astype(np.float64))
    return _Tally(
        np.bincount(item, minlength=size).astype(np.float64),
        np.bincount(item[known], minlength=size).astype(np.float64),
        np.bincount(item[known], weights=feedback[known], minlength=size).astype(np.float64),
        first,
        float(feedback[known].mean()) if known.any() else 0.0,
    )


def statistics_scale(log: EventLog, users: npt.NDArray[np.integer]) -> StatisticsScale:
    """The scale of the statistics of some users' events."""
    tally = _tally(log, users)
    entries = tally.first[tally.events > 0].tolist()
    return StatisticsScale(
        float(tally.events.sum()),
        tally.mean,
        *_scale(np.log1p(tally.events), tally.events > 0),
        *_scale((tally.feedback + 5 * tally.mean) / (tally.rated + 5), tally.rated > 0),
        *_scale(tally.first, tally.events > 0),
        *((min(entries), max(entries)) if entries else (0.0, 0.0)),
    )


def item_statistics(
    log: EventLog, users: npt.NDArray[np.integer], scale: StatisticsScale | None = None
) -> npt.NDArray[np.float32]:
    """Popularity, mean feedback and entry date of each item, standardised.

    Args:
      log: the events.
      users: `[n]` user indices; only theirs are counted.
      scale: by which to standardise; that of these very events if left out.

    Returns:
      `[items, 6]` float32: log popularity and its half square, mean feedback (shrunk to the overall
      mean by 5 events), date of the item's first event, "has no events", "has no feedback"; 0 where
      unknown.
    """
    scale = scale or statistics_scale(log, users)
    counts, rated, total, first, _ = _tally(log, users)
    share = scale.events / max(counts.sum(), 1.0)
    popularity = _standardised(
        np.log1p(counts * share), counts > 0, scale.popularity_mean, scale.popularity_std
    )
    entry = np.clip(first, scale.entry_first, scale.entry_last)
    liking = (total + 5 * scale.feedback) / (rated + 5)
    columns = [
        popularity,
        0.5 * popularity**2,
        _standardised(liking, rated > 0, scale.feedback_mean, scale.feedback_std),
        _standardised(entry, counts > 0, scale.entry_mean, scale.entry_std),
        (counts == 0).astype(np.float64),
        (rated == 0).astype(np.float64),
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def _scale(values: npt.NDArray[np.float64], known: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Mean and deviation of the known values; 1 where they do not vary, 0 and 1 for none."""
    if not known.any():
        return 0.0, 1.0
    return float(values[known].mean()), float(values[known].std() or 1.0)


def _standardised(
    values: npt.NDArray[np.float64], known: npt.NDArray[np.bool_], mean: float, std: float
) -> npt.NDArray[np.float64]:
    """Values less the mean over the deviation; 0 for unknown ones."""
    return np.where(known, (np.where(known, values, 0.0) - mean) / std, 0.0)


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


def median_gap(log: EventLog, users: npt.NDArray[np.integer]) -> int:
    """The middle gap between some users' events, in seconds; 0 without any."""
    gaps = np.concatenate([np.diff(log.time[log.offsets[u] : log.offsets[u + 1]]) for u in users])
    return int(np.median(gaps)) if len(gaps) else 0


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
    features = log.catalogue.feature_matrix
    if not config.item_features:
        features = features[:, :0]
    scale = statistics_scale(log, users) if config.item_statistics else None
    if scale is not None:
        features = np.concatenate([features, item_statistics(log, users, scale)], axis=1)
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
        median_gap=median_gap(log, users),
        user_width=log.user_matrix.shape[1],
        seen_bias=seen_bias_start(log, users),
        event_types=log.event_types,
        statistics_scale=scale or (),
        feedback_by_type=feedback_by_type(log, events)
        if config.feedback and config.event_types
        else (),
    )


def feedback_by_type(
    log: EventLog, events: npt.NDArray[np.int64]
) -> tuple[tuple[float, float], ...]:
    """Mean and standard deviation of the known feedback of each type, unknown types first.

    Args:
      log: the events.
      events: positions of those that count.
    """
    feedback = np.asarray(log.feedback)[events].astype(np.float64)
    kind = np.asarray(log.event_type)[events]
    known = np.isfinite(feedback)
    found = []
    for number in range(len(log.event_types) + 1):
        own = feedback[known & (kind == number)]
        if len(own) < FEWEST_OF_A_TYPE or number == 0:
            own = feedback[known]
        scale = (float(own.mean()), float(own.std() or 1.0)) if len(own) else (0.0, 1.0)
        found.append(scale)
    return tuple(found)
