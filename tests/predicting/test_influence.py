"""What popularity and freshness add to the scores that items are chosen by."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tfhrnn.answer_rules import AnswerRules
from tfhrnn.predicting.influence import Influence

COUNTS = np.array([0, 3, 16])  # 19 events of 3 items: shares of 1, 4 and 17 in 22
AGES = np.array([0.0, 1.0, 99.0], np.float32)


def influence(ages: np.ndarray | None = AGES, **rules: object) -> Influence:
    return Influence(AnswerRules(**rules), COUNTS, ages)  # type: ignore[arg-type]


def test_without_rules_nothing_is_added_and_all_explore() -> None:
    found = influence(ages=None)
    np.testing.assert_array_equal(found.added, np.zeros(3))
    assert found.added_to_new == 0 and found.explored is None


@pytest.mark.parametrize("share", [0.25, 1.0])
def test_popularity_adds_the_log_of_the_share_of_events(share: float) -> None:
    found = influence(ranking_influence={"POPULARITY": share})
    np.testing.assert_allclose(found.added, share * np.log(np.array([1, 4, 17]) / 22), rtol=1e-6)
    # An item in no catalogue has no events.
    assert found.added_to_new == pytest.approx(share * np.log(1 / 22))


def test_freshness_takes_away_the_log_of_the_age_and_nothing_from_new_items() -> None:
    found = influence(ranking_influence={"FRESHNESS": 0.5})
    np.testing.assert_allclose(found.added, -0.5 * np.log([1, 2, 100]), rtol=1e-6)
    assert found.added_to_new == 0


def test_both_are_added_up() -> None:
    words = {"POPULARITY": 0.4, "FRESHNESS": 0.6}
    both = influence(ranking_influence=words)
    apart = [influence(ranking_influence={name: value}) for name, value in words.items()]
    np.testing.assert_allclose(both.added, sum(one.added.numpy() for one in apart), rtol=1e-6)
    assert both.added_to_new == sum(one.added_to_new for one in apart)


@pytest.mark.parametrize(("days", "wanted"), [(0.5, [1, 0, 0]), (1, [1, 1, 0]), (99, [1, 1, 1])])
def test_items_of_the_cut_off_or_younger_explore(days: float, wanted: list[int]) -> None:
    found = influence(exploration_item_age_cut_off=days)
    assert found.explored is not None and found.explored.dtype == "float32"
    assert found.explored.numpy().tolist() == wanted
    np.testing.assert_array_equal(found.added, np.zeros(3))


@given(
    counts=arrays.arrays(np.int64, st.integers(1, 9), elements=st.integers(0, 10**9)),
    share=st.floats(0, 1),
)
def test_at_an_influence_of_one_shares_sum_to_one_and_order_is_that_of_events(
    counts: np.ndarray, share: float
) -> None:
    whole = Influence(AnswerRules(ranking_influence={"POPULARITY": 1.0}), counts, None)
    assert np.exp(whole.added.numpy()).sum() == pytest.approx(1, rel=1e-4)
    some = Influence(AnswerRules(ranking_influence={"POPULARITY": share}), counts, None)
    assert np.isfinite(some.added).all()
    order = np.argsort(counts, kind="stable")
    assert (np.diff(some.added.numpy()[order]) >= 0).all()
    assert (some.added.numpy() >= some.added_to_new - 1e-4).all()
