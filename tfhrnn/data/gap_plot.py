"""Draws the histogram of a data set's gaps with its thresholds.

Gaps of 0 have a bar of their own, as they would have no place on the logarithmic axis; the others
stand in equal steps of the logarithm. Shares are of all gaps, so bars of a level add up to the
share written over it. Their axis is logarithmic too: the end of a session is a rare thing, and
would not be seen beside the many short gaps.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from tfhrnn.data.log_parts import level_counts
from tfhrnn.data.sessions import Parts, check_thresholds, describe_seconds, in_parts

_TICKS: Final = {
    1: "1 s",
    10: "10 s",
    60: "1 min",
    600: "10 min",
    3600: "1 h",
    36_000: "10 h",
    86_400: "1 d",
    604_800: "7 d",
    2_592_000: "30 d",
    31_557_600: "1 y",
}
_ZERO: Final = -0.45  # where the bar of gaps of 0 stands, in decades
_BARS_PER_DECADE: Final = 8


def plot_gap_histogram(
    gaps: ArrayLike | Parts, thresholds: Sequence[int], path: str | Path, *, title: str = ""
) -> None:
    """Writes the histogram.

    Args:
      gaps: seconds, any shape, also none; or what gives them in parts.
      thresholds: seconds, rising.
      path: where to write; the suffix says the format (.png, .svg, .pdf).
      title: the picture's; empty leaves it out.

    Raises:
      ConfigError: thresholds that can't be.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # takes a second to import
    from matplotlib.figure import Figure

    thresholds = check_thresholds(thresholds)
    parts = in_parts(gaps)
    levels = level_counts(parts, thresholds)
    total = max(1, int(levels.sum()))
    longest = max([2.0 * thresholds[-1], *(float(part.max(initial=0)) for part in parts())])
    end = int(np.ceil(np.log10(longest) * _BARS_PER_DECADE)) + 1
    edges = np.arange(end + 1) / _BARS_PER_DECADE
    counts, zeros = np.zeros(end, np.int64), 0
    for part in parts():
        positive = np.log10(part[part > 0])
        counts += np.histogram(positive, np.concatenate([edges[:-1], [np.inf]]))[0]
        zeros += len(part) - len(positive)
    shares, zero = 100 * counts / total, 100 * zeros / total

    figure = Figure(figsize=(9, 4.2), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(yscale="log")
    blue, grey = "#3b6ea5", "#9a9a9a"
    some = shares > 0
    axes.bar(
        edges[:-1][some], shares[some], width=1 / _BARS_PER_DECADE, align="edge", color=blue, lw=0
    )
    if zero:
        axes.bar([_ZERO], [zero], width=0.3, color=grey, lw=0)
        axes.text(_ZERO, zero, f"{zero:.1f} %", ha="center", va="bottom", fontsize=8, color=grey)

    across = axes.get_xaxis_transform()  # seconds to the right, share of the height upwards
    bounds = [_ZERO - 0.3, *np.log10(thresholds), edges[-1]]
    for threshold in thresholds:
        at = np.log10(threshold)
        axes.axvline(at, color="#b5482a", lw=1, ls=(0, (4, 3)), ymax=0.85)
        axes.text(
            at,
            0.86,
            describe_seconds(threshold),
            ha="center",
            va="bottom",
            fontsize=8,
            color="#b5482a",
            transform=across,
        )
    for level, share in enumerate((levels / total).tolist()):
        middle = (bounds[level] + bounds[level + 1]) / 2
        wide = bounds[level + 1] - bounds[level] > 0.65
        axes.text(
            middle,
            0.985,
            f"level {level}\n{100 * share:.1f} %" if wide else f"{level}\n{100 * share:.0f} %",
            ha="center",
            va="top",
            fontsize=8,
            transform=across,
        )
    axes.set_xlim(bounds[0], bounds[-1])
    least = max(shares[shares > 0].min(initial=1.0), 1e-3) / 2
    highest = max(zero, shares.max(initial=0.0), 1.0)
    axes.set_ylim(least, highest * (highest / least) ** 0.35)
    percent = [10.0**power for power in range(-3, 3) if least <= 10.0**power <= 2 * highest]
    axes.set_yticks(percent, [f"{tick:g}" for tick in percent], fontsize=8)
    axes.minorticks_off()
    ticks = {np.log10(seconds): name for seconds, name in _TICKS.items()}
    shown = [at for at in ticks if at <= bounds[-1]]
    axes.set_xticks([_ZERO, *shown], ["0", *(ticks[at] for at in shown)], fontsize=8)
    axes.set_xlabel("gap to the same user's next event")
    axes.set_ylabel("share of all gaps, % (log)")
    axes.spines[["top", "right"]].set_visible(False)
    if title:
        axes.set_title(title, fontsize=10, loc="left")
    figure.savefig(Path(path))
