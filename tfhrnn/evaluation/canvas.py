"""What all pictures share: their width, letters, axes and bytes.

Every figure is 5 inches wide, so that its letters can be read on a phone. Colours mean the same
everywhere: grey is popularity, blue the model, rust a mark.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

GREY: Final = "#9a9a9a"
RUST: Final = "#b5482a"
BLUES: Final = ("#3b6ea5", "#8fb4d9")
MODELS: Final = (BLUES[0], "#4f9d69", "#8e6bb0", "#c98a1b")  # in the order of the models


def new_figure(height: float) -> Figure:
    """Returns an empty figure on a canvas of its own, so that no global state is touched."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # takes a second to import
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def set_title(figure: Figure, text: str) -> None:
    """Writes a figure's heading, bold, at its left."""
    figure.suptitle(text, x=0.01, ha="left", fontsize=10, fontweight="bold")


def tidy(axes: Axes) -> None:
    """Takes the frame's upper half away and sets every letter to 8 points."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    legend = axes.get_legend()
    for text in (
        axes.xaxis.label,
        axes.yaxis.label,
        *axes.texts,
        *(legend.texts if legend else []),
    ):
        text.set_fontsize(8)


def mark_log(axis: Axis, low: float, high: float) -> None:
    """Marks round numbers on a logarithmic axis: fewer a decade, the more decades there are."""
    decades = np.log10(high / low)
    steps = (1, 1.5, 2, 3, 5, 7) if decades < 1.2 else (1, 2, 5) if decades < 2.5 else (1,)
    powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    ticks = [step * 10.0**power for power in powers for step in steps]
    ticks = [tick for tick in ticks if low <= tick <= high]
    axis.set_ticks(ticks, [f"{tick:,g}" for tick in ticks])
    axis.minorticks_off()


def png(figure: Figure) -> bytes:
    """Renders a figure, at 200 dots an inch; the same figure gives the same bytes."""
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=200)
    return buffer.getvalue()
