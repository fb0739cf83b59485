"""The report's pictures: what training learned, figures by gap level, what another gap changes.

Plain values go in, a matplotlib figure comes out; `tfhrnn.evaluation.canvas.png` turns it into
bytes. The histogram of gaps is `tfhrnn.data.gap_plot`'s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import polars as pl

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
    from matplotlib.figure import Figure

_LEVEL_METRICS: Final = {
    "perplexity": ("Perplexity by gap level (lower is better)", "perplexity", ",.1f"),
    "ndcg": ("NDCG@10 by gap level (higher is better)", "NDCG@10", ".3f"),
}


def level_name(level: int, thresholds: Sequence[int] | None) -> str:
    """Names a level by its gaps, or by its number where thresholds are not known.

    >>> [level_name(level, (60, 3600)) for level in (0, 1, 2, 3)]
    ['< 1 min', '1 min – 1 h', '≥ 1 h', 'start']
    """
    if thresholds is None:
        return f"level {level}"
    if level > len(thresholds):
        return "start"
    edges = ["", *map(describe_seconds, thresholds), ""]
    low, high = edges[level : level + 2]
    if low and high:
        return f"{low} – {high}"
    return f"< {high}" if high else f"≥ {low}" if low else "any gap"


def plot_learning(metrics: pl.DataFrame) -> Figure:
    """Draws train and validation perplexity by epoch, the best one marked, and the learning rate.

    Args:
      metrics: a row an epoch, with epoch, perplexity, val_perplexity and learning_rate; what is no
        number is left out.
    """
    from matplotlib.ticker import MaxNLocator

    epoch, train, held_out, rate = (
        metrics[name].cast(pl.Float64, strict=False).to_numpy()
        for name in ("epoch", "perplexity", "val_perplexity", "learning_rate")
    )
    figure = new_figure(3.7)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
    upper.plot(epoch, train, "o-", ms=2.5, color=BLUES[1], label="train (with dropout)")
    upper.plot(epoch, held_out, "o-", ms=2.5, color=BLUES[0], label="validation")
    if np.isfinite(held_out).any():
        best = int(np.nanargmin(held_out))
        label = f"lowest: {held_out[best]:,.1f} after epoch {epoch[best]:g}"
        upper.axvline(epoch[best], color=RUST, lw=1, ls=(0, (4, 3)))
        upper.plot(epoch[best], held_out[best], "o", ms=6, color=RUST, label=label)
    known = np.concatenate([train, held_out])
    known = known[np.isfinite(known)]
    if known.size and known.max() > 3 * known.min():
        upper.set_yscale("log")
        mark_log(upper.yaxis, known.min(), known.max())
        upper.set_ylabel("perplexity (log)")
    else:
        upper.set_ylabel("perplexity")
    upper.legend(loc="upper right", framealpha=1, edgecolor="none")  # hides the line behind it
    upper.grid(axis="y", color="#e4e4e4", lw=0.6)
    lower.plot(epoch, rate, "o-", ms=2.5, color=GREY)
    highest = np.nanmax(rate, initial=0.0) or 1.0
    lower.set_ylim(0, 1.15 * highest)
    lower.set_yticks([0, highest], ["0", f"{highest:.2g}"])
    lower.set_ylabel("learning\nrate")
    lower.set_xlabel("epoch")
    lower.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8, min_n_ticks=1))
    for axes in (upper, lower):
        tidy(axes)
    set_title(figure, "Perplexity by epoch (lower is better)")
    return figure


def plot_by_level(
    by_level: Mapping[str, Sequence[Mapping[str, Any]]],
    thresholds: Sequence[int] | None,
    metric: Literal["perplexity", "ndcg"],
) -> Figure:
    """Draws a metric's bars for every level, the models beside each other.

    Args:
      by_level: model → a row a level, with level, targets and the metric; a model may lack levels.
        Where a row has the metric's standard error, it is drawn and written.
      thresholds: seconds, which name the levels; None where they are not known.
      metric: which one.
    """
    title, label, form = _LEVEL_METRICS[metric]
    rows = {name: {row["level"]: row for row in found} for name, found in by_level.items()}
    targets = {level: row["targets"] for found in rows.values() for level, row in found.items()}
    levels, thick = sorted(targets), 0.8 / max(1, len(rows))
    figure = new_figure(1.1 + len(levels) * (0.22 + 0.19 * max(1, len(rows))))
    axes = figure.add_subplot()
    ends, least = [0.0], np.inf
    for place, (name, color) in enumerate(zip(rows, _colors(rows), strict=True)):
        shown = [
            level for level in levels if np.isfinite(rows[name].get(level, {}).get(metric, np.nan))
        ]
        value = np.array([rows[name][level][metric] for level in shown], np.float64)
        error = np.array(
            [rows[name][level].get(f"{metric}_standard_error", 0.0) for level in shown], np.float64
        )
        at = np.array([levels.index(level) for level in shown]) + (place + 0.5) * thick - 0.4
        axes.barh(at, value, height=0.92 * thick, color=color, label=name, lw=0)
        axes.errorbar(value, at, xerr=error, fmt="none", ecolor="#333333", elinewidth=0.9)
        for y, end, number in zip(at, value + error, value, strict=True):
            axes.annotate(
                format(number, form), (end, y), (3, 0), textcoords="offset points", va="center"
            )
        ends += (value + error).tolist()
        least = min(least, value.min(initial=np.inf))
    if metric == "perplexity" and max(ends) > 30 * least:  # short bars would not be seen
        axes.set_xscale("log")
        mark_log(axes.xaxis, least / 2, max(ends))
        axes.set_xlim(least / 2, max(ends) * (2 * max(ends) / least) ** 0.15)
        label += " (log)"
    else:
        axes.set_xlim(0, 1.15 * max(ends) or 1.0)
    labels = [f"{level_name(level, thresholds)}\n{targets[level]:,} targets" for level in levels]
    axes.set_yticks(range(len(levels)), labels)
    axes.set_ylim(len(levels) - 0.5, -0.5)
    axes.set_xlabel(label)
    tidy(axes)
    axes.tick_params(axis="y", length=0)
    figure.legend(frameon=False, loc="outside lower left", ncols=3, fontsize=8)
    set_title(figure, title)
    return figure


def plot_sweep(rows: Sequence[Mapping[str, Any]], thresholds: Sequence[int] | None) -> Figure:
    """Draws how popular the first recommendation is when only the gap is changed.

    Args:
      rows: one a gap, with gap_seconds (None for the start), level, mean_popularity,
        standard_error and users.
      thresholds: seconds, which name the levels, shown as bands; None where they are not known.
    """
    figure = new_figure(3.2)
    axes = figure.add_subplot()
    at = np.arange(len(rows))
    mean = np.array([100 * row["mean_popularity"] for row in rows], np.float64)
    error = np.array([100 * (row.get("standard_error") or 0.0) for row in rows], np.float64)
    axes.errorbar(at, mean, error, fmt="o-", color=BLUES[0], ms=5, elinewidth=1, capsize=2)
    levels = [row["level"] for row in rows]
    for band, level in enumerate(sorted(set(levels))):
        inside = np.flatnonzero(np.array(levels) == level)
        first, last = inside.min() - 0.5, inside.max() + 0.5
        if band % 2 == 0:
            axes.axvspan(first, last, color="#f0f0f0", lw=0, zorder=0)
        name = level_name(level, thresholds)
        axes.text(
            (first + last) / 2,
            0.98,
            name.replace(" – ", "\n– ") if len(rows) > 5 else name,
            ha="center",
            va="top",
            color=RUST,
            transform=axes.get_xaxis_transform(),
        )
    gaps = [row["gap_seconds"] for row in rows]
    axes.set_xticks(
        at,
        ["start" if gap is None else describe_seconds(gap) for gap in gaps],
        rotation=45 if len(rows) > 8 else 0,
    )
    axes.set_xlim(-0.5, len(rows) - 0.5)
    axes.set_ylim(0, 1.3 * float((mean + error).max(initial=0.0)) or 1.0)
    axes.set_xlabel("gap that is said to lie before the next event")
    axes.set_ylabel("mean share of events, %")
    tidy(axes)
    users = f", {rows[0]['users']:,} test users" if rows and "users" in rows[0] else ""
    set_title(figure, f"Popularity of the first recommendation by gap{users}")
    return figure


def _colors(models: Mapping[str, Any]) -> list[str]:
    """Returns grey for popularity and a colour for each model."""
    others = [name for name in models if name != "popularity"]
    return [
        GREY if name == "popularity" else MODELS[others.index(name) % len(MODELS)]
        for name in models
    ]
