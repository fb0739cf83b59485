"""Results of experiments as one HTML page that needs nothing beside itself.

A section an experiment, in the order given: what it is, its pictures and rows, what becomes of
claims, and its protocol; an experiment without a result is said to be missing. Above them stands
"paper · bound · ours · why they differ", with every row that has a figure of the paper's.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined

from tfhrnn.data.files import whole_file
from tfhrnn.data.sessions import describe_seconds
from tfhrnn.evaluation.canvas import png
from tfhrnn.evaluation.experiment_plots import Bars, plot_accuracies, plot_bars, plot_gaps
from tfhrnn.evaluation.result_table import is_shown, main_figure, shown_cells, shown_figure

Rows = Sequence[Mapping[str, Any]]

_BARS: Final = (
    Bars("rmse", "RMSE of the next rating (lower is better)", "RMSE", low=True),
    Bars("perplexity", "Perplexity (lower is better)", "perplexity"),
    Bars("precision_at_10", "Precision at 10 (higher is better)", "precision"),
    Bars("seconds_per_update", "Seconds an update", "seconds"),
)
_SECONDS: Final = Bars("seconds_per_epoch", "Seconds an epoch", "seconds", "", "")
_GAPS: Final = {
    "log_popularity_k": ("Popularity of the five best by gap", "mean log-popularity"),
    "genre_distance_k": ("Diversity of the five best by gap", "mean distance of genres"),
    "likeness_1": ("Likeness of the first to the last event, by gap", "Jaccard of genres"),
}


class Section(NamedTuple):
    """What the page is told of an experiment.

    Attributes:
      name: as the command line takes it.
      lead: a sentence or two on what it asks.
      result: what it returned, None where it is missing.
      why: why its figures differ from the paper's, where a row does not say so itself.
      note: what is to be said where it is missing, such as that it failed.
    """

    name: str
    lead: str
    result: Mapping[str, Any] | None
    why: str = ""
    note: str = ""


def write_experiments(path: Path, sections: Sequence[Section], *, title: str) -> Path:
    """Writes the page, whole or not at all.

    Args:
      path: where to; missing folders are made.
      sections: in the order of the page.
      title: its heading.

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
    environment.filters.update(seconds=describe_seconds, figure=_figure)
    page = environment.get_template("experiments.html.jinja").render(
        title=title,
        date=datetime.now(timezone.utc).strftime("%Y-%m-%d"),
        sections=[_shown(section) for section in sections],
        compared=[line for section in sections for line in compared_with_paper(section)],
        missing=[section.name for section in sections if section.result is None],
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return path


def compared_with_paper(section: Section) -> list[dict[str, str]]:
    """A line for each figure of the paper's: experiment, row, figure, paper, bound, ours, why.

    `beside` says how far ours is from the bound.
    """
    lines = []
    for row in [] if section.result is None else section.result["rows"]:
        for paper, key in (("paper", main_figure(row)), ("paper_seconds", "seconds_per_epoch")):
            if row.get(paper) is None or key is None or row.get(key) is None:
                continue
            bound = row.get("bound") if paper == "paper" else None
            lines.append(
                {
                    "experiment": section.name,
                    "row": row["name"],
                    "figure": key.replace("_", " "),
                    "paper": _figure(row[paper]),
                    "bound": _figure(bound),
                    "ours": shown_figure(row, key),
                    "beside": _beside_bound(row, key, bound),
                    "why": row.get("why") or section.why,
                }
            )
    return lines


def _beside_bound(row: Mapping[str, Any], key: str, bound: float | None) -> str:
    """How far ours and the paper's figure are from the best there can be."""
    if not bound:
        return ""
    text = f"Ours is {row[key] / bound - 1:+.1%} from the bound."
    if row["paper"] < 0.97 * bound:
        text += " The paper's is below it: rounded, or of another reading of the task."
    return text


def _shown(section: Section) -> dict[str, Any]:
    """What the template shows of an experiment."""
    shown: dict[str, Any] = {"name": section.name, "lead": section.lead, "note": section.note}
    if section.result is None:
        return shown | {"missing": True}
    result, rows = section.result, section.result["rows"]
    headings, cells = shown_cells(rows)
    others = sorted(
        {k for row in rows for k, value in row.items() if not is_shown(k) and _is_figure(value)}
    )
    protocol = result.get("protocol", {})
    return shown | {
        "missing": False,
        "headings": headings,
        "rows": [(row["name"], texts) for row, texts in zip(rows, cells, strict=True)],
        "others": [
            (row["name"], [(k, row[k]) for k in others if _is_figure(row.get(k))]) for row in rows
        ],
        "pictures": [
            (title, "data:image/png;base64," + base64.b64encode(image).decode())
            for title, image in pictures(rows)
        ],
        "claims": result.get("claims", []),
        "history": result.get("history", []),
        "sweep": result.get("sweep", {}),
        "protocol": [(k.replace("_", " "), v) for k, v in protocol.items()],
    }


def pictures(rows: Rows) -> list[tuple[str, bytes]]:
    """What there is to draw of some rows: titles and PNGs."""
    found = []
    for bars in _BARS:
        if sum(row.get(bars.key) is not None for row in rows) > 1:
            found.append((bars.title, png(plot_bars(rows, bars))))
    if any(row.get("paper_seconds") is not None for row in rows):
        bars = _SECONDS._replace(paper="paper_seconds")
        found.append((bars.title, png(plot_bars(rows, bars))))
    for key, (title, label) in _GAPS.items():
        if any("gap_seconds" in row and row.get(key) is not None for row in rows):
            found.append((title, png(plot_gaps(rows, key, title, label))))
    distances = sorted(
        {int(key.removeprefix("accuracy_")) for row in rows for key in row if _is_accuracy(key)}
    )
    if distances:
        found.append(("Accuracy by distance", png(plot_accuracies(rows, distances))))
    return found


def _is_accuracy(key: str) -> bool:
    return key.startswith("accuracy_") and key.removeprefix("accuracy_").isdigit()


def _is_figure(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _figure(value: Any) -> str:
    """Shows a plain value.

    >>> _figure(2228), _figure(0.000236), _figure(None), _figure(0.5), _figure("a")
    ('2,228', '0.000236', '', '0.5', 'a')
    """
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
