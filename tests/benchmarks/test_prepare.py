"""The benchmark of preparing writes what it says, and weighs the command, in small."""

from __future__ import annotations

from pathlib import Path

import polars as pl

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
    few, many = prepare.run(1, events=20_000)
    assert (few["what"], few["events"]) == ("prepare, 2,000 events", 2_000)
    assert (many["what"], many["events"]) == ("prepare, 20,000 events", 20_000)
    # int32 items, int64 times, float32 feedback and weights; offsets and ids beside
    assert 20_000 * 20 < many["log"] * 1e6 < 20_000 * 30 and few["input"] < many["input"]
    for row in (few, many):
        assert 30 < row["megabytes"] < row["with files"] < row["cap"] == prepare.CAP
        assert row["events_per_second"] == row["events"] / row["seconds"]
    assert few["ratio"] == 1 and many["ratio"] == many["megabytes"] / few["megabytes"]
