"""Table 2: one part more a row, counted over the catalogue and over the index space."""

from __future__ import annotations

import dataclasses
import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tfhrnn.baselines.next_item_fm import NextItemFM
from tfhrnn.config import preset
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.split import Part, split_users
from tfhrnn.experiments import table2
from tfhrnn.experiments.table2 import FAKED, PAPER, configs, index_space, share_of_unused


def test_each_row_has_one_part_more() -> None:
    rnn, hrnn, items, feedback, meta, faked, best = configs().values()
    assert hrnn == preset("hrnn") and best == preset("best")
    assert rnn.model == dataclasses.replace(hrnn.model, levels=False)
    assert items.model == dataclasses.replace(hrnn.model, item_features=True, mix_rule="update")
    assert feedback.model == dataclasses.replace(items.model, feedback=True)
    assert meta.model == dataclasses.replace(feedback.model, user_features=True)
    assert faked.model == dataclasses.replace(feedback.model, first_item_features=True)
    assert rnn.training == hrnn.training
    assert items.training == feedback.training == meta.training == faked.training
    # The model of the last rows is the preset's.
    assert meta.model == dataclasses.replace(preset("hrnn-metadata").model, mix_rule="update")
    assert list(PAPER.values()) == sorted(PAPER.values(), reverse=True)
    assert set(PAPER) <= {"popularity", table2.FM, *configs()}


def numbered(log: EventLog, ids: list[str]) -> EventLog:
    frame = log.catalogue.frame.with_columns(item_id=pl.Series(ids))
    catalogue = dataclasses.replace(log.catalogue, frame=frame)
    return dataclasses.replace(log, catalogue=catalogue)


def test_the_index_space_ends_at_the_largest_id(tiny_log: EventLog) -> None:
    assert index_space(tiny_log) == 30 and share_of_unused(tiny_log) == 1  # ids are titles
    log = numbered(tiny_log, [str(3 * n) for n in range(30)])
    assert index_space(log) == 88
    # Popularity over 88 ids, 58 of which have no events, by its definition.
    parts, counts = split_users(log.num_users, 0), np.ones(88)
    targets = []
    for user in range(log.num_users):
        for item in log.item[log.events_of(user)].tolist():
            if parts[user] == Part.TEST:
                targets.append(3 * (item - 2))
            else:
                counts[3 * (item - 2)] += 1

    def perplexity(counts: np.ndarray) -> float:
        return math.exp(-float(np.log(counts[targets] / counts.sum()).mean()))

    few = np.where(np.arange(88) % 3 == 0, counts, 0)
    assert share_of_unused(log) == pytest.approx(perplexity(counts) / perplexity(few))


def test_the_rows_come_in_the_papers_order_with_its_figures(
    tiny_log: EventLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = {"units": 4, "epochs": 1, "batch_size": 8}
    kept = ("RNN", FAKED)
    rows = {name: configs()[name].with_settings(small) for name in kept}
    monkeypatch.setattr(table2, "configs", lambda: rows)
    monkeypatch.setattr(table2, "NextItemFM", partial(NextItemFM, rank=2, epochs=1))
    said: list[str] = []
    found: Any = table2.run(tiny_log, tmp_path, seeds=2, say=said.append)
    assert [row["name"] for row in found["rows"]] == ["popularity", table2.FM, *kept]
    assert [row["paper"] for row in found["rows"]] == [2228, 1342, 447, 410]
    for row in found["rows"]:
        assert 1 < row["perplexity_after_first"] != row["perplexity"]
        assert row["index_space_perplexity"] == row["perplexity"]
        assert ("standard_error" in row) == (row["name"] != "popularity")
    assert found["rows"][0]["of_popularity"] == 1
    assert found["candidates"] == {"catalogue": 30, "with_events": 30, "index_space": 30}
    assert len(said) == 2 + 4
    assert table2.run(tiny_log, tmp_path, seeds=2, say=said.append) == found


def test_without_a_table_of_users_the_row_that_reads_it_is_left_out(
    tiny_log: EventLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def run_all(log: EventLog, configs: Any, out: Path, **options: Any) -> dict[str, Any]:
        asked.extend(configs)
        return {"rows": [{"name": "popularity", "perplexity": 25.0}], "protocol": {}}

    monkeypatch.setattr(table2, "run_all", run_all)
    monkeypatch.setattr(table2, "NextItemFM", partial(NextItemFM, rank=1, epochs=1))
    log = dataclasses.replace(tiny_log, user_features=None)
    table2.run(log, tmp_path, seeds=1, say=lambda line: None)
    assert asked == [name for name in table2.ROWS if name != "HRNN-meta"]


def test_the_quick_table_has_the_papers_order(lively_log: EventLog, tmp_path: Path) -> None:
    rows = table2.run(lively_log, tmp_path, seeds=1, quick=True, say=lambda _: None)["rows"]
    found = {row["name"]: row["perplexity"] for row in rows}
    assert found[table2.FM] < 0.9 * found["popularity"]
    assert found["RNN"] < 0.8 * found[table2.FM]
    assert found["HRNN-meta"] < 0.85 * found["RNN"]
