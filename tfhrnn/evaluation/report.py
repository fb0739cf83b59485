"""A run's result as one HTML page that needs nothing beside itself.

In go the result, the metrics of training, the gaps and the summary of the data; out comes a page
with its pictures inside, for wide and narrow screens, light and dark. What the result lacks is left
out.
The template stands beside this file; every text in it is escaped.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import shlex
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import polars as pl
from jinja2 import Environment, PackageLoader, StrictUndefined
from numpy.typing import NDArray

from tfhrnn.config import PRESETS, preset
from tfhrnn.data.files import whole_file
from tfhrnn.data.gap_plot import plot_gap_histogram
from tfhrnn.data.sessions import describe_seconds
from tfhrnn.evaluation.canvas import png
from tfhrnn.evaluation.detail_tables import details
from tfhrnn.evaluation.plots import level_name, plot_by_level, plot_learning, plot_sweep
from tfhrnn.evaluation.result_table import WEIGHTED, weighted_text

_RATES: Final = {"hit_rate_at_10": "HR@10", "ndcg_at_10": "NDCG@10", "mrr_at_10": "MRR@10"}
_OPTIONAL: Final = (  # what the template asks for, and a result may lack
    "catalogue_items",
    "epochs",
    "gap_sweep",
    "gap_sweep_history",
    "gap_sweep_users",
    "peak_memory_mb",
    "perplexity_standard_error",
    "seconds",
    "served",
    "test_targets",
    "versions",
    "weighted_perplexity",
)
_LEVEL_RATES: Final = {"hit_rate": "HR@10", "ndcg": "NDCG@10", "mrr": "MRR@10"}


def write_report(
    path: Path,
    *,
    result: Mapping[str, Any],
    metrics: pl.DataFrame | None,
    gaps: NDArray[np.int64],
    summary: Mapping[str, Any],
) -> Path:
    """Writes the page, whole or not at all; an older page stays where this one fails.

    Args:
      path: where to; missing folders are made.
      result: what result.json holds; only preset, protocol and perplexity must be there.
      metrics: a row an epoch, with epoch, perplexity, val_perplexity and learning_rate; None or no
        rows leave the learned curve out.
      gaps: seconds between the data's events; none leave the histogram out.
      summary: what `tfhrnn.data.summary.summarize` returned; empty leaves the data section out.

    Returns:
      `path`.
    """
    path = Path(path)
    page = _render(result, metrics, gaps, summary)
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return path


def _render(
    result: Mapping[str, Any],
    metrics: pl.DataFrame | None,
    gaps: NDArray[np.int64],
    summary: Mapping[str, Any],
) -> str:
    """Gathers what the template shows; it decides nothing but the order."""
    thresholds = result.get("thresholds", summary.get("thresholds"))
    environment = Environment(
        loader=PackageLoader("tfhrnn", "evaluation"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        weighted=weighted_text,
        count=lambda number: f"{number:,}",
        genres=_genres,
        level=lambda level: level_name(level, thresholds),
        percent=_percent,
        rate=lambda number: f"{number:.4f}",
        seconds=lambda number: "start" if number is None else describe_seconds(number),
        setting=_setting,
        tenths=lambda number: f"{number:,.1f}",
    )
    config = result.get("config", {})
    return environment.get_template("report.html.jinja").render(
        result={**dict.fromkeys(_OPTIONAL), **result},
        dataset=result.get("dataset", {}).get("name") or result["protocol"].get("dataset", ""),
        date=datetime.now(timezone.utc).strftime("%Y-%m-%d"),
        headline=_headline(result),
        rates=[name for key, name in _RATES.items() if key in result],
        level_rows=_level_rows(result.get("by_level", {})),
        level_rates=list(_LEVEL_RATES.values()),
        pictures=_pictures(result, metrics, gaps, thresholds),
        commands=_commands(result),
        # Levels have a section of their own.
        details=details({key: value for key, value in result.items() if key != "by_level"}),
        settings={name: part for name, part in config.items() if isinstance(part, Mapping)},
        summary=summary,
        weighted=WEIGHTED,
    )


def _headline(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns a row a model, popularity first; a figure that a model lacks is None."""
    models = sorted(result["perplexity"], key=lambda name: name != "popularity")
    errors = result.get("perplexity_standard_error", {})
    return [
        {
            "model": name,
            "perplexity": result["perplexity"][name],
            "error": errors.get(name),
            "rates": [result[key].get(name) for key in _RATES if key in result],
        }
        for name in models
    ]


def _level_rows(by_level: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Returns a row a level and model, levels rising and popularity before models."""
    rows = [
        {
            "level": row["level"],
            "model": model,
            "targets": row["targets"],
            "perplexity": row["perplexity"],
            "error": row.get("perplexity_standard_error"),
            "rates": [row.get(key) for key in _LEVEL_RATES],
        }
        for model, found in by_level.items()
        for row in found
    ]
    return sorted(rows, key=lambda row: (row["level"], row["model"] != "popularity"))


def _pictures(
    result: Mapping[str, Any],
    metrics: pl.DataFrame | None,
    gaps: NDArray[np.int64],
    thresholds: Sequence[int] | None,
) -> dict[str, str]:
    """Draws what there is to draw; name → data URI."""
    images = {}
    if metrics is not None and metrics.height:
        images["learning"] = png(plot_learning(metrics))
    if result.get("by_level"):
        levels = dict(sorted(result["by_level"].items(), key=lambda pair: pair[0] != "popularity"))
        images["level_perplexity"] = png(plot_by_level(levels, thresholds, "perplexity"))
        images["level_ndcg"] = png(plot_by_level(levels, thresholds, "ndcg"))
    if result.get("gap_sweep_users"):
        images["sweep"] = png(plot_sweep(result["gap_sweep_users"], thresholds))
    if gaps.size and thresholds:
        with TemporaryDirectory() as folder:
            file = Path(folder) / "gaps.png"
            plot_gap_histogram(
                gaps, thresholds, file, title="Gaps and the levels they are cut into"
            )
            images["gaps"] = file.read_bytes()
    return {
        name: "data:image/png;base64," + base64.b64encode(image).decode()
        for name, image in images.items()
    }


def _commands(result: Mapping[str, Any]) -> list[str]:
    """Returns what trains and judges such a run again, settings beside the preset's included."""
    name = result["preset"]
    usual = dataclasses.asdict(preset(name)) if name in PRESETS else {}
    words = ["python", "-m", "tfhrnn", "train", "--data", "DATA", "--preset", name]
    if result["protocol"].get("split_seed"):
        words += ["--split-seed", str(result["protocol"]["split_seed"])]
    for part in ("model", "training"):
        for key, value in result.get("config", {}).get(part, {}).items():
            text = json.dumps(value)
            if text != json.dumps(usual.get(part, {}).get(key)):
                plain = value if isinstance(value, str) else text.strip("[]").replace(", ", ",")
                words += ["--set", f"{key}={plain}"]
    return [shlex.join([*words, "--out", "RUN"]), "python -m tfhrnn evaluate --run RUN"]


def _genres(value: str | Sequence[str] | None) -> str:
    """Shows genres, whichever way the item table holds them.

    >>> _genres("Action|Sci-Fi"), _genres(["Drama"]), _genres(None)
    ('Action, Sci-Fi', 'Drama', '')
    """
    return ", ".join(value.split("|") if isinstance(value, str) else value or ())


def _percent(share: float) -> str:
    """Shows a share.

    >>> _percent(0.4512), _percent(0.00583), _percent(0.00001), _percent(0)
    ('45.12 %', '0.58 %', '< 0.01 %', '0.00 %')
    """
    return "< 0.01 %" if 0 < share < 5e-5 else f"{100 * share:.2f} %"


def _setting(value: Any) -> str:
    """Shows a setting's value.

    >>> _setting(True), _setting([60, 3600]), _setting(0.003), _setting(None)
    ('yes', '60, 3600', '0.003', 'none')
    """
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_setting, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
