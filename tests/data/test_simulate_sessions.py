"""Simulated sessions are as the paper has them."""

from __future__ import annotations

import numpy as np
import polars as pl

from tfhrnn.data.simulate_sessions import simulate_sessions


def lengths_of(frame: pl.DataFrame) -> dict[int, list[int]]:
    """Lengths of each sequence's sessions, told by the gaps alone."""
    found = {}
    for (user,), events in frame.group_by("user_id", maintain_order=True):
        begins = events["timestamp"].diff().fill_null(86_400).to_numpy() >= 86_400
        found[int(str(user))] = np.diff([*np.flatnonzero(begins), len(events)]).tolist()
    return found


def test_an_item_lasts_a_session_and_the_next_one_follows_it() -> None:
    frame = simulate_sessions(60)
    for user, lengths in lengths_of(frame).items():
        items = frame.filter(pl.col("user_id") == str(user))["item_id"].cast(pl.Int64).to_list()
        assert items == [n for n, length in enumerate(lengths) for _ in range(length)]
        assert 1 <= len(lengths) <= 5 and max(lengths) <= 5
    gaps = frame.select(pl.col("timestamp").diff().over("user_id")).to_series().drop_nulls()
    assert set(gaps.filter(gaps < 86_400)) == {30}


def test_numbers_of_sessions_and_items_are_uniform() -> None:
    lengths = lengths_of(simulate_sessions(3000))
    sessions = np.bincount([len(one) for one in lengths.values()], minlength=6)
    sessions[0] = 3000 - len(lengths)  # those without a session have no row
    # 500 of each number are expected, with a standard deviation of 20.
    np.testing.assert_allclose(sessions, 500, atol=82)
    items = np.bincount(np.concatenate([np.array(one) for one in lengths.values()]))[1:]
    # About 7,500 sessions, 1,500 of each length, with a standard deviation of 35.
    np.testing.assert_allclose(items / items.sum(), 1 / 5, atol=0.02)


def test_more_sequences_leave_the_first_ones_as_they_are() -> None:
    few, many = simulate_sessions(5, seed=3), simulate_sessions(9, seed=3)
    assert many.head(len(few)).equals(few)
    assert not simulate_sessions(5, seed=4).equals(few)
