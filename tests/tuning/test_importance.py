"""Importance: shares worked out by hand, and what chance makes of few trials."""

from __future__ import annotations

import numpy as np
import pytest

from tuning.importance import importances


def test_a_share_is_the_variance_between_groups_over_all_of_it() -> None:
    # Groups 0, 2 and 4, 6: means 1 and 5 about 3. Between: 4 · 2² = 16; total 9 + 1 + 1 + 9 = 20.
    rows = [{"tower": "gru"}, {"tower": "gru"}, {"tower": "tcn"}, {"tower": "tcn"}]
    (found,) = importances(rows, np.array([0.0, 2.0, 4.0, 6.0]))
    assert found.share == pytest.approx(16 / 20)
    assert [group.label for group in found.groups] == ["gru", "tcn"]
    assert [group.trials for group in found.groups] == [2, 2]
    assert [group.standing for group in found.groups] == [1, 5]


def test_few_trials_prove_nothing_and_many_do() -> None:
    few = [{"tied": n % 2 == 0} for n in range(4)]
    (found,) = importances(few, np.array([0.0, 1.0, 0.1, 0.9]))
    # Of the 6 ways to halve four trials 2 part them as well as this one.
    assert found.share > 0.9 and not found.clear
    many = [{"tied": n % 2 == 0} for n in range(40)]
    (found,) = importances(many, np.array([float(n % 2) for n in range(40)]))
    assert found.share == 1 and found.clear and found.chance < 0.15


def test_chance_is_right_for_settings_that_do_nothing() -> None:
    rng = np.random.default_rng(0)
    rows = [{f"s{k}": int(rng.integers(3)) for k in range(200)} for _ in range(30)]
    found = importances(rows, rng.random(30))
    share = np.mean([one.clear for one in found])
    assert 0.01 < share < 0.11  # 5 % of 200, two standard errors of 1.5 % and a little more


def test_a_number_with_many_values_is_cut_into_thirds() -> None:
    rows = [{"learning_rate": 0.001 * (n + 1)} for n in range(9)]
    (found,) = importances(rows, np.arange(9.0))
    labels = [group.label for group in found.groups]
    assert labels == ["0.001 to 0.003", "0.004 to 0.006", "0.007 to 0.009"]
    assert [group.standing for group in found.groups] == [1, 4, 7]
    # Between: 3 · (3² + 0 + 3²) = 54; total: 2 · (1 + 4 + 9 + 16) = 60.
    assert found.share == pytest.approx(54 / 60)


def test_trials_without_a_setting_have_no_say_in_it() -> None:
    rows = [{"negatives": n} for n in (8, 8, 16, 16)] + [{}, {}]
    (found,) = importances(rows, np.array([0.0, 0.0, 1.0, 1.0, 0.5, 9.0]))
    assert found.share == 1 and sum(group.trials for group in found.groups) == 4


@pytest.mark.parametrize("rows", [[], [{"a": 1}] * 9, [{"a": n} for n in range(3)]])
def test_what_tells_nothing_is_left_out(rows: list[dict[str, int]]) -> None:
    assert importances(rows, np.arange(float(len(rows)))) == []


def test_equal_standings_explain_nothing() -> None:
    (found,) = importances([{"a": n % 2} for n in range(8)], np.full(8, 0.5))
    assert (found.share, found.chance, found.clear) == (0, 0, False)


def test_clear_ones_come_first_and_shuffles_repeat() -> None:
    rng = np.random.default_rng(1)
    rows = [{"noise": n % 7, "rate": float(n)} for n in rng.permutation(40)]
    standing = np.array([row["rate"] for row in rows])
    found = importances(rows, standing)
    assert [one.name for one in found] == ["rate", "noise"]
    assert found == importances(rows, standing)
