"""Simulated repeats happen as often, where and to what the module says."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from tfhrnn.data.simulate import DAY, simulate_repeats
from tfhrnn.errors import ConfigError

RECENT = 10


def events(**options: Any) -> list[tuple[str, bool, bool]]:
    """Item, whether it repeats one of the 10 recent ones, and whether it begins a session.

    First events, and those that could repeat nothing for want of a staple, are left out.
    """
    found = []
    for user in simulate_repeats(**options).partition_by("user_id", maintain_order=True):
        items, times = user["item_id"].to_list(), user["timestamp"].to_list()
        assert times == sorted(times)
        held: list[str] = []
        for at, item in enumerate(items):
            if any(one.startswith("s") for one in held):
                found.append((item, item in held, times[at] - times[at - 1] >= DAY))
            held = [*(one for one in held if one != item), item][-RECENT:]
    return found


def test_the_share_of_repeats_is_the_one_asked_for_and_larger_where_a_session_begins() -> None:
    found = events(users=100, events=80, repeat=0.6)
    again = np.array([repeats for _, repeats, _ in found])
    begins = np.array([begins for _, _, begins in found])
    # About 7,800 events: the standard error of a share is below .006, of the fifth's below .013.
    assert again.mean() == pytest.approx(0.6, abs=0.025)
    assert begins.mean() == pytest.approx(0.2, abs=0.02)
    assert again[begins].mean() == pytest.approx(0.9, abs=0.05)
    assert again[~begins].mean() == pytest.approx(0.525, abs=0.03)


def test_only_staples_are_repeated_and_half_of_what_is_new_are_none() -> None:
    found = events(users=30, staples=0.5)
    assert {item[0] for item, repeats, _ in found if repeats} == {"s"}
    assert {item[0] for item, repeats, _ in found if not repeats} == {"s", "n"}


@pytest.mark.parametrize("off", [{"repeat": 0.0}, {"staples": 0.0}])
def test_without_repeats_or_staples_nothing_recent_comes_again(off: dict[str, Any]) -> None:
    frame = simulate_repeats(users=20, events=40, **off)
    for user in frame.partition_by("user_id"):
        items = user["item_id"].to_list()
        for at in range(1, len(items)):
            recent = list(dict.fromkeys(items[:at][::-1]))[:RECENT]
            assert items[at] not in recent


def test_the_table_is_a_pure_function_of_its_arguments() -> None:
    first = simulate_repeats(users=5, events=9, seed=3)
    assert first.equals(simulate_repeats(users=5, events=9, seed=3))
    assert not first.equals(simulate_repeats(users=5, events=9, seed=4))
    assert first.height == 45 and first.group_by("user_id").len()["len"].to_list() == [9] * 5
    assert first.schema["timestamp"] == pl.Int64


def test_new_items_follow_zipf() -> None:
    frame = simulate_repeats(users=300, items=50, events=1, repeat=0.0)
    shares = frame["item_id"].str.slice(1).cast(pl.Int64).value_counts()
    # The first item's share is 1 / (1 + 1/2 + ... + 1/50) = .222; 300 draws are good to .024.
    top = shares.filter(pl.col("item_id") == 0)["count"].item() / 300
    assert top == pytest.approx(0.222, abs=0.08)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"repeat": 1.5}, "repeat: got 1.5, expected a share"),
        ({"staples": -1}, "staples: got -1, expected a share"),
        ({"items": 10}, "items: got 10, expected more than recent = 10"),
    ],
)
def test_what_cannot_be_simulated_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        simulate_repeats(**options)
