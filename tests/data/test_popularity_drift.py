"""Drift and ageing against plain counts, period by period."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfhrnn.data.popularity_drift import (
    choose_period,
    drift_by_period,
    loss_by_age,
    loss_by_window,
    popularity_drift,
)

DAY = 86_400


def blocks_of(*periods: list[int]) -> list[np.ndarray]:
    return [np.array(period, np.int64) for period in periods]


@settings(max_examples=30)
@given(
    periods=st.lists(st.lists(st.integers(0, 4), min_size=1, max_size=6), min_size=10, max_size=14)
)
def test_loss_by_age_is_that_of_counts_made_anew(periods: list[list[int]]) -> None:
    found = loss_by_age(blocks_of(*periods), 5, [0, 1, 2], DAY)
    before = np.cumsum([0, *map(len, periods)])
    total = before[-1]
    known = next(at for at, count in enumerate(before) if count >= 0.2 * total)
    left = [total - before[min(known + age, len(periods))] for age in (0, 1, 2)]
    ages = [age for age, rest in zip((0, 1, 2), left, strict=True) if rest >= 0.2 * total]
    if len(ages) < 2:
        assert found == []
        return
    first = known + ages[-1]
    for row, age in zip(found, ages, strict=True):
        nats = []
        for at in range(first, len(periods)):
            past = [item for period in periods[: at - age] for item in period]
            nats += [-np.log((past.count(i) + 1) / (len(past) + 5)) for i in periods[at]]
        assert row["age_seconds"] == age * DAY and row["events"] == len(nats)
        assert row["cross_entropy"] == pytest.approx(np.mean(nats))
        assert row["perplexity"] == pytest.approx(np.exp(np.mean(nats)))
        assert row["change"] == pytest.approx(row["perplexity"] / found[0]["perplexity"] - 1)


def test_a_world_that_moves_on_makes_old_models_worse() -> None:
    rng = np.random.default_rng(0)
    days = [rng.integers(day, day + 40, 2000) for day in range(60)]
    ages = [row["change"] for row in loss_by_age(days, 100, [0, 1, 2, 4, 8], DAY)]
    assert ages[0] == 0 and ages == sorted(ages) and ages[-1] > 0.1
    still = [rng.integers(0, 70, 2000) for _ in range(60)]
    steady = [row["change"] for row in loss_by_age(still, 70, [0, 1, 2, 4, 8], DAY)]
    assert max(map(abs, steady)) < 0.002


def test_the_error_of_a_change_is_how_far_it_strays_from_world_to_world() -> None:
    rng = np.random.default_rng(3)
    changes, errors = [], []
    for _ in range(200):
        # A day's events are alike: five draws, ten times each.
        days = [np.repeat(rng.integers(0, 20, 5), 10) for _ in range(40)]
        (fresh, old) = loss_by_age(days, 20, [0, 4], DAY)
        assert fresh["change_error"] == 0
        changes.append(old["change"])
        errors.append(old["change_error"])
    assert np.mean(errors) == pytest.approx(np.std(changes), rel=0.25)


def test_drift_is_total_variation_and_counts_new_items() -> None:
    found = drift_by_period(
        blocks_of([0, 0, 1], [0, 1, 1], [2, 2, 2], [2, 0, 3]), 4, DAY, np.random.default_rng(0)
    )
    (one,) = [row for row in found if row["period_seconds"] == DAY]
    assert one["before"] == pytest.approx((1 / 3 + 1 + 2 / 3) / 3)
    assert one["new_items"] == pytest.approx((0 + 1 + 1 / 3) / 3)
    assert one["periods"] == 4 and 0 <= one["bootstrap"] <= 1


def test_what_stands_still_drifts_as_far_as_chance_makes_it() -> None:
    rng = np.random.default_rng(1)
    still = [rng.integers(0, 30, 500) for _ in range(64)]
    for row in drift_by_period(still, 30, DAY, np.random.default_rng(2)):
        # two samples differ by √2 of what one differs from its source
        assert row["before"] == pytest.approx(np.sqrt(2) * row["bootstrap"], rel=0.25)


def test_a_window_holds_the_last_periods_alone() -> None:
    found = loss_by_window(blocks_of([0], [1], [1], [0], [1]), 2, [1, 2], DAY)
    assert [row["window_seconds"] for row in found] == [DAY, 2 * DAY, None]
    # judged: the last three; the past has 1/2, 1/3 and 1/2 of item 0
    one, two, whole = (row["variation"] for row in found)
    assert one == pytest.approx((0 + 1 + 1) / 3)
    assert two == pytest.approx((1 / 2 + 1 + 1 / 2) / 3)
    assert whole == pytest.approx((1 / 2 + 2 / 3 + 1 / 2) / 3)


def test_a_span_too_short_says_so_and_order_does_not_matter() -> None:
    short = popularity_drift(np.array([0, 1]), np.array([5, 6]), 2)
    assert short == {"period_seconds": None, "ages": [], "drift": [], "windows": []}
    assert popularity_drift(np.zeros(0, np.int64), np.zeros(0, np.int64), 2) == short
    rng = np.random.default_rng(3)
    item, time = rng.integers(0, 9, 4000), np.sort(rng.integers(0, 40 * DAY, 4000))
    found = popularity_drift(item, time, 9)
    assert found["period_seconds"] == 21_600 and found["ages"] and found["windows"]
    mixed = rng.permutation(4000)
    assert popularity_drift(item[mixed], time[mixed], 9) == found


@pytest.mark.parametrize(
    ("days", "unit"),
    [(1, 3600), (60, 21_600), (300, 604_800), (4000, 2_592_000), (99_999, 7_776_000)],
)
def test_periods_are_short_but_not_too_many(days: int, unit: int) -> None:
    assert choose_period(days * DAY) == unit
