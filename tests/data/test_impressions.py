"""Impressions from a table to a batch: the others that were shown, event by event."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tfhrnn.data.append import append_events, recoded
from tfhrnn.data.event_log import EventLog, write_event_log
from tfhrnn.data.tables import MOST_SHOWN, read_interactions
from tfhrnn.data.windows import Windows
from tfhrnn.errors import DataError

FRAME = pl.DataFrame(
    {
        "USER_ID": ["b", "a", "a", "b"],
        "ITEM_ID": ["x", "y", "x", "z"],
        "TIMESTAMP": [4, 9, 1, 2],
        "IMPRESSIONS": ["y|x|z", "w|z", None, "x|new|x"],
    }
)
ITEMS = pl.DataFrame({"item_id": ["w", "x", "y", "z"]})


def shown(log: EventLog) -> list[list[str]]:
    bounds = zip(log.shown_offsets[:-1].tolist(), log.shown_offsets[1:].tolist(), strict=True)
    return [[log.catalogue.id_of(int(i)) for i in log.shown[slice(*part)]] for part in bounds]


@pytest.fixture
def log(tmp_path: Path) -> EventLog:
    return write_event_log(FRAME, tmp_path / "log", items=ITEMS)


def test_the_chosen_and_unknown_items_are_left_out(log: EventLog) -> None:
    assert shown(log) == [[], ["w", "z"], ["x"], ["y", "z"]]
    assert log.most_shown == 2 and log.shown.dtype == np.int32
    assert "1 ids among the impressions have neither an event nor a row" in " ".join(
        log.report.notes
    )


@pytest.mark.parametrize("chunk_rows", [1, 3])
def test_any_form_gives_the_same_log(log: EventLog, tmp_path: Path, chunk_rows: int) -> None:
    lists = FRAME.with_columns(pl.col("IMPRESSIONS").str.split("|"))
    lists.write_parquet(tmp_path / "t.parquet")
    FRAME.write_csv(tmp_path / "t.csv")
    for source in (lists, tmp_path / "t.parquet", tmp_path / "t.csv", FRAME.to_pandas()):
        other = write_event_log(source, tmp_path / "o", items=ITEMS, chunk_rows=chunk_rows)
        assert other.fingerprint == log.fingerprint
    bare = write_event_log(FRAME.drop("IMPRESSIONS"), tmp_path / "bare", items=ITEMS)
    assert bare.fingerprint != log.fingerprint
    assert (bare.most_shown, bare.shown.tolist(), shown(bare)) == (0, [], [[]] * 4)


def test_what_names_no_item_is_as_no_impressions_at_all(tmp_path: Path) -> None:
    empty = FRAME.with_columns(IMPRESSIONS=pl.lit("new|other"))
    log = write_event_log(empty, tmp_path / "log")
    assert log.fingerprint == write_event_log(FRAME.drop("IMPRESSIONS"), tmp_path / "b").fingerprint
    assert not (tmp_path / "log" / "shown.npy").exists()


@pytest.mark.parametrize("cells", [[0.5, 1.0, 2.0, 3.0], [[0.5], None, None, None], [True] * 4])
def test_other_cells_are_refused(cells: list[Any]) -> None:
    with pytest.raises(DataError, match=r"row 1, column IMPRESSIONS: got .*expected ids with '\|'"):
        list(read_interactions(FRAME.with_columns(IMPRESSIONS=pl.Series(cells, strict=False))))


def test_long_lists_are_cut_and_that_is_said(tmp_path: Path) -> None:
    many = "|".join(map(str, range(MOST_SHOWN + 5)))
    reader = read_interactions(FRAME.with_columns(IMPRESSIONS=pl.lit(many)))
    assert all(len(row) == MOST_SHOWN for chunk in reader for row in chunk["impressions"])
    assert reader.report.notes == ["4 rows have more than 100 impressions: the first are kept"]


def test_a_grown_log_is_that_of_the_whole(log: EventLog, tmp_path: Path) -> None:
    new = pl.DataFrame(
        {"user": ["a", "c"], "item": ["x", "v"], "time": [20, 21], "impressions": ["v|z", "w"]}
    )
    grown = append_events(log, new, tmp_path / "grown")
    assert shown(grown) == [[], ["w", "z"], ["v", "z"], ["x"], ["y", "z"], ["w"]]
    assert shown(recoded(log, grown.catalogue)) == shown(log)
    plain = append_events(log, new.drop("impressions"), tmp_path / "plain")
    assert shown(plain) == [[], ["w", "z"], [], ["x"], ["y", "z"], []]


def test_batches_hold_what_was_shown_beside_the_target(log: EventLog) -> None:
    windows = Windows(log, np.array([0, 1]), lanes=2, window=3, shown=2, flush_steps=1)
    (batch,) = windows.batches()
    ids = {0: "", **{at: item for at, item in enumerate(log.catalogue.ids, 2)}}
    rows = [[[ids[i] for i in row] for row in lane] for lane in batch.shown.tolist()]
    # a flush step repeats the start; a chose x, then y; b chose z, then x
    assert rows == [
        [["", ""], ["", ""], ["w", "z"]],
        [["x", ""], ["x", ""], ["y", "z"]],
    ]
    (narrow,) = Windows(log, np.array([0, 1]), lanes=2, window=3).batches()
    assert narrow.shown.shape == (2, 3, 0)
