"""What the data lack is refused where it was asked for, and switched off where it was not."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tfhrnn.config import Config, ModelConfig, preset
from tfhrnn.data.event_log import EventLog, write_event_log
from tfhrnn.data.suited import stated_settings, suited_config
from tfhrnn.errors import ConfigError


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> EventLog:
    """Users, items and times, and nothing else."""
    frame = pl.DataFrame({"user": ["a", "b"], "item": ["x", "y"], "time": [1, 2]})
    return write_event_log(frame, tmp_path_factory.mktemp("bare") / "log", thresholds=(5, 50))


STATED: dict[str, tuple[dict[str, object], str]] = {
    "user_features": ({}, "got true, expected data with a user table (prepare --users ..."),
    "item_features": ({}, "got true, expected data with features of items (prepare --items ..."),
    "feedback": ({}, "got true, expected data with feedback (prepare --map feedback=COLUMN)"),
    "event_types": ({}, "got true, expected data with event types (prepare --map event_type="),
    "first_item_features": (
        {"item_features": True},
        "got true, expected data with features of items",
    ),
    "negate_below": ({"negate_below": "mean"}, "got 'mean', expected data with feedback"),
    "rating": ({"rating": "joint"}, "got 'joint', expected data with feedback"),
}


@pytest.mark.parametrize("name", STATED)
def test_what_was_stated_and_the_data_lack_is_refused(name: str, bare: EventLog) -> None:
    more, message = STATED[name]
    settings = {name: True, **more}
    for config, given in ((preset("hrnn"), settings), (preset("hrnn", settings), {})):
        asked = config.with_settings(given)
        with pytest.raises(ConfigError) as caught:
            suited_config(asked, bare, stated_settings(asked, given))
        assert str(caught.value).startswith(f"{name}: {message}")


def test_a_preset_that_has_it_already_is_no_excuse(bare: EventLog) -> None:
    config, settings = preset("hrnn-metadata"), {"feedback": "true"}
    with pytest.raises(ConfigError, match="feedback: got true"):
        suited_config(config, bare, stated_settings(config, settings))


def test_what_a_preset_brings_along_is_switched_off_and_said(bare: EventLog) -> None:
    config = preset("personalized-ranking")
    found, lines = suited_config(config, bare, frozenset())
    off = {"item_features": False, "user_features": False, "feedback": False, "rating": "none"}
    wanted = dataclasses.replace(config.model, **off, thresholds=(5, 50))  # type: ignore[arg-type]  # each of its field
    assert found == dataclasses.replace(config, model=wanted)
    assert [line.partition(":")[0] for line in lines] == list(off)
    assert lines[2] == (
        "feedback: true in the preset personalized-ranking, switched off: it takes data with "
        "feedback (prepare --map feedback=COLUMN)"
    )


def test_statistics_and_factors_are_features_that_any_data_have(bare: EventLog) -> None:
    config = preset("best", {"first_item_features": True})
    found, lines = suited_config(config, bare, stated_settings(config, {}))
    assert found.model.first_item_features and found.model.item_statistics
    assert not found.model.item_features and len(lines) == 1


@pytest.mark.parametrize("name", ["hrnn", "best", "hrnn-metadata", "personalized-ranking"])
def test_data_with_everything_change_nothing_but_thresholds(name: str, tiny_log: EventLog) -> None:
    config = preset(name)
    assert suited_config(config, tiny_log, frozenset()) == (config, [])
    own = preset(name, {"thresholds": "7,70"})
    assert suited_config(own, tiny_log, stated_settings(own, {})) == (own, [])


def test_features_of_no_width_are_none(
    tiny_tables: dict[str, pl.DataFrame], tmp_path: Path
) -> None:
    items, users = tiny_tables["items"], tiny_tables["users"]
    log = write_event_log(tiny_tables["interactions"], tmp_path / "log", items=items, users=users)
    assert np.shape(log.user_matrix) == (40, 0)
    _, lines = suited_config(preset("hrnn-metadata"), log, frozenset())
    assert [line.partition(":")[0] for line in lines] == ["item_features", "user_features"]


def test_only_what_differs_from_the_preset_is_stated() -> None:
    for name in ("hrnn", "best", "sims"):
        assert stated_settings(preset(name), {}) == frozenset()
    assert stated_settings(Config(), {"hidden_dimension": 128}) == {"units"}
    other = Config(ModelConfig(user_features=True))
    assert stated_settings(other, {}) == {"user_features"}
