"""Pictures show the figures they are given, whatever is missing or extreme."""

from __future__ import annotations

import struct
import subprocess
import sys
from typing import Any

import numpy as np
import polars as pl
import pytest
from matplotlib.axes import Axes
from matplotlib.container import BarContainer

from tfhrnn.evaluation.canvas import png
from tfhrnn.evaluation.plots import level_name, plot_by_level, plot_learning, plot_sweep

THRESHOLDS = (60, 3600, 86_400)


def rows(*perplexities: float) -> list[dict[str, Any]]:
    return [
        {"level": n, "targets": 1000 + n, "perplexity": value, "ndcg": 1 / value}
        for n, value in enumerate(perplexities)
    ]


def texts(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def tick_labels(axes: Axes, axis: str) -> list[str]:
    return [label.get_text() for label in getattr(axes, f"{axis}axis").get_ticklabels()]


def bars(axes: Axes) -> dict[str, list[float]]:
    """Legend label → the bars' lengths."""
    found = [c for c in axes.containers if isinstance(c, BarContainer)]
    return {str(c.get_label()): [float(bar.get_width()) for bar in c.patches] for c in found}


def size(image: bytes) -> tuple[int, int]:
    assert image.startswith(b"\x89PNG\r\n\x1a\n") and image.endswith(b"IEND\xaeB`\x82")
    width, height = struct.unpack(">II", image[16:24])
    return width, height


def metrics(perplexity: list[float], val_perplexity: list[float | None]) -> pl.DataFrame:
    count = len(perplexity)
    return pl.DataFrame(
        {
            "epoch": range(1, count + 1),
            "perplexity": perplexity,
            "val_perplexity": pl.Series(val_perplexity, dtype=pl.Float64),
            "learning_rate": [0.004] * count,
        }
    )


@pytest.mark.parametrize(
    ("thresholds", "names"),
    [
        (THRESHOLDS, ["< 1 min", "1 min – 1 h", "1 h – 1 d", "≥ 1 d", "start"]),
        ((90,), ["< 1.5 min", "≥ 1.5 min", "start"]),
        ((), ["any gap", "start"]),
        (None, ["level 0", "level 1"]),
    ],
)
def test_levels_are_named_by_their_gaps(thresholds: tuple[int, ...], names: list[str]) -> None:
    assert [level_name(level, thresholds) for level in range(len(names))] == names


def test_learning_shows_both_curves_and_marks_the_best_epoch() -> None:
    figure = plot_learning(metrics([900.0, 300.0, 150.0], [800.0, 200.0, 210.0]))
    upper, lower = figure.axes
    curves = {str(line.get_label()): np.asarray(line.get_ydata()) for line in upper.lines}
    np.testing.assert_array_equal(curves["validation"], [800, 200, 210])
    np.testing.assert_array_equal(curves["train (with dropout)"], [900, 300, 150])
    assert curves["lowest: 200.0 after epoch 2"] == [200]
    assert upper.get_yscale() == "log"  # 900 is more than 3 × 150
    assert {"200", "500"} <= set(tick_labels(upper, "y"))
    np.testing.assert_array_equal(np.asarray(lower.lines[0].get_ydata()), [0.004] * 3)
    assert size(png(figure)) == (1000, 740)  # 5 × 3.7 inches of 200 dots


def test_learning_needs_no_validation_and_one_epoch_is_enough() -> None:
    figure = plot_learning(metrics([50.0], [None]))
    assert not any("lowest" in str(line.get_label()) for line in figure.axes[0].lines)
    assert figure.axes[0].get_yscale() == "linear"
    size(png(figure))


def test_learning_reads_a_column_of_empty_text_as_nothing() -> None:
    table = metrics([50.0, 40.0], [None, None]).with_columns(val_perplexity=pl.lit(""))
    size(png(plot_learning(table)))


def test_bars_stand_beside_each_other_with_names_targets_and_values() -> None:
    by_level = {
        "popularity": rows(800, 900, 1000, 1100, 1200),
        "best": rows(100, 150, 200, 250, 300),
    }
    figure = plot_by_level(by_level, THRESHOLDS, "perplexity")
    axes = figure.axes[0]
    assert bars(axes) == {
        "popularity": [800, 900, 1000, 1100, 1200],
        "best": [100, 150, 200, 250, 300],
    }
    assert tick_labels(axes, "y")[1] == "1 min – 1 h\n1,001 targets"
    assert tick_labels(axes, "y")[4] == "start\n1,004 targets"
    assert {"1,200.0", "150.0"} <= set(texts(axes))
    assert [text.get_text() for text in figure.legends[0].texts] == ["popularity", "best"]
    assert axes.get_xlabel() == "perplexity"
    size(png(figure))


def test_bars_of_a_rank_metric_start_at_zero_also_where_all_are_zero() -> None:
    by_level = {"popularity": [{**row, "ndcg": 0.0} for row in rows(800, 900)]}
    axes = plot_by_level(by_level, THRESHOLDS, "ndcg").axes[0]
    assert axes.get_xscale() == "linear" and axes.get_xlim() == (0.0, 1.0)
    assert bars(axes) == {"popularity": [0.0, 0.0]}


def test_perplexities_far_apart_get_a_logarithmic_axis_that_says_so() -> None:
    axes = plot_by_level({"popularity": rows(1500), "best": rows(3.2)}, (60,), "perplexity").axes[0]
    assert axes.get_xscale() == "log" and axes.get_xlabel() == "perplexity (log)"
    assert axes.get_xlim()[0] < 3.2 and axes.get_xlim()[1] > 1500


def test_a_level_that_a_model_lacks_or_cannot_show_leaves_its_place_empty() -> None:
    by_level = {"popularity": rows(800, 900, 1000), "best": rows(100, float("inf"))}
    figure = plot_by_level(by_level, THRESHOLDS, "perplexity")
    assert bars(figure.axes[0]) == {"popularity": [800, 900, 1000], "best": [100]}
    size(png(figure))


def test_popularity_is_grey_and_models_keep_their_colours() -> None:
    def colors(*models: str) -> dict[str, Any]:
        axes = plot_by_level({m: rows(100) for m in models}, THRESHOLDS, "ndcg").axes[0]
        found = [c for c in axes.containers if isinstance(c, BarContainer)]
        return {str(c.get_label()): c.patches[0].get_facecolor() for c in found}

    alone, several = colors("popularity", "best"), colors("popularity", "best", "hrnn", "hrnn_meta")
    assert {name: several[name] for name in alone} == alone
    assert len(set(several.values())) == 4
    red, green, blue, _ = alone["popularity"]
    assert red == green == blue


def test_sweep_shows_mean_popularity_in_percent_over_named_levels() -> None:
    swept: list[dict[str, Any]] = [
        {
            "gap_seconds": 0,
            "level": 0,
            "users": 188,
            "mean_popularity": 0.001,
            "standard_error": 2e-4,
        },
        {
            "gap_seconds": 30,
            "level": 0,
            "users": 188,
            "mean_popularity": 0.002,
            "standard_error": 0,
        },
        {"gap_seconds": 3600, "level": 2, "users": 188, "mean_popularity": 0.004},
        {"gap_seconds": None, "level": 4, "users": 188, "mean_popularity": 0.005},
    ]
    figure = plot_sweep(swept, THRESHOLDS)
    axes = figure.axes[0]
    np.testing.assert_allclose(np.asarray(axes.lines[0].get_ydata()), [0.1, 0.2, 0.4, 0.5])
    assert tick_labels(axes, "x") == ["0 s", "30 s", "1 h", "start"]
    assert texts(axes) == ["< 1 min", "1 h – 1 d", "start"]
    assert "188 test users" in figure.get_suptitle()
    size(png(figure))


def test_the_same_figure_gives_the_same_bytes() -> None:
    by_level = {"best": rows(10, 20)}
    first, second = (png(plot_by_level(by_level, (60,), "perplexity")) for _ in range(2))
    assert first == second


def test_importing_leaves_matplotlib_alone() -> None:
    code = (
        "import sys, tfhrnn.evaluation.plots, tfhrnn.evaluation.report; "
        "sys.exit('matplotlib' in sys.modules or 'tensorflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
