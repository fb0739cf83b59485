"""The pictures of a diagnosis: what is drawn where, and what is written beside it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tfhrnn.evaluation.diagnosis_plots import plot_ages, plot_drift, plot_power_laws

DAY = 86_400.0


def law(slope: float | None, scale: float = 1000.0) -> dict[str, Any]:
    """Points that lie on a power law."""
    x = np.array([1.0, 2.0, 4.0, 8.0])
    y = scale * x ** (-1.0 if slope is None else slope)
    return {"points": np.stack([x, y], 1).tolist(), "slope": slope, "rmse": 0.04}


def texts(figure: Any) -> list[str]:
    legend = figure.axes[0].get_legend()
    return [] if legend is None else [text.get_text() for text in legend.get_texts()]


def test_a_law_is_drawn_with_its_line_through_the_points() -> None:
    figure: Any = plot_power_laws({"train": law(-0.5)}, "Items", "events of an item")
    axes: Any = figure.axes[0]
    points, line = axes.lines
    np.testing.assert_allclose(points.get_ydata(), 1000 * np.array([1, 2, 4, 8]) ** -0.5)
    # The points lie on their law, and so the fitted line is theirs.
    np.testing.assert_allclose(line.get_ydata(), points.get_ydata())
    assert texts(figure) == ["train, slope -0.50 (rmse 0.04)"]
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert axes.get_xlabel() == "n, events of an item (log)"
    low, high = axes.get_ylim()
    assert low < min(points.get_ydata()) and high > max(points.get_ydata())


def test_a_law_without_a_slope_has_points_alone() -> None:
    figure: Any = plot_power_laws(
        {"a": law(None), "b": law(-2.0, 10.0)}, "Users", "events of a user"
    )
    assert len(figure.axes[0].lines) == 3
    assert texts(figure) == ["a", "b, slope -2.00 (rmse 0.04)"]


def test_a_single_point_can_be_drawn() -> None:
    figure: Any = plot_power_laws({"a": {"points": [[3, 3]], "slope": None}}, "t", "u")
    assert figure.axes[0].lines[0].get_xdata().tolist() == [3]


def ages(count: int = 5) -> list[dict[str, float]]:
    """0, one day, two, four and so on; a per cent worse with each."""
    spans = [0.0, *(DAY * 2.0**n for n in range(count - 1))]
    return [{"age_seconds": span, "change": 0.01 * at} for at, span in enumerate(spans)]


def test_ages_double_from_step_to_step_and_are_told_in_per_cent() -> None:
    axes: Any = plot_ages(ages(), None).axes[0]
    (line,) = axes.lines
    np.testing.assert_allclose(line.get_xdata(), [0, 1, 2, 3, 4])
    np.testing.assert_allclose(line.get_ydata(), [0, 1, 2, 3, 4])
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert labels[0] == "0" and len(set(labels)) == 5
    assert not axes.texts


@pytest.mark.parametrize(
    ("mark", "at", "side"), [(0.5 * DAY, 0.5, "left"), (DAY, 1, "left"), (8 * DAY, 4, "right")]
)
def test_when_to_train_again_is_marked_on_the_side_that_has_room(
    mark: float, at: float, side: str
) -> None:
    axes: Any = plot_ages(ages(), mark).axes[0]
    assert axes.lines[1].get_xdata() == [at, at]
    (text,) = axes.texts
    assert text.get_text().startswith(" 2 % after ") and text.get_ha() == side
    assert text.get_position()[0] == at


@pytest.mark.parametrize(("count", "turned"), [(7, 0), (8, 45)])
def test_many_ticks_are_turned(count: int, turned: float) -> None:
    axes: Any = plot_ages(ages(count), None).axes[0]
    assert {label.get_rotation() for label in axes.get_xticklabels()} == {turned}


def test_drift_stands_beside_what_chance_makes_from_zero_up() -> None:
    drift = [
        {"period_seconds": DAY, "before": 0.5, "bootstrap": 0.2, "new_items": 0.1},
        {"period_seconds": 7 * DAY, "before": 0.4, "bootstrap": 0.1, "new_items": 0.3},
    ]
    figure: Any = plot_drift(drift)
    axes: Any = figure.axes[0]
    assert [line.get_ydata().tolist() for line in axes.lines] == [
        [0.5, 0.4],
        [0.2, 0.1],
        [0.1, 0.3],
    ]
    assert texts(figure) == [
        "to the period before",
        "to a sample of the period itself",
        "share of events of new items",
    ]
    assert axes.get_ylim()[0] == 0
    assert axes.get_xticks().tolist() == [0, 1]
