"""Settings that train in seconds."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def tiny_settings() -> dict[str, Any]:
    """On top of the preset `best`: four units, two lanes of windows of four steps."""
    sizes: dict[str, Any] = {"units": 4, "layers": 1, "item_factors": 2, "time_bumps": 2}
    return {**sizes, "batch_size": 2, "bptt": 4}
