"""Facts of a grown log in the units of the facts that a model was trained with.

Whatever the model's weights multiply keeps its scale: encoded features, statistics, the
coordinates of the item factors, feedback and the range of times. Counts and statistics are told
anew; factors of items that had training events stay, and those of items that are new to training
are folded in.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from tfhrnn.config import ModelConfig
from tfhrnn.data.append import rows_before
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.facts import (
    StatisticsScale,
    TrainingFacts,
    item_counts,
    item_statistics,
    median_gap,
    statistics_scale,
)
from tfhrnn.data.item_factors import extend_factors


def grown_facts(
    facts: TrainingFacts,
    before: EventLog,
    users_before: npt.NDArray[np.integer],
    grown: EventLog,
    users: npt.NDArray[np.integer],
    config: ModelConfig,
) -> TrainingFacts:
    """Facts of a grown log.

    The range of times stays too: an embedding of the query time reads what comes later as the end
    of the range, where training goes on.

    Args:
      facts: those of before.
      before: the log that they are of.
      users_before: `[n]` its training users.
      grown: a log that holds every item of `before`.
      users: `[m]` its training users.
      config: of the model.

    Returns:
      `facts` with features and counts of the grown catalogue.

    Raises:
      RunError: `grown` lacks an item of before.
    """
    rows = rows_before(before.catalogue, grown.catalogue)
    features = grown.catalogue.feature_matrix
    if not config.item_features:
        features = features[:, :0]
    if config.item_statistics:
        # Runs of the first version do not keep the scale; it can be told again from their log.
        scale = facts.statistics_scale or statistics_scale(before, users_before)
        statistics = item_statistics(grown, users, StatisticsScale(*scale))
        features = np.concatenate([features, statistics], axis=1)
    width = facts.item_features.shape[1] - features.shape[1]
    if width:
        factors = facts.item_features[rows, -width:]
        known = (rows >= 0) & (facts.item_counts[rows] > 0)
        features = np.concatenate([features, extend_factors(factors, known, grown, users)], axis=1)
    return dataclasses.replace(
        facts,
        item_features=features,
        item_counts=item_counts(grown, users),
        median_gap=median_gap(grown, users),
    )


def new_to_training(
    facts: TrainingFacts, rows: npt.NDArray[np.integer], grown: TrainingFacts
) -> npt.NDArray[np.bool_]:
    """Which items of a grown catalogue have no embedding of their own yet, `[items]`.

    Args:
      facts: those of before.
      rows: `[items]` where each item stood before, -1 for new ones; see `rows_before`.
      grown: those of the grown log.

    Returns:
      True for new items, and for cold ones that now have training events.
    """
    cold = facts.item_counts[rows] == 0
    return np.where(rows < 0, True, cold & (grown.item_counts > 0))
