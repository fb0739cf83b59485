"""The page's pictures: trials as lines through their choices, and what each choice explains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from tfhrnn.evaluation.canvas import BLUES, GREY, RUST, new_figure, set_title, tidy
from tuning.importance import Importance, shown
from tuning.space import Choice, Dimension

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SPREAD: Final = 0.03  # lines through one value side by side
_LETTERS: Final = 60  # that fit under an axis


def plot_parallel(
    dimensions: Sequence[Dimension],
    settings: Sequence[Mapping[str, Any]],
    standing: npt.NDArray[np.floating],
    ends: tuple[str, str],
) -> Figure:
    """Parallel coordinates, one axis below another: a line a trial, through its choices.

    Args:
      dimensions: an axis each, from top to bottom.
      settings: of each trial, the best first; its line passes one that it lacks
        without a dot.
      standing: `[trials]`, 0 the best, 1 the worst; the last axis.
      ends: what to write at the best and at the worst end of that.
    """
    figure = new_figure(0.9 + 0.46 * (len(dimensions) + 1))
    axes = figure.add_subplot()
    rows = np.arange(len(dimensions) + 1)
    # The best on top of the others; of those that stand alike, the first.
    order = np.lexsort((-np.arange(len(standing)), -standing))
    shift = np.linspace(-_SPREAD / 2, _SPREAD / 2, len(standing))
    for at in order:
        across = [_place(dimension, settings[at]) for dimension in dimensions]
        points = [(x + shift[at], row) for row, x in enumerate(across) if x is not None]
        points.append((standing[at], int(rows[-1])))
        best = at == order[-1]
        good = standing[at] <= 0.25
        axes.plot(
            *zip(*points, strict=True),
            color=RUST if best else BLUES[0] if good else GREY,
            lw=1.8 if best else 1.1 if good else 0.7,
            alpha=1 if best or good else 0.6,
            marker="o",
            ms=3.2 if best else 1.8,
            zorder=3 if best else 2,
        )
    for row, dimension in enumerate(dimensions):
        axes.axhline(row, color="#e4e4e4", lw=0.8, zorder=0)
        marks = _marks(dimension)
        for place, label in marks:
            _write(axes, place, row, label, _LETTERS // len(marks))
    axes.axhline(rows[-1], color="#e4e4e4", lw=0.8, zorder=0)
    for place, label in zip((0.0, 1.0), ends, strict=True):
        _write(axes, place, int(rows[-1]), label, _LETTERS)
    axes.set_yticks(rows, [*(_titled(dimension.name) for dimension in dimensions), "standing"])
    axes.set_ylim(len(rows) - 0.4, -0.4)
    axes.set_xlim(-0.08, 1.08)
    axes.set_xticks([])
    tidy(axes)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.tick_params(axis="y", length=0, labelsize=7)
    for text in axes.texts:
        text.set_fontsize(6)
    set_title(figure, "Trials through their choices (rust: the best)")
    return figure


def plot_importance(found: Sequence[Importance]) -> Figure:
    """Bars of what each choice explains, with what chance alone would."""
    figure = new_figure(1.1 + 0.24 * len(found))
    axes = figure.add_subplot()
    at = np.arange(len(found))
    colors = [BLUES[0] if one.clear else BLUES[1] for one in found]
    axes.barh(at, [one.share for one in found], height=0.7, color=colors, lw=0)
    axes.plot([one.chance for one in found], at, "|", color=RUST, ms=10, label="chance (95 %)")
    axes.set_yticks(at, [_titled(one.name) for one in found])
    axes.set_ylim(len(found) - 0.4, -0.6)
    axes.set_xlim(0, 1)
    axes.set_xlabel("share of the trials' standing")
    tidy(axes)
    axes.tick_params(axis="y", length=0)
    figure.legend(frameon=False, loc="outside lower left", fontsize=8)
    set_title(figure, "Importance of each choice")
    return figure


def _titled(name: str) -> str:
    """A setting's name as an axis has room for it.

    >>> _titled("min_user_history_length_percentile"), _titled("weight_decay")
    ('min history percentile', 'weight decay')
    """
    return name.replace("user_history_length", "history").replace("_", " ")


def _place(dimension: Dimension, settings: Mapping[str, Any]) -> float | None:
    """Where a trial's value stands, from 0 to 1; None where it has none."""
    value = settings.get(dimension.name)
    if value is None:
        return None
    if isinstance(dimension, Choice):
        return dimension.values.index(value) / max(1, len(dimension.values) - 1)
    low, high = dimension.low, dimension.high
    if dimension.log:
        return float(np.log(value / low) / np.log(high / low))
    return float((value - low) / (high - low))


def _marks(dimension: Dimension) -> list[tuple[float, str]]:
    """Places and labels along a dimension's axis."""
    if isinstance(dimension, Choice):
        last = max(1, len(dimension.values) - 1)
        return [(at / last, shown(value)) for at, value in enumerate(dimension.values)]
    return [(0.0, shown(dimension.low)), (1.0, shown(dimension.high))]


def _write(axes: Any, place: float, row: int, label: str, room: int) -> None:
    axes.annotate(
        label if len(label) <= room else f"{label[: room - 1]}…",
        (place, row),
        (0, -4),
        textcoords="offset points",
        ha="center",
        va="top",
        color="#444444",
        zorder=4,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.3, "alpha": 0.8},
    )
