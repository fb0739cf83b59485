"""How old items are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from tfhrnn.data.event_log import write_event_log
from tfhrnn.data.item_ages import item_ages

DAY = 86_400
EVENTS = pl.DataFrame(
    {
        "user_id": ["u1", "u1", "u1", "u2", "u2", "u3"],
        "item_id": ["a", "b", "a", "b", "c", "d"],
        "timestamp": [10 * DAY, 13 * DAY, 20 * DAY, 12 * DAY, 14 * DAY, 90 * DAY],
    }
)


def test_an_item_is_as_old_as_its_first_training_event(tmp_path: Path) -> None:
    items = pl.DataFrame({"item_id": ["a", "b", "c", "d", "e"]})
    log = write_event_log(EVENTS, tmp_path / "log", items=items)
    ages = item_ages(log, np.array([0, 1]), log.catalogue)  # the last event is on day 20
    assert ages.tolist() == [10.0, 8.0, 6.0, 0.0, 0.0] and ages.dtype == np.float32


def test_a_creation_timestamp_tells_it_better(tmp_path: Path) -> None:
    created = [2.0 * DAY, None, 30.0 * DAY, 19.5 * DAY, None]
    items = pl.DataFrame({"item_id": ["a", "b", "c", "d", "e"], "CREATION_TIMESTAMP": created})
    features = ["CREATION_TIMESTAMP:numeric"]
    log = write_event_log(EVENTS, tmp_path / "log", items=items, item_features=features)
    ages = item_ages(log, np.array([0, 1]), log.catalogue)
    assert ages.tolist() == [18.0, 8.0, 0.0, 0.5, 0.0]
