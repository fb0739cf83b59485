"""Facts of the training users, against hand-worked numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tfhrnn.config import ModelConfig
from tfhrnn.data.event_log import EventLog, write_event_log
from tfhrnn.data.facts import (
    FEWEST_OF_A_TYPE,
    item_counts,
    item_statistics,
    seen_bias_start,
    statistics_scale,
    training_facts,
)
from tfhrnn.errors import ConfigError


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> EventLog:
    """Users 0 and 1 train; user 2 would leak: it alone has item c and the latest time."""
    frame = pl.DataFrame(
        {
            "user_id": ["0", "0", "0", "1", "2", "2"],
            "item_id": ["a", "b", "a", "a", "c", "c"],
            "timestamp": [100, 110, 150, 400, 900, 990],
            "feedback": [1.0, 5.0, 3.0, None, 1.0, 1.0],
        }
    )
    return write_event_log(frame, tmp_path_factory.mktemp("facts") / "log")


TRAIN = np.array([0, 1])


def test_only_training_users_are_counted(log: EventLog) -> None:
    assert item_counts(log, TRAIN).tolist() == [3, 1, 0]
    facts = training_facts(log, TRAIN, ModelConfig())
    assert (facts.first_time, facts.last_time) == (100, 400)
    assert facts.feedback_mean == pytest.approx(3.0)
    assert facts.feedback_std == pytest.approx(np.std([1, 5, 3]))
    assert facts.median_gap == 25  # of 10 and 40
    assert facts.item_features.shape == (3, 0) and facts.user_width == 0


def test_event_types_are_those_of_the_log(log: EventLog, typed_log: EventLog) -> None:
    facts = training_facts(typed_log, TRAIN, ModelConfig(event_types=True))
    assert facts.event_types == ("buy", "view, é")
    with pytest.raises(ConfigError, match=r"event_types: .*log has no types of events, expected"):
        training_facts(log, TRAIN, ModelConfig(event_types=True))
    assert training_facts(log, TRAIN, ModelConfig()).event_types == ()


def test_each_type_has_a_scale_of_its_own_where_enough_is_known(tmp_path: Path) -> None:
    rows = 2 * FEWEST_OF_A_TYPE
    frame = pl.DataFrame(
        {
            "user": [n % 3 for n in range(rows)],
            "item": [n % 7 for n in range(rows)],
            "time": range(rows),
            "rating": [None if n == 1 else 100.0 + n if n % 2 else n / rows for n in range(rows)],
            "event_type": ["buy" if n % 2 else "watch" for n in range(rows - 1)] + [None],
        },
        strict=False,
    )
    log = write_event_log(frame, tmp_path / "log")
    both = ModelConfig(event_types=True, feedback=True)
    unknown, buy, watch = training_facts(log, np.arange(3), both).feedback_by_type
    known = np.asarray(log.feedback)[np.isfinite(log.feedback)].astype(np.float64)
    assert unknown == buy == pytest.approx((known.mean(), known.std()))  # too few of buy are known
    shares = np.arange(0, rows, 2) / rows
    assert watch == pytest.approx((shares.mean(), shares.std()))
    for one in (ModelConfig(feedback=True), ModelConfig(event_types=True)):
        assert training_facts(log, np.arange(3), one).feedback_by_type == ()


def test_statistics_standardise_over_items_that_have_them(log: EventLog) -> None:
    found = item_statistics(log, TRAIN)
    assert found.shape == (3, 6)
    counts = np.log1p([3, 1])
    np.testing.assert_allclose(found[:2, 0], (counts - counts.mean()) / counts.std(), atol=1e-6)
    np.testing.assert_allclose(found[:, 1], found[:, 0] ** 2 / 2, atol=1e-6)
    # Mean feedback shrunk by 5 events of the overall 3: a (1 + 3 + 15) / 7, b (5 + 15) / 6.
    means = np.array([19 / 7, 20 / 6])
    np.testing.assert_allclose(found[:2, 2], (means - means.mean()) / means.std(), atol=1e-6)
    np.testing.assert_allclose(found[:2, 3], [-1, 1], atol=1e-6)  # a enters first
    assert found[:, 4].tolist() == [0, 0, 1] and found[:, 5].tolist() == [0, 0, 1]
    assert found[2, :4].tolist() == [0, 0, 0, 0]


def test_statistics_are_appended_to_the_features(log: EventLog) -> None:
    facts = training_facts(log, TRAIN, ModelConfig(item_statistics=True))
    np.testing.assert_array_equal(facts.item_features, item_statistics(log, TRAIN))


def test_seen_bias_starts_at_the_log_odds_ratio_of_a_repeat(log: EventLog) -> None:
    # Shares of (3, 1, 0) + 1: 4/7, 2/7, 1/7. Before user 0's targets: 0, 4/7, 6/7 seen; before user
    # 1's: 0.
    expected = (4 / 7 + 6 / 7) / 4
    repeated = (1 + 1) / (4 + 2)  # a comes back once in 4 targets
    wanted = np.log(repeated / (1 - repeated)) - np.log(expected / (1 - expected))
    assert seen_bias_start(log, TRAIN) == pytest.approx(wanted)


def test_data_without_feedback_has_neutral_facts(tmp_path_factory: pytest.TempPathFactory) -> None:
    frame = pl.DataFrame({"user_id": ["0", "1"], "item_id": ["a", "b"], "timestamp": [5, 5]})
    bare = write_event_log(frame, tmp_path_factory.mktemp("bare") / "log")
    facts = training_facts(bare, np.array([0, 1]), ModelConfig(item_statistics=True))
    assert (facts.feedback_mean, facts.feedback_std, facts.median_gap) == (0, 1, 0)
    assert np.all(np.isfinite(facts.item_features)) and np.isfinite(facts.seen_bias)


def test_the_scale_of_other_events_measures_these(log: EventLog) -> None:
    scale = statistics_scale(log, TRAIN)
    own = training_facts(log, TRAIN, ModelConfig(item_statistics=True))
    assert own.statistics_scale == scale
    np.testing.assert_array_equal(item_statistics(log, TRAIN, scale), item_statistics(log, TRAIN))
    # All three users: 6 events, counts 3, 1, 2 in proportion 4/6; c is disliked and enters late.
    found = item_statistics(log, np.arange(3), scale)
    counts = np.log1p([3, 1])
    expected = (np.log1p(np.array([3, 1, 2]) * 4 / 6) - counts.mean()) / counts.std()
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-5)
    means = np.array([19 / 7, 20 / 6])
    liking = (np.array([19 / 7, 20 / 6, 17 / 7]) - means.mean()) / means.std()
    np.testing.assert_allclose(found[:, 2], liking, rtol=1e-5)
    # First events at 100 and 110: mean 105, deviation 5. That at 900 is read as at 110.
    np.testing.assert_allclose(found[:, 3], [-1, 1, 1], rtol=1e-6)
    assert found[:, 4:].sum() == 0
