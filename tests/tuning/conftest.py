"""Searches on the small world, whose trials take a second or two."""

from __future__ import annotations

from typing import Any

import pytest

from tfhrnn.config import Config, preset
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.suited import suited_config

TINY: dict[str, Any] = {
    **{"units": 4, "item_features": True, "batch_size": 4, "bptt": 8, "epochs": 2},
}


@pytest.fixture(scope="session")
def tiny() -> dict[str, Any]:
    """Settings on top of `hrnn` that train in a second."""
    return dict(TINY)


@pytest.fixture(scope="session")
def tiny_base(tiny_log: EventLog) -> Config:
    """The configuration of the first trial."""
    config, _ = suited_config(preset("hrnn", {**TINY, "watch": "perplexity"}), tiny_log, [])
    return config
