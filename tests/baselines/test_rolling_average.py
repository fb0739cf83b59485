"""The rolling average by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from tfhrnn.baselines.rolling_average import RollingAverage
from tfhrnn.data.event_log import write_event_log


def test_averages_by_hand(tmp_path: Path) -> None:
    rows = [("0", "a", 1, 5.0), ("0", "b", 2, 2.0), ("1", "a", 1, 4.0), ("1", "c", 2, None)]
    # User 2: a, b, then c and d, which nobody rated in training, then a without a rating, b again.
    rows += [("2", "a", 1, 1.0), ("2", "b", 2, 3.0), ("2", "c", 3, 5.0), ("2", "d", 4, 2.0)]
    rows += [("2", "a", 5, None), ("2", "b", 6, 2.0)]
    rows += [("3", "d", 1, 5.0), ("3", "a", 2, 5.0)]
    frame = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp", "feedback"], orient="row")
    log = write_event_log(frame, tmp_path / "log")
    model = RollingAverage().fit(log, np.array([0]), np.array([1]))
    # a 4.5, b 2, all (5 + 2 + 4) / 3. User 2 stands at 1, 2, 3 and 11 / 4 before events 2 to 5.
    found = model.predict(log, np.array([2, 3]))
    wanted = [4.5, (2 + 1) / 2, 2, 3, (2 + 11 / 4) / 2, 11 / 3, (4.5 + 5) / 2]
    np.testing.assert_allclose(found["prediction"], wanted)
    assert found["position"].to_list() == [0, 1, 2, 3, 5, 0, 1]
