"""Answers as records."""

from __future__ import annotations

import math

from serving.client.answers import Ranking


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
