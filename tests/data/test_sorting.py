"""Sorting on the disk, part by part, is one stable sort of everything."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfhrnn.data import sorting
from tfhrnn.data.disk_arrays import slices
from tfhrnn.data.sorting import count_users, deal, part_starts, sorted_parts

COLUMNS: dict[str, np.dtype[Any]] = {
    "user": np.dtype(np.int32),
    "time": np.dtype(np.int64),
    "item": np.dtype(np.int32),
}


def write(scratch: Path, rows: list[tuple[int, int]]) -> dict[str, np.ndarray]:
    """Columns of (user, time) rows, whose item is the row's number."""
    table: dict[str, np.ndarray] = {
        "user": np.array([user for user, _ in rows], np.int32),
        "time": np.array([time for _, time in rows], np.int64),
        "item": np.arange(len(rows), dtype=np.int32),
    }
    for name, values in table.items():
        (scratch / f"{name}.raw").write_bytes(values.tobytes())
    return table


def sort(
    scratch: Path, rows: list[tuple[int, int]], place: list[int], most: int
) -> tuple[dict[str, np.ndarray], list[int]]:
    """The sorted columns, and how many rows each part has."""
    write(scratch, rows)
    user_of = np.array(place, np.int32)
    provisional = count_users(scratch, COLUMNS["user"], len(place), len(rows))
    counts = np.zeros(len(place), np.int64)
    counts[user_of] = provisional
    starts = part_starts(counts, most)
    bounds = deal(scratch, COLUMNS, user_of, counts, starts)
    parts = list(sorted_parts(scratch, COLUMNS, user_of, bounds))
    assert [part for part, _, _ in parts] == list(range(len(starts) - 1))
    found = {n: np.concatenate([columns[n] for _, columns, _ in parts]) for n in COLUMNS}
    return found, [len(order) for _, _, order in parts]


@given(
    counts=st.lists(st.integers(1, 9), min_size=1, max_size=12),
    most=st.integers(1, 20),
)
def test_parts_are_neighbours_as_large_as_may_be(counts: list[int], most: int) -> None:
    starts = part_starts(np.array(counts), most)
    assert starts[0] == 0 and starts[-1] == len(counts) and (np.diff(starts) > 0).all()
    sizes = np.add.reduceat(counts, starts[:-1])
    for size, users in zip(sizes, np.diff(starts), strict=True):
        assert size <= most or users == 1
    # None of them could have taken its neighbour's first user as well.
    for part in range(len(sizes) - 1):
        assert sizes[part] + counts[starts[part + 1]] > most


@pytest.mark.parametrize("most", [1, 3, 1000])
@pytest.mark.parametrize("block", [2, 1000])
def test_the_sorted_parts_are_one_stable_sort(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, block: int
) -> None:
    monkeypatch.setattr(sorting, "slices", partial(slices, block=block))
    rng = np.random.default_rng(most)
    rows = [(int(user), int(time)) for user, time in rng.integers([0, 0], [5, 4], (40, 2))]
    rows += [(user, 9) for user in range(5)]  # nobody is without events
    place = [3, 0, 4, 1, 2]
    found, sizes = sort(tmp_path, rows, place, most)
    wanted = sorted(range(len(rows)), key=lambda row: (place[rows[row][0]], rows[row][1]))
    assert found["item"].tolist() == wanted
    assert found["user"].tolist() == [place[rows[row][0]] for row in wanted]
    assert found["time"].tolist() == [rows[row][1] for row in wanted]
    assert {name: values.dtype for name, values in found.items()} == COLUMNS
    assert len(sizes) == (1 if most == 1000 else 5) and sum(sizes) == len(rows)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["item.raw", "time.raw", "user.raw"]


def test_the_order_given_is_of_the_parts_own_rows(tmp_path: Path) -> None:
    write(tmp_path, [(0, 7), (1, 5), (0, 3), (1, 5)])
    user_of, counts = np.array([0, 1], np.int32), np.array([2, 2])
    bounds = deal(tmp_path, COLUMNS, user_of, counts, np.array([0, 1, 2]))
    assert bounds.tolist() == [0, 2, 4]
    orders = [order.tolist() for _, _, order in sorted_parts(tmp_path, COLUMNS, user_of, bounds)]
    assert orders == [[1, 0], [0, 1]]  # 3 before 7; equal times as they came


def test_one_part_is_left_where_it_stands(tmp_path: Path) -> None:
    table = write(tmp_path, [(1, 2), (0, 1)])
    before = (tmp_path / "item.raw").stat().st_mtime_ns
    bounds = deal(tmp_path, COLUMNS, np.array([0, 1], np.int32), np.array([1, 1]), np.array([0, 2]))
    assert bounds.tolist() == [0, 2]
    assert (tmp_path / "item.raw").stat().st_mtime_ns == before
    assert (tmp_path / "user.raw").read_bytes() == table["user"].tobytes()


def test_the_latest_times_stay_apart_from_the_next_user(tmp_path: Path) -> None:
    """User and time share a key of 64 bits, of which times have 32."""
    latest = 4_102_444_799  # the last second of 2099
    found, _ = sort(tmp_path, [(1, 0), (0, latest), (1, latest), (0, 0)], [0, 1], 1000)
    assert found["item"].tolist() == [3, 1, 0, 2]


def test_users_are_counted_among_the_first_rows_alone(tmp_path: Path) -> None:
    write(tmp_path, [(0, 1), (2, 1), (2, 2), (0, 9), (1, 9)])
    assert count_users(tmp_path, COLUMNS["user"], 4, 3).tolist() == [1, 0, 2, 0]
    assert count_users(tmp_path, COLUMNS["user"], 4, 5).tolist() == [2, 1, 2, 0]
    assert count_users(tmp_path, COLUMNS["user"], 4, 0).tolist() == [0, 0, 0, 0]
