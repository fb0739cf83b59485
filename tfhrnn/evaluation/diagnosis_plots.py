"""The diagnosis' pictures: power laws, drift of popularity, loss by age.

Plain values go in, a matplotlib figure comes out. The histogram of gaps is
`tfhrnn.data.gap_plot`'s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tfhrnn.data.sessions import describe_seconds
from tfhrnn.evaluation.canvas import (
    BLUES,
    GREY,
    MODELS,
    RUST,
    mark_log,
    new_figure,
    set_title,
    tidy,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def plot_power_laws(laws: Mapping[str, Mapping[str, Any]], title: str, unit: str) -> Figure:
    """Draws how many have at least n events, over n, with the fitted lines.

    Args:
      laws: name → what `tfhrnn.data.diagnosis.power_law` returned.
      title: the picture's.
      unit: what n counts, such as "events of an item".
    """
    figure = new_figure(3.2)
    axes = figure.add_subplot(xscale="log", yscale="log")
    every = []
    for (name, law), colour in zip(laws.items(), MODELS, strict=False):
        x, y = np.array(law["points"], float).T
        every.append((x, y))
        slope = law["slope"]
        label = name if slope is None else f"{name}, slope {slope:.2f} (rmse {law['rmse']:.2f})"
        axes.plot(x, y, "o-", ms=2.5, color=colour, label=label)
        if slope is not None:
            start = np.mean(np.log(y)) - slope * np.mean(np.log(x))
            line = np.exp(start + slope * np.log(x))
            axes.plot(x, line, color=colour, lw=1, ls=(0, (4, 3)), alpha=0.6)
    most = max(x.max() for x, _ in every)
    top, least = max(y.max() for _, y in every), min(y.min() for _, y in every)
    axes.set_ylim(least / 1.5, top * 1.8)
    mark_log(axes.xaxis, 1, max(10, most))
    mark_log(axes.yaxis, least, max(10 * least, top))
    axes.set_xlabel(f"n, {unit} (log)")
    axes.set_ylabel("with n or more (log)")
    axes.legend(frameon=False, loc="lower left")
    set_title(figure, title)
    tidy(axes)
    return figure


def plot_ages(ages: Sequence[Mapping[str, float]], mark: float | None) -> Figure:
    """Draws by how much perplexity rises with the age of the model.

    Args:
      ages: what `loss_by_age` returned.
      mark: seconds at which to retrain, None for none.
    """
    figure = new_figure(3.2)
    axes = figure.add_subplot()
    places = [_place(row["age_seconds"], ages[1]["age_seconds"]) for row in ages]
    change = [100 * row["change"] for row in ages]
    axes.plot(places, change, "o-", ms=3.5, color=BLUES[0])
    if mark is not None:
        at = _place(mark, ages[1]["age_seconds"])
        axes.axvline(at, color=RUST, lw=1, ls=(0, (4, 3)))
        text = f"2 % after {describe_seconds(mark)}"
        right = at < places[-1] / 2
        axes.text(
            at,
            max(change),
            f" {text} ",
            color=RUST,
            va="top",
            ha="left" if right else "right",
        )
    _span_ticks(axes, places, [row["age_seconds"] for row in ages])
    axes.set_ylabel("perplexity above a fresh model's, %")
    axes.set_xlabel("time since the model was trained")
    set_title(figure, "How a popularity model ages (lower is better)")
    tidy(axes)
    return figure


def plot_drift(drift: Sequence[Mapping[str, float]]) -> Figure:
    """Draws total variation between neighbouring periods, and what chance alone makes.

    Args:
      drift: what `drift_by_period` returned.
    """
    figure = new_figure(3.2)
    axes = figure.add_subplot()
    places = list(range(len(drift)))
    for key, label, colour in (
        ("before", "to the period before", BLUES[0]),
        ("bootstrap", "to a sample of the period itself", GREY),
    ):
        axes.plot(places, [row[key] for row in drift], "o-", ms=3.5, color=colour, label=label)
    axes.plot(
        places,
        [row["new_items"] for row in drift],
        "o-",
        ms=3.5,
        color=MODELS[1],
        label="share of events of new items",
    )
    _span_ticks(axes, places, [row["period_seconds"] for row in drift])
    axes.set_ylim(0, None)
    axes.set_ylabel("total variation, share")
    axes.set_xlabel("length of a period")
    axes.legend(frameon=False)
    set_title(figure, "How far popularity moves from period to period")
    tidy(axes)
    return figure


def _place(seconds: float, unit: float) -> float:
    """Ages double from one unit on; 0 stands a step before the first."""
    return float(np.log2(seconds / unit)) + 1 if seconds > unit else seconds / unit


def _span_ticks(axes: Axes, places: Sequence[float], seconds: Sequence[float]) -> None:
    axes.set_xticks(places, ["0" if not span else describe_seconds(span) for span in seconds])
    if len(places) > 7:
        axes.tick_params(axis="x", rotation=45)
