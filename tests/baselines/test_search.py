"""The search along one axis after the other, on figures that are written down."""

from __future__ import annotations

from tfhrnn.baselines.early_stopping import Best
from tfhrnn.baselines.search import search


def test_it_goes_along_one_axis_after_the_other() -> None:
    tried = []

    def fit(setting: tuple[float, ...]) -> Best[str]:
        tried.append(setting)
        one, other = setting
        # A valley whose lowest place, (3, 20), is two moves from the middle, (2, 10).
        return Best((one - 3) ** 2 + (other - 20) ** 2 / 100, 1, f"{one} {other}", 1)

    found = search([(1, 2, 3), (0, 10, 20)], fit)
    assert tried == [(2, 10), (1, 10), (3, 10), (3, 0), (3, 20)]
    assert found.chosen == (3, 20) and found.best.state == "3 20"
    assert found.figures == {(2, 10): 2, (1, 10): 5, (3, 10): 1, (3, 0): 4, (3, 20): 0}


def test_the_first_among_equals_is_chosen_and_single_values_are_taken() -> None:
    found = search([(5,), (1, 2)], lambda setting: Best(7.0, 1, setting, 1))
    assert found.chosen == (5, 2) == found.best.state  # the middle of two is the second
    assert search([(5.0,)], lambda setting: Best(7.0, 1, setting, 1)).figures == {(5.0,): 7.0}
