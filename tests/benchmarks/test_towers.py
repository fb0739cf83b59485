"""The towers' benchmark: a row a tower, and reading events one by one is reading them."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks import towers
from benchmarks.epoch import Tenth
from tfhrnn.config import SEQUENCE_TOWER_NAMES, preset
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.windows import Batch


def test_each_tower_has_its_row(tiny_log: EventLog, tiny_settings: dict[str, Any]) -> None:
    configs = {name: preset("best", {**tiny_settings, "tower": name}) for name in ("gru", "lstm")}
    rows = towers.costs(tiny_log, configs, 1)
    assert [row["what"] for row in rows] == ["gru", "lstm"]
    assert all(row["seconds_per_epoch"] > 0 and row["event_ms"] > 0 for row in rows)
    # Four units in float32; an LSTM keeps two vectors.
    assert [row["state_bytes"] for row in rows] == [16, 32]


def test_every_sequence_tower_is_timed_with_one_layer() -> None:
    found = towers.configs()
    assert tuple(found) == SEQUENCE_TOWER_NAMES
    assert [(config.model.tower, config.model.layers) for config in found.values()] == [
        (name, 1) for name in SEQUENCE_TOWER_NAMES
    ]


def test_events_read_one_by_one_leave_the_state_of_the_window(
    tiny_log: EventLog, tiny_settings: dict[str, Any]
) -> None:
    tenth = Tenth(tiny_log, preset("best", tiny_settings))
    state = towers.reader(tenth)()
    first = tenth.batches[0]
    assert first.reset[0, 0] == 1 and first.reset[0, 1] == 0
    repeated = Batch(
        *(
            part[:1] if name == "seen" else tf.repeat(part[:1, 1:2], 20, axis=1)
            for name, part in first._asdict().items()
        )
    )
    weights, _ = tenth.model.decoder.item_matrix()
    _, wanted = tenth.model.encode(repeated, weights, tenth.model.tower.initial_state(1))
    for ours, theirs in zip(state, wanted, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
