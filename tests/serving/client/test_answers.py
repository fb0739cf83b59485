"""Answers as records."""

from __future__ import annotations

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.client.answers import Ranking, Recommendation, answered


def test_a_ranking_is_sorted_by_feedback_where_there_is_some() -> None:
    ranking = Ranking(
        ("a", "b", "c", "d"), (-1.0, -2.0, -math.inf, -4.0), (3.0, 5.0, math.nan, 5.0)
    )
    best = ranking.best_first()
    assert (best.items, best.log_probabilities) == (("b", "d", "a", "c"), (-2, -4, -1, -math.inf))
    assert best.feedback is not None and best.feedback[:3] == (5.0, 5.0, 3.0)


def test_unknown_ids_come_last_and_equal_ones_keep_their_order() -> None:
    ranking = Ranking(("a", "b", "c"), (-math.inf, -1.0, -1.0), None)
    assert ranking.best_first() == Ranking(("b", "c", "a"), (-1.0, -1.0, -math.inf), None)


@given(st.lists(st.text("ab", min_size=1)), st.integers(0, 5))
def test_what_fills_up_a_row_is_not_counted(items: list[str], blanks: int) -> None:
    assert answered([*items, *[""] * blanks]) == len(items)


@given(
    st.lists(
        st.tuples(st.floats(-50, 0) | st.just(-math.inf), st.floats(1, 5) | st.just(math.nan)),
        max_size=8,
    ),
    st.booleans(),
)
def test_sorting_moves_items_with_their_figures_and_loses_none(
    figures: list[tuple[float, float]], rates: bool
) -> None:
    items = tuple(str(n) for n in range(len(figures)))
    feedback = tuple(one for _, one in figures)
    ranking = Ranking(items, tuple(log_p for log_p, _ in figures), feedback if rates else None)
    best = ranking.best_first()
    assert sorted(best.items) == sorted(items)
    for place, item in enumerate(best.items):
        assert best.log_probabilities[place] == figures[int(item)][0]
        if best.feedback is not None:
            shown, own = best.feedback[place], figures[int(item)][1]
            assert shown == own or (math.isnan(shown) and math.isnan(own))
    keys = best.log_probabilities if best.feedback is None else best.feedback
    known = [key for key in keys if not math.isnan(key)]
    assert known == sorted(known, reverse=True)
    assert all(math.isnan(key) for key in keys[len(known) :])
    assert ranking.items == items  # a new one is made


def test_a_ranking_of_nothing_is_empty() -> None:
    assert Ranking((), (), ()).best_first() == Ranking((), (), ())


def test_records_are_values() -> None:
    one = Recommendation(("a",), (-1.0,), (False,))
    assert one == Recommendation(("a",), (-1.0,), (False,)) and one.promoted == ()
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.items = ()  # type: ignore[misc]
