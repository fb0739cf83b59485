"""The pictures of a search: where lines and bars stand, and what is written beside them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_hex

from tfhrnn.evaluation.canvas import BLUES, GREY, RUST
from tuning.importance import Importance
from tuning.narrowing import dimensions
from tuning.plots import plot_importance, plot_parallel
from tuning.space import Choice

DIMENSIONS = dimensions(["units=4,8,16", "learning_rate=1e-3..1e-1", "item_dropout=0.0..0.5"])
ENDS = ("20.0", "99.0")


def trials() -> list[dict[str, Any]]:
    """Best first; the last lacks a rate."""
    return [
        {"units": 16, "learning_rate": 1e-2, "item_dropout": 0.5},
        {"units": 4, "learning_rate": 1e-1, "item_dropout": 0.0},
        {"units": 8, "item_dropout": 0.25},
    ]


def lines(figure: Any) -> list[Any]:
    """The trials' lines, not the axes'."""
    return [line for line in figure.axes[0].lines if line.get_marker() == "o"]


def test_a_line_goes_through_its_choices_from_0_to_1() -> None:
    figure: Any = plot_parallel(DIMENSIONS, trials(), np.array([0.0, 0.5, 1.0]), ENDS)
    found = {to_hex(line.get_color()): line for line in lines(figure)}
    best = found[to_hex(RUST)]
    # A logarithmic axis has 1e-2 in the middle; the last axis is the standing.
    np.testing.assert_allclose(best.get_xdata(), [1, 0.5, 1, 0], atol=0.02)
    assert best.get_ydata().tolist() == [0, 1, 2, 3]
    gap = [line for line in lines(figure) if len(line.get_xdata()) == 3]
    assert len(gap) == 1  # passes what it lacks without a dot
    np.testing.assert_allclose(gap[0].get_xdata(), [0.5, 0.5, 1], atol=0.02)
    assert gap[0].get_ydata().tolist() == [0, 2, 3]


def test_the_best_is_drawn_last_and_good_ones_stand_out() -> None:
    standing = np.array([0.0, 0.0, 0.25, 0.26, 1.0])
    settings = [trials()[0]] * 5
    found = lines(plot_parallel(DIMENSIONS, settings, standing, ENDS))
    assert [to_hex(line.get_color()) for line in found] == [
        to_hex(colour) for colour in (GREY, GREY, BLUES[0], BLUES[0], RUST)
    ]
    assert found[-1].get_zorder() > found[0].get_zorder()


def test_axes_are_named_and_their_ends_written() -> None:
    figure: Any = plot_parallel(DIMENSIONS, trials(), np.array([0.0, 0.5, 1.0]), ENDS)
    axes: Any = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        *("units", "learning rate", "item dropout", "standing")
    ]
    texts = [text.get_text() for text in axes.texts]
    assert texts == ["4", "8", "16", "0.001", "0.1", "0", "0.5", "20.0", "99.0"]


def test_a_label_that_has_no_room_is_cut() -> None:
    names = tuple(f"a name of {n}" for n in range(6))
    long = [Choice("loss", names)]
    figure: Any = plot_parallel(long, [{}], np.array([0.0]), ("a" * 61, "b" * 60))
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts[-2:] == ["a" * 59 + "…", "b" * 60]
    assert all(len(text) <= 10 for text in texts[:-2])


def test_bars_are_shares_and_marks_are_what_chance_makes() -> None:
    found = [
        Importance("units", 0.7, 0.2, []),
        Importance("min_user_history_length_percentile", 0.1, 0.3, []),
    ]
    axes: Any = plot_importance(found).axes[0]
    assert [bar.get_width() for bar in axes.patches] == [0.7, 0.1]
    assert axes.lines[0].get_xdata().tolist() == [0.2, 0.3]
    assert [to_hex(bar.get_facecolor()) for bar in axes.patches] == [
        to_hex(BLUES[0]),  # more than chance
        to_hex(BLUES[1]),
    ]
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        *("units", "min history percentile")
    ]
    assert axes.get_xlim() == (0, 1)


@pytest.mark.parametrize("count", [1, 2, 40])
def test_figures_grow_with_what_they_show(count: int) -> None:
    few = plot_importance([Importance("a", 0.1, 0.1, [])]).get_size_inches()[1]
    many = plot_importance([Importance("a", 0.1, 0.1, [])] * count).get_size_inches()[1]
    assert many == pytest.approx(few + 0.24 * (count - 1))
