"""The simulated log has the size that is asked for, and the shape of bursts."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tfhrnn.data.simulate_bursts import TOPICS, simulate_bursts
from tfhrnn.errors import ConfigError

SIZE = {"users": 300, "items": 107, "index_space": 500, "events": 40_000}


@pytest.fixture(scope="module")
def frame() -> pl.DataFrame:
    return simulate_bursts(**SIZE)


def test_counts_are_exact(frame: pl.DataFrame) -> None:
    assert frame.height == 40_000
    assert frame["user_id"].unique().sort().to_list() == list(range(300))
    assert frame.group_by("user_id").len()["len"].min() >= 20  # type: ignore[operator]
    ids = frame["item_id"].unique().to_numpy()
    assert len(ids) == 107 and 0 <= ids.min() and ids.max() < 500
    assert ids.max() > 400  # spread over the space, not its first part


def test_users_stand_together_and_in_order(frame: pl.DataFrame) -> None:
    user, time = frame["user_id"].to_numpy(), frame["timestamp"].to_numpy()
    assert (np.diff(user) >= 0).all()
    within = np.diff(user) == 0
    gap = np.diff(time)[within]
    assert (gap >= 0).all()
    # 3 % of events begin a burst, a day or more after the last; half of the others' gaps are 0.
    assert np.mean(gap >= 86_400) == pytest.approx(0.03, abs=0.005)
    assert np.mean(gap == 0) == pytest.approx(0.97 * 0.5, abs=0.02)
    assert gap[(gap > 0) & (gap < 86_400)].mean() == pytest.approx(40.5, abs=2)  # ceil adds half


def test_popular_items_and_topics_are_there_to_be_learned(frame: pl.DataFrame) -> None:
    counts = np.sort(frame["item_id"].value_counts()["count"].to_numpy())[::-1]
    # Five ranks a topic by Zipf's law: the first has 1 / (1 + 1/2 + 1/3 + 1/4 + 1/5) of it.
    assert counts[:TOPICS].sum() / 40_000 == pytest.approx(1 / 2.2833, abs=0.02)
    user, item = frame["user_id"].to_numpy(), frame["item_id"].to_numpy()
    short = (np.diff(user) == 0) & (np.diff(frame["timestamp"].to_numpy()) < 86_400)
    shuffled = np.random.default_rng(0).permutation(item)
    again = np.mean(item[1:][short] == item[:-1][short])
    by_chance = np.mean(shuffled[1:] == shuffled[:-1])
    assert again > 10 * by_chance  # an item of the same topic follows, one of five and not of 107


def test_a_seed_is_a_log(frame: pl.DataFrame) -> None:
    assert simulate_bursts(**SIZE).equals(frame)
    assert not simulate_bursts(**SIZE, seed=1).equals(frame)


@pytest.mark.parametrize(
    "change", [{"events": 299}, {"index_space": 106}, {"items": 19, "index_space": 500}]
)
def test_sizes_that_cannot_be_are_refused(change: dict[str, int]) -> None:
    (name, value), *_ = change.items()
    with pytest.raises(ConfigError, match=f"{name}: got {value}, expected"):
        simulate_bursts(**{**SIZE, **change})
