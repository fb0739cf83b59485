"""The benchmark of preparing writes what it says, and weighs the command, in small."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from benchmarks import prepare


def test_events_come_in_files_each_with_users_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "old.parquet").write_bytes(b"")
    size = prepare.write_events(tmp_path, 2500, file_events=1000)
    files = sorted(tmp_path.iterdir())
    assert size == sum(file.stat().st_size for file in files) / 1e6
    tables = [pl.read_parquet(file) for file in files]
    assert [table.height for table in tables] == [1000, 1000, 500]
    users = [set(table["user_id"]) for table in tables]
    assert [len(own) for own in users] == [6, 6, 3]  # 144 events each, rounded down
    assert set.union(*users) == set(range(15))
    assert not tables[0]["item_id"].equals(tables[1]["item_id"])


def test_a_row_a_size_under_one_cap() -> None:
    few, many = prepare.run(1, events=100_000)
    assert [row["what"] for row in (few, many)] == ["10,000 events", "100,000 events"]
    # int32 items, int64 times, float32 feedback and weights: 20 bytes an event; ids beside
    assert 2 <= many["log"] <= 3
    for row in (few, many):
        assert 30 < row["megabytes"] < row["with files"] < row["cap"] == prepare.CAP
    assert many["a second"] == round(100_000 / many["seconds"])
    assert few["ratio"] == 1
    assert many["ratio"] == pytest.approx(many["megabytes"] / few["megabytes"], rel=0.02)
