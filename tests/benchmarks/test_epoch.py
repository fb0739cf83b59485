"""The epoch benchmark trains what it times, and scales a tenth to a whole epoch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks import epoch
from benchmarks.epoch import Tenth, seconds_per_epoch
from tfhrnn.config import preset
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.split import Part, split_users


def test_a_call_trains_on_a_tenth_of_the_epochs_batches(
    tiny_log: EventLog, tiny_settings: dict[str, Any]
) -> None:
    tenth = Tenth(tiny_log, preset("best", tiny_settings))
    train = np.flatnonzero(split_users(tiny_log.num_users, 0) == Part.TRAIN)
    events = int((tiny_log.offsets[train + 1] - tiny_log.offsets[train]).sum())
    whole = tenth.times * len(tenth.batches)
    # Two lanes of windows of 4, about evenly filled.
    assert events / 8 <= whole <= events / 8 + 3
    assert len(tenth.batches) == whole // 10
    before = None
    for calls in (1, 2):
        tenth()
        assert int(tenth.model.optimizer.iterations) == calls * len(tenth.batches)
        after = tenth.model.decoder.id_weights.numpy()
        assert before is None or np.any(after != before)
        before = after


def test_seconds_are_the_milliseconds_of_all_tenths(monkeypatch: pytest.MonkeyPatch) -> None:
    class Ten:
        times = 9.5

    ten: Any = Ten()
    monkeypatch.setattr(
        epoch, "side_by_side", lambda given, rounds: [{"what": "a", "milliseconds": 100.0 * rounds}]
    )
    (row,) = seconds_per_epoch({"a": ten}, 3)
    assert row["seconds_per_epoch"] == pytest.approx(2.85)  # 0.3 s · 9.5
