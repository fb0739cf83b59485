"""Bars and lines stand where the figures are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes

from tfhrnn.evaluation.experiment_plots import Bars, plot_accuracies, plot_bars, plot_gaps

BARS = Bars("perplexity", "Perplexity", "perplexity")


def only_axes(figure: Any) -> Axes:
    (axes,) = figure.axes
    assert isinstance(axes, Axes)
    return axes


def marks(axes: Axes, label: str) -> list[tuple[float, float]]:
    found = [line for line in axes.lines if line.get_label() == label]
    return [
        (float(x), float(y))
        for line in found
        for x, y in zip(*map(np.asarray, line.get_data()), strict=True)
    ]


def test_bars_carry_the_bound_and_the_papers_figure() -> None:
    rows: list[dict[str, Any]] = [
        {"name": "popularity", "perplexity": 10.0},
        {"name": "without"},
        {"name": "RNN", "perplexity": 5.0, "bound": 4.0, "paper": 3},
    ]
    axes = only_axes(plot_bars(rows, BARS))
    assert [bar.get_width() for bar in axes.patches] == [10, 5]  # type: ignore[attr-defined]
    assert marks(axes, "bound") == [(4, 1)] and marks(axes, "paper") == [(3, 1)]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["popularity", "RNN"]
    assert {"10.0", "5.000"} <= {text.get_text() for text in axes.texts}
    assert axes.get_xscale() == "linear" and axes.get_xlim()[0] == 0


def test_bars_far_apart_go_on_a_logarithmic_axis() -> None:
    rows = [{"name": "a", "perplexity": 2000.0}, {"name": "b", "perplexity": 1.0, "bound": 1.0}]
    axes = only_axes(plot_bars(rows, BARS))
    assert axes.get_xscale() == "log" and axes.get_xlabel() == "perplexity (log)"
    low, high = axes.get_xlim()
    assert low < 1 and high > 2000


def test_an_axis_that_does_not_begin_at_nothing_says_so() -> None:
    rows = [{"name": "a", "rmse": 0.94}, {"name": "b", "rmse": 0.92, "paper": 0.84}]
    axes = only_axes(plot_bars(rows, Bars("rmse", "RMSE", "RMSE", low=True)))
    assert axes.get_xlim()[0] == pytest.approx(0.84 - 0.2 * 0.1)
    assert axes.get_xlabel() == "RMSE, axis not from 0"


def test_the_papers_figure_is_of_the_main_figure_alone() -> None:
    rows = [{"name": "a", "rmse": 0.94, "perplexity": 240.0, "paper": 0.857}]
    assert marks(only_axes(plot_bars(rows, BARS)), "paper") == []
    assert marks(only_axes(plot_bars(rows, Bars("rmse", "", ""))), "paper") == [(0.857, 0)]


def test_lines_of_models_stand_at_their_gaps_with_intervals() -> None:
    rows = [
        {"name": "", "model": m, "gap_seconds": g, "x": y, "x_low": y - 0.5, "x_high": y + 1}
        for m, g, y in (("a", 60, 2.0), ("a", 0, 1.0), ("b", 0, 3.0))
    ] + [{"name": "no gap", "model": "c", "x": 9.0}]
    axes = only_axes(plot_gaps(rows, "x", "X", "x"))
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0 s", "1 min"]
    first, second = axes.containers
    assert np.asarray(first[0].get_ydata()).tolist() == [2, 1]
    assert np.round(np.asarray(first[0].get_xdata())).tolist() == [1, 0]
    (segments,) = second[2]
    assert [point[1] for point in segments.get_segments()[0].tolist()] == [2.5, 4]


def test_accuracies_are_grouped_by_model() -> None:
    rows: list[dict[str, Any]] = [
        {"name": "gru", "accuracy_10": 1.0, "accuracy_100": 0.5},
        {"name": "tcn"},
    ]
    axes = only_axes(plot_accuracies(rows, [10, 100]))
    assert [bar.get_width() for bar in axes.patches] == [1.0, 0.5]  # type: ignore[attr-defined]
    assert {"1.000", "0.500"} <= {text.get_text() for text in axes.texts}
