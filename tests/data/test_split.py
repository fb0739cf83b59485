"""The split is a pure function of count and seed, and survives its file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfhrnn.data.event_log import EventLog
from tfhrnn.data.split import Part, grow_split, protocol_of, read_split, split_users, write_split
from tfhrnn.errors import DataError, RunError


def test_the_permutations_first_users_are_test_the_next_validation() -> None:
    order = np.random.default_rng(0).permutation(943)
    parts = split_users(943)
    assert (parts[order[:188]] == Part.TEST).all()
    assert (parts[order[188 : 188 + 75]] == Part.VALIDATION).all()
    assert (parts[order[263:]] == Part.TRAIN).all()
    assert parts.dtype == np.int8


@given(st.integers(2, 3000), st.integers(0, 100))
def test_shares_and_small_counts(users: int, seed: int) -> None:
    parts = split_users(users, seed)
    test, validation, train = (
        int((parts == p).sum()) for p in (Part.TEST, Part.VALIDATION, Part.TRAIN)
    )
    assert test == max(1, int(0.2 * users))
    assert validation == max(int(users > 2), int(0.1 * (users - test)))
    assert train == users - test - validation >= 1
    np.testing.assert_array_equal(parts, split_users(users, seed))


def test_seeds_differ() -> None:
    assert (split_users(100, 0) != split_users(100, 1)).any()


@pytest.mark.parametrize("users", [0, 1])
def test_too_few_users(users: int) -> None:
    with pytest.raises(DataError, match=f"got {users} users, expected at least 2"):
        split_users(users)


def test_a_split_survives_its_file_in_any_order_of_users(tmp_path: Path) -> None:
    ids = [f"u,{n}" for n in range(20)]
    parts = split_users(20)
    write_split(tmp_path / "split.parquet", ids, parts)
    np.testing.assert_array_equal(read_split(tmp_path / "split.parquet", ids[::-1]), parts[::-1])
    assert set(pl.read_parquet(tmp_path / "split.parquet")["part"]) == {
        "train",
        "validation",
        "test",
    }
    assert len(list(tmp_path.iterdir())) == 1


def test_splits_that_do_not_fit(tmp_path: Path) -> None:
    path = tmp_path / "split.parquet"
    write_split(path, ["a", "b"], split_users(2))
    with pytest.raises(DataError, match=r"no part for the user 'c', .* \(1 more row"):
        read_split(path, ["a", "c", "d"])
    pl.DataFrame({"user_id": ["a"], "part": ["dev"]}).write_parquet(path)
    with pytest.raises(DataError, match="row 1, column part: got 'dev'"):
        read_split(path, ["a"])
    pl.DataFrame({"user": ["a"]}).write_parquet(path)
    with pytest.raises(RunError, match="got no split"):
        read_split(path, ["a"])
    with pytest.raises(RunError, match="got no split"):
        read_split(tmp_path / "none.parquet", ["a"])
    with pytest.raises(RunError, match="could not be written"):
        write_split(tmp_path / "none" / "split.parquet", ["a", "b"], split_users(2))


@given(st.lists(st.integers(0, 40), min_size=1, max_size=8), st.integers(2, 60))
def test_a_split_that_grows_ends_at_the_shares_of_all(steps: list[int], users: int) -> None:
    parts = split_users(users)
    for new in steps:
        joined = grow_split(parts, new, seed=1)
        np.testing.assert_array_equal(joined, grow_split(parts, new, seed=1))
        parts = np.concatenate([parts, joined])
    total = len(parts)
    counts = np.bincount(parts, minlength=3)
    # Parts are never taken away: two users begin with one test user already.
    assert counts[Part.TEST] in (total // 5, max(1, users // 5))
    assert counts[Part.TEST] >= total // 5 and counts.sum() == total
    assert counts[Part.VALIDATION] >= (total - total // 5) // 10 - 1


def test_who_joins_which_part_is_drawn() -> None:
    first = [grow_split(split_users(100), 100, seed).tolist() for seed in range(3)]
    assert first[0] != first[1] != first[2]
    assert np.bincount(first[0]).tolist() == [72, 8, 20]


def test_the_protocol_counts_every_event_of_the_test_users(tiny_log: EventLog) -> None:
    users = np.array([3, 0, 17])
    found = protocol_of(tiny_log, users, 5, "by hand")
    events = sum(len(tiny_log.item[tiny_log.events_of(user)]) for user in users.tolist())
    assert (found.dataset, found.fingerprint) == ("tiny", tiny_log.fingerprint)
    assert (found.test_users, found.test_targets, found.catalogue_items) == (3, events, 30)
    assert (found.split, found.split_seed) == ("by hand", 5)
