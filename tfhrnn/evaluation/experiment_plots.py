"""Pictures of experiments' rows: bars with the bound and the paper's figure, lines over a gap.

Rows go in as an experiment returned them, figures of `tfhrnn.evaluation.canvas` come out.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

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
from tfhrnn.evaluation.result_table import error_of, main_figure, written

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Rows = Sequence[Mapping[str, Any]]

_WIDE: Final = 30  # bars this many times longer than others go on a logarithmic axis


class Bars(NamedTuple):
    """What bars show.

    Attributes:
      key: of the figure in a row.
      title: of the picture.
      label: of the axis.
      bound: key of the best that can be, drawn as a line across the bar.
      paper: key of the paper's figure, drawn as a diamond.
      low: the axis begins at the least figure less a fifth of the range, where bars from 0 would
        all look alike.
    """

    key: str
    title: str
    label: str
    bound: str = "bound"
    paper: str = "paper"
    low: bool = False


def plot_bars(rows: Rows, bars: Bars) -> Figure:
    """Draws a bar a row, in the rows' order; rows without the figure are left out.

    Args:
      rows: `name` and figures.
      bars: what of them.
    """
    rows = [row for row in rows if row.get(bars.key) is not None]
    value = np.array([row[bars.key] for row in rows], np.float64)
    error = np.array([error_of(row, bars.key) or 0.0 for row in rows], np.float64)
    names = ["\n".join(textwrap.wrap(row["name"], 30)) for row in rows]
    lines = sum(name.count("\n") for name in names)
    figure = new_figure(1.0 + 0.26 * len(rows) + 0.12 * lines)
    axes = figure.add_subplot()
    at = np.arange(len(rows))
    colors = [GREY if row["name"] in ("popularity", "random") else BLUES[0] for row in rows]
    axes.barh(at, value, height=0.62, color=colors, lw=0)
    axes.errorbar(value, at, xerr=error, fmt="none", ecolor="#333333", elinewidth=0.9)
    marks = {"bound": _marks(rows, bars, bars.bound), "paper": _marks(rows, bars, bars.paper)}
    looks: dict[str, dict[str, Any]] = {
        "bound": {"marker": "|", "ms": 11, "mew": 2, "color": "#1d1d1f"},
        "paper": {"marker": "D", "ms": 6, "color": RUST, "mec": "white"},
    }
    for name, (x, y_) in marks.items():
        if x:
            axes.plot(x, y_, ls="none", label=name, **looks[name])
    ends = (value + error).tolist()
    for y, end, number in zip(range(len(rows)), ends, value, strict=True):
        axes.annotate(
            written(bars.key, number), (end, y), (7, 0), textcoords="offset points", va="center"
        )
    known = np.concatenate([value - error, value + error, marks["bound"][0], marks["paper"][0]])
    label = _set_range(axes, known[known > 0], low=bars.low)
    axes.set_yticks(at, names)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlabel(bars.label + label)
    tidy(axes)
    axes.tick_params(axis="y", length=0)
    if marks["bound"][0] or marks["paper"][0]:
        figure.legend(frameon=False, loc="outside lower left", ncols=2, fontsize=8)
    set_title(figure, bars.title)
    return figure


def plot_gaps(rows: Rows, key: str, title: str, label: str) -> Figure:
    """Draws a figure of each model at each gap, with its interval.

    Args:
      rows: `model`, `gap_seconds`, the figure, and its `_low` and `_high`; others are left out.
      key: of the figure.
      title: of the picture.
      label: of the axis.
    """
    rows = [row for row in rows if "gap_seconds" in row and row.get(key) is not None]
    gaps = sorted({row["gap_seconds"] for row in rows})
    models = list(dict.fromkeys(row["model"] for row in rows))
    figure = new_figure(2.9)
    axes = figure.add_subplot()
    for place, model in enumerate(models):
        own = [row for row in rows if row["model"] == model]
        at = np.array([gaps.index(row["gap_seconds"]) for row in own])
        y, low, high = (
            np.array([row.get(k, row[key]) for row in own], np.float64)
            for k in (key, f"{key}_low", f"{key}_high")
        )
        axes.errorbar(
            at + 0.06 * (place - (len(models) - 1) / 2),  # intervals beside each other
            y,
            np.stack([y - low, high - y]),
            fmt="o-",
            ms=4.5,
            color=MODELS[place % len(MODELS)],
            elinewidth=1,
            capsize=2,
            label=model,
        )
    axes.set_xticks(range(len(gaps)), list(map(describe_seconds, gaps)))
    axes.set_xlabel("gap that is said to lie before the next event")
    axes.set_ylabel(label)
    axes.grid(axis="y", color="#e4e4e4", lw=0.6)
    tidy(axes)
    figure.legend(frameon=False, loc="outside lower left", ncols=3, fontsize=8)
    set_title(figure, title)
    return figure


def plot_accuracies(rows: Rows, distances: Sequence[int]) -> Figure:
    """Draws each model's accuracy by how many events stand between.

    Args:
      rows: `name` and `accuracy_D` for some of the distances.
      distances: D, rising.
    """
    figure = new_figure(1.0 + len(rows) * (0.16 + 0.14 * len(distances)))
    axes = figure.add_subplot()
    thick = 0.8 / len(distances)
    for place, distance in enumerate(distances):
        key = f"accuracy_{distance}"
        own = [(at, row[key]) for at, row in enumerate(rows) if row.get(key) is not None]
        at = np.array([at for at, _ in own]) + (place + 0.5) * thick - 0.4
        value = np.array([accuracy for _, accuracy in own], np.float64)
        color = MODELS[place % len(MODELS)]
        axes.barh(at, value, height=0.9 * thick, color=color, lw=0, label=f"D = {distance:,}")
        for y, number in zip(at, value, strict=True):
            axes.annotate(
                f"{number:.3f}", (number, y), (3, 0), textcoords="offset points", va="center"
            )
    axes.set_xlim(0, 1.12)
    axes.set_yticks(range(len(rows)), [str(row["name"]) for row in rows])
    axes.set_ylim(len(rows) - 0.45, -0.55)
    axes.set_xlabel("accuracy")
    tidy(axes)
    axes.tick_params(axis="y", length=0)
    figure.legend(frameon=False, loc="outside lower left", ncols=3, fontsize=8)
    set_title(figure, "Accuracy of copying the item D events ago")
    return figure


def _marks(rows: Rows, bars: Bars, key: str) -> tuple[list[float], list[int]]:
    """Where rows have a mark: the figures, and the rows' places.

    A row's `bound` and `paper` are of its main figure alone.
    """
    found = [
        (float(row[key]), at)
        for at, row in enumerate(rows)
        if row.get(key) is not None
        and (key not in ("bound", "paper") or main_figure(row) == bars.key)
    ]
    return [value for value, _ in found], [at for _, at in found]


def _set_range(axes: Any, known: Any, *, low: bool) -> str:
    """Fits the axis to the figures; returns what its label is to add."""
    if not known.size:
        return ""
    least, most = float(known.min()), float(known.max())
    if most > _WIDE * least:
        axes.set_xscale("log")
        mark_log(axes.xaxis, least / 2, most)
        axes.set_xlim(least / 2, most * (2 * most / least) ** 0.2)
        return " (log)"
    begin = max(0.0, least - 0.2 * (most - least)) if low and most > least else 0.0
    axes.set_xlim(begin, begin + 1.18 * (most - begin))
    return ", axis not from 0" if begin else ""
