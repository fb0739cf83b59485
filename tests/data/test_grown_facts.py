"""Facts of a grown log keep the units that a model's weights were learned in."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tfhrnn.config import ModelConfig, preset
from tfhrnn.data.append import append_events, recoded, rows_before
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.facts import (
    StatisticsScale,
    TrainingFacts,
    item_counts,
    item_statistics,
    training_facts,
)
from tfhrnn.data.grown_facts import grown_facts, new_to_training

CONFIG = preset("best", {"item_factors": 3}).model
USERS = np.arange(30)  # of the forty


@pytest.fixture(scope="module")
def grown(tiny_log: EventLog, tmp_path_factory: pytest.TempPathFactory) -> EventLog:
    """The small world, with film 30 in between two known ones for five users, and film 31 cold."""
    rows = [
        (f"u{user}", item, 2_000_000_000 + at, 5.0)
        for user in range(5)
        for at, item in enumerate(("film 3, é", "film 30", "film 4, é"))
    ]
    names = ["user_id", "item_id", "timestamp", "feedback"]
    items = pl.DataFrame({"item_id": ["film 31"], "genres": ["Horror"]})
    place: Path = tmp_path_factory.mktemp("grown") / "log"
    new = pl.DataFrame(rows, schema=names, orient="row")
    return append_events(tiny_log, new, place, items=items)


@pytest.fixture(scope="module")
def facts(tiny_log: EventLog) -> TrainingFacts:
    return training_facts(tiny_log, USERS, CONFIG)


def test_without_new_events_nothing_changes(
    tiny_log: EventLog, grown: EventLog, facts: TrainingFacts
) -> None:
    same = grown_facts(facts, tiny_log, USERS, tiny_log, USERS, CONFIG)
    for field in dataclasses.fields(facts):
        np.testing.assert_array_equal(getattr(same, field.name), getattr(facts, field.name))
    larger = recoded(tiny_log, grown.catalogue)
    found = grown_facts(facts, tiny_log, USERS, larger, USERS, CONFIG)
    rows = rows_before(tiny_log.catalogue, grown.catalogue)
    np.testing.assert_array_equal(found.item_features[rows >= 0], facts.item_features)
    np.testing.assert_array_equal(found.item_counts[rows >= 0], facts.item_counts)
    # Genres, four statistics that are unknown, two flags that say so, and no factors.
    new = found.item_features[grown.catalogue.ids.index("film 31")]
    np.testing.assert_array_equal(new, [0, 0, 1, 0, 0, 0, 0, 1, 1, 0, 0, 0])


def test_new_items_are_measured_by_the_scale_of_before(
    tiny_log: EventLog, grown: EventLog, facts: TrainingFacts
) -> None:
    found = grown_facts(facts, tiny_log, USERS, grown, USERS, CONFIG)
    scale = StatisticsScale(*facts.statistics_scale)
    statistics = found.item_features[:, 3:9]
    np.testing.assert_array_equal(statistics, item_statistics(grown, USERS, scale))
    np.testing.assert_array_equal(found.item_counts, item_counts(grown, USERS))
    rows = rows_before(tiny_log.catalogue, grown.catalogue)
    trained = (rows >= 0) & (facts.item_counts[rows] > 0)
    np.testing.assert_array_equal(
        found.item_features[trained, -3:], facts.item_features[rows[trained], -3:]
    )
    new = grown.catalogue.ids.index("film 30")
    known = sum(grown.user_ids[user] in ("u0", "u1", "u2", "u3", "u4") for user in USERS)
    assert found.item_counts[new] == known > 0 and np.abs(found.item_features[new, -3:]).max() > 0
    kept = ("feedback_mean", "feedback_std", "first_time", "last_time", "seen_bias", "user_width")
    for name in kept:
        assert getattr(found, name) == getattr(facts, name)


def test_a_scale_that_was_not_kept_is_told_again(
    tiny_log: EventLog, grown: EventLog, facts: TrainingFacts
) -> None:
    bare = dataclasses.replace(facts, statistics_scale=())
    one, other = (
        grown_facts(given, tiny_log, USERS, grown, USERS, CONFIG) for given in (facts, bare)
    )
    np.testing.assert_array_equal(one.item_features, other.item_features)


def test_a_model_that_reads_no_features_has_none(tiny_log: EventLog, grown: EventLog) -> None:
    config = ModelConfig()
    facts = training_facts(tiny_log, USERS, config)
    found = grown_facts(facts, tiny_log, USERS, grown, USERS, config)
    assert found.item_features.shape == (32, 0) and len(found.item_counts) == 32


def test_new_items_and_cold_ones_that_warm_up_are_new_to_training(facts: TrainingFacts) -> None:
    before = dataclasses.replace(facts, item_counts=np.array([4, 0, 0]))
    after = dataclasses.replace(facts, item_counts=np.array([4, 0, 2, 7, 0]))
    rows = np.array([0, 1, 2, -1, -1])
    found = new_to_training(before, rows, after)
    assert found.tolist() == [False, False, True, True, True]
