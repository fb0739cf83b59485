"""A log without some items: the rest of it is as it was."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfhrnn.config import ModelConfig
from tfhrnn.data.cold_items import draw_cold, is_of, write_without_items
from tfhrnn.data.event_log import EventLog, write_event_log
from tfhrnn.data.facts import training_facts
from tfhrnn.data.windows import Windows
from tfhrnn.errors import ConfigError


@pytest.fixture(scope="module")
def cold() -> Any:
    return draw_cold(30)


@pytest.fixture(scope="module")
def warm(tiny_log: EventLog, cold: Any, tmp_path_factory: pytest.TempPathFactory) -> EventLog:
    return write_without_items(tiny_log, cold, tmp_path_factory.mktemp("warm") / "log")


@given(st.integers(2, 200), st.integers(0, 50))
def test_half_of_the_items_are_drawn_by_seed(items: int, seed: int) -> None:
    cold = draw_cold(items, seed=seed)
    assert cold.shape == (items,) and cold.sum() == items // 2
    assert np.array_equal(cold, draw_cold(items, seed=seed))


def test_every_item_is_cold_under_some_seed() -> None:
    assert np.any([draw_cold(9, seed=seed) for seed in range(20)], axis=0).all()


@pytest.mark.parametrize("share", [0.0, 0.01, 1.0])
def test_a_share_that_leaves_no_cold_or_no_warm_item_is_refused(share: float) -> None:
    with pytest.raises(ConfigError, match=f"cold share: got {share} of 30 items"):
        draw_cold(30, share)


def test_warm_events_stay_as_they_were_user_by_user(
    tiny_log: EventLog, warm: EventLog, cold: Any
) -> None:
    assert 0 < warm.num_events < tiny_log.num_events
    assert warm.num_users == tiny_log.num_users
    for user in range(tiny_log.num_users):
        before, after = tiny_log.events_of(user), warm.events_of(user)
        kept = ~cold[tiny_log.item[before] - 2]
        for name in ("item", "time", "feedback", "weight", "event_type"):
            wanted = getattr(tiny_log, name)[before][kept]
            np.testing.assert_array_equal(getattr(warm, name)[after], wanted)


def test_users_and_catalogue_stay_whole(tiny_log: EventLog, warm: EventLog) -> None:
    assert warm.user_ids == tiny_log.user_ids
    assert warm.catalogue.ids == tiny_log.catalogue.ids
    np.testing.assert_array_equal(warm.catalogue.feature_matrix, tiny_log.catalogue.feature_matrix)
    np.testing.assert_array_equal(warm.user_matrix, tiny_log.user_matrix)
    assert warm.fingerprint != tiny_log.fingerprint and warm.name == "tiny, 15 items cold"


def test_types_of_events_stay_with_them(tmp_path: Path) -> None:
    table = pl.DataFrame(
        {
            "user_id": ["u", "u", "u", "v"],
            "item_id": ["0", "1", "2", "1"],
            "timestamp": [1, 2, 3, 4],
            "event_type": ["view", "buy", "view", "buy"],
        }
    )
    log = write_event_log(table, tmp_path / "all")
    kept = write_without_items(log, np.array([True, False, False]), tmp_path / "kept")
    assert kept.event_type.tolist() == log.event_type[1:].tolist()
    again = write_without_items(log, np.array([True, False, False]), tmp_path / "again")
    assert again.fingerprint == kept.fingerprint


@settings(max_examples=10)
@given(st.integers(0, 1000), st.sampled_from([0.2, 0.5, 0.8]))
def test_no_cold_event_is_ever_read_or_trained_on(
    tiny_log: EventLog, tmp_path_factory: pytest.TempPathFactory, seed: int, share: float
) -> None:
    cold = draw_cold(30, share, seed)
    log = write_without_items(tiny_log, cold, tmp_path_factory.mktemp("any") / "log")
    assert not is_of(log, cold).any()
    config = ModelConfig(item_features=True, item_statistics=True, item_factors=3)
    facts = training_facts(log, np.arange(30), config)
    assert not facts.item_counts[cold].any()
    # Of the features only those of the item table differ between cold items: what statistics and
    # factors say of one that has no events, they say of all.
    width = log.catalogue.feature_matrix.shape[1]
    assert len(np.unique(facts.item_features[cold, width:], axis=0)) == 1
    windows = Windows(log, np.arange(40), lanes=4, window=8, shuffle=True, tied_targets=3)
    indices = np.flatnonzero(cold) + 2
    for batch in windows.batches():
        assert not np.isin(batch.item, indices).any()
        counts = np.arange(3) < batch.target_count[..., None]
        given_ = counts & (batch.weight > 0)[..., None]
        assert not np.isin(batch.targets[given_], indices).any()


def test_the_log_that_was_read_is_left_alone(tiny_log: EventLog, cold: Any, tmp_path: Path) -> None:
    before = {field.name: getattr(tiny_log, field.name) for field in dataclasses.fields(tiny_log)}
    items, meta = np.array(tiny_log.item), dict(tiny_log.meta)
    write_without_items(tiny_log, cold, tmp_path / "log")
    np.testing.assert_array_equal(before["item"], items)
    assert tiny_log.meta == meta
