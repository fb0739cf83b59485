"""What a data set's diagnosis says, as one HTML page that needs nothing beside itself."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from numpy.typing import NDArray

from tfhrnn.data.files import whole_file
from tfhrnn.data.gap_plot import plot_gap_histogram
from tfhrnn.data.sessions import describe_seconds
from tfhrnn.evaluation.advice import Advice, retrain_age
from tfhrnn.evaluation.canvas import png
from tfhrnn.evaluation.diagnosis_plots import plot_ages, plot_drift, plot_power_laws
from tfhrnn.evaluation.plots import level_name


def write_diagnosis(
    path: Path, found: Mapping[str, Any], advice: list[Advice], gaps: NDArray[np.int64]
) -> Path:
    """Writes the page, whole or not at all.

    Args:
      path: where to; missing folders are made.
      found: what `tfhrnn.data.diagnosis.diagnose` returned.
      advice: what `tfhrnn.evaluation.advice.advise` returned.
      gaps: seconds, for their histogram.

    Returns:
      `path`.
    """
    environment = Environment(
        loader=PackageLoader("tfhrnn", "evaluation"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        count=lambda number: f"{number:,}",
        # what stood in backticks has odd numbers
        pieces=lambda text: list(enumerate(text.split("`"))),
        percent=lambda share: f"{100 * share:.1f} %",
        seconds=describe_seconds,
        spans=lambda many: ", ".join(map(describe_seconds, many)),
    )
    page = environment.get_template("diagnosis.html.jinja").render(
        found=found,
        advice=advice,
        date=datetime.now(timezone.utc).strftime("%Y-%m-%d"),
        levels=_levels(found["gaps"]),
        pictures=_pictures(found, gaps),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return path


def _levels(gaps: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Both choices of thresholds, a row a level each."""
    return [
        {"choice": choice, "level": level_name(level, thresholds), "share": share}
        for choice, thresholds, shares in (
            ("in use", gaps["thresholds"], gaps["level_shares"]),
            ("proposed", gaps["proposed"], gaps["proposed_shares"]),
        )
        for level, share in enumerate(shares)
    ]


def _pictures(found: Mapping[str, Any], gaps: NDArray[np.int64]) -> dict[str, str]:
    """Draws what there is to draw; name → data URI."""
    laws = {"items": found["items"]["power_law"], "users": found["users"]["power_law"]}
    images = {
        "counts": png(plot_power_laws(laws, "Events of items and of users", "events")),
        "sessions": png(
            plot_power_laws(
                {"sessions": found["sessions"]["power_law"]},
                "Lengths of sessions",
                "events of a session",
            )
        ),
    }
    if found["popularity"]["ages"]:
        ages = found["popularity"]["ages"]
        images["ages"] = png(plot_ages(ages, retrain_age(ages)))
    if found["popularity"]["drift"]:
        images["drift"] = png(plot_drift(found["popularity"]["drift"]))
    if gaps.size:
        with TemporaryDirectory() as folder:
            file = Path(folder) / "gaps.png"
            plot_gap_histogram(
                gaps, found["gaps"]["proposed"], file, title="Gaps and the proposed levels"
            )
            images["gaps"] = file.read_bytes()
    return {
        name: "data:image/png;base64," + base64.b64encode(image).decode()
        for name, image in images.items()
    }
