"""Trials as rows: their order, and how they stand among those of as many epochs."""

from __future__ import annotations

from typing import Any

import pytest

from tuning.trials import Row, in_order, standing


def row(name: str, score: float | None, epochs: int = 5, **more: Any) -> Row:
    plain: dict[str, Any] = {"status": "completed", "epoch": 1, "seconds": 1.0, "settings": {}}
    plain |= {"parent": "", "is_base": False, "judged_on": "", "reason": ""}
    return Row(name, score=score, epochs=epochs, **{**plain, **more})


def test_the_best_comes_first_and_what_has_no_score_last() -> None:
    rows = [row("0", 3.0), row("1", None), row("2", 1.0), row("3", 3.0)]
    assert [r.trial for r in in_order(rows, "val_perplexity")] == ["2", "0", "3", "1"]
    assert [r.trial for r in in_order(rows, "val_ndcg")] == ["0", "3", "2", "1"]


def test_standing_goes_from_the_best_to_the_worst_and_equals_share_theirs() -> None:
    rows = [row(str(n), score) for n, score in enumerate((10.0, 30.0, 20.0, 20.0, 40.0))]
    assert standing(rows, "val_perplexity").tolist() == [0, 0.75, 0.375, 0.375, 1]
    assert standing(rows, "val_ndcg").tolist() == [1, 0.25, 0.625, 0.625, 0]


def test_trials_of_other_budgets_are_not_compared_and_failed_ones_left_out() -> None:
    rows = [row("0", 90.0, 1), row("1", 80.0, 1), row("2", 70.0, 3), row("3", None)]
    assert standing(rows, "val_perplexity").tolist() == [1, 0, 0.5]


@pytest.mark.parametrize("rows", [[], [row("0", None)]])
def test_nothing_stands_nowhere(rows: list[Row]) -> None:
    assert standing(rows, "val_perplexity").size == 0
