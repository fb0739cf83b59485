"""A search as one HTML page that needs nothing beside itself: `results.html`.

Its template stands beside this file and takes the report's style sheet; every text is escaped.
"""

from __future__ import annotations

import base64
import shlex
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from tfhrnn.data.files import whole_file
from tfhrnn.evaluation.canvas import png
from tfhrnn.evaluation.result_table import WEIGHTED, weighted_text
from tuning.importance import importances, shown
from tuning.oracles import OBJECTIVES, ObjectiveName
from tuning.plots import plot_importance, plot_parallel
from tuning.space import Space
from tuning.trials import Row, standing

_FEWEST: Final = 2  # trials that can be compared
_RATES: Final = {"hit_rate_at_10": "HR@10", "ndcg_at_10": "NDCG@10", "mrr_at_10": "MRR@10"}


def write_page(
    path: Path,
    *,
    space: Space,
    rows: Sequence[Row],
    objective: ObjectiveName,
    asked: Mapping[str, Any],
    result: Mapping[str, Any] | None = None,
    judged_on: str = "",
) -> Path:
    """Writes the page, whole or not at all.

    Args:
      path: where to.
      space: what was searched.
      rows: the trials, the best first.
      objective: what they were judged by.
      asked: what the search was asked for, by name.
      result: of the best, trained anew; None where it is not.
      judged_on: what that was judged on.

    Returns:
      `path`.
    """
    environment = Environment(
        loader=ChoiceLoader(
            [PackageLoader("tuning", ""), PackageLoader("tfhrnn", "evaluation")],
        ),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        shown=shown, told=told, figure=lambda value: figure(value, objective), changes=changes
    )
    scored = [row for row in rows if row.score is not None]
    found = importances([row.settings for row in scored], standing(scored, objective))
    page = environment.get_template("results.html.jinja").render(
        date=datetime.now(timezone.utc).strftime("%Y-%m-%d"),
        asked=asked,
        rows=rows,
        scored=scored,
        base=next((row for row in scored if row.is_base), None),
        objective=objective,
        lower_is_better=OBJECTIVES[objective] == "min",
        space=space,
        result=result,
        judged_on=judged_on,
        tested=None if result is None else _tested(result),
        rates=[name for key, name in _RATES.items() if result and key in result],
        weighted=_weighted(result),
        importances=found,
        unvaried=_unvaried(space, scored),
        pictures=_pictures(space, scored, objective, found),
        command=command(asked, scored[0]) if scored else "",
    )
    with whole_file(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return path


def command(asked: Mapping[str, Any], row: Row) -> str:
    """What trains a trial's settings again."""
    words = ["python", "-m", "tfhrnn", "train", "--data", str(asked["data"])]
    words += ["--preset", str(asked["preset"])]
    fixed = {**asked["fixed"], **_plain(row.settings)}
    for name, value in fixed.items():
        words += ["--set", f"{name}={value}"]
    return shlex.join([*words, "--seed", str(asked["seed"]), "--out", "RUN"])


def _plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Values as `--set` takes them; the options of a loss together."""
    options = {name: settings[name] for name in ("negatives", "sampler") if name in settings}
    plain = {name: value for name, value in settings.items() if name not in options}
    if options:
        plain["loss_options"] = ",".join(f"{name}={value}" for name, value in options.items())
    words = {True: "true", False: "false"}
    return {n: words[v] if isinstance(v, bool) else v for n, v in plain.items()}


def told(value: object) -> str:
    """What was asked for, for people.

    >>> told({"by": "users", "share": None}), told({}), told(True), told(20)
    ('by users', 'nothing', 'yes', '20')
    """
    if isinstance(value, Mapping):
        parts = [f"{name} {shown(one)}" for name, one in value.items() if one is not None]
        return ", ".join(parts) or "nothing"
    return shown(value)


def changes(row: Row, base: Mapping[str, Any]) -> list[tuple[str, str]]:
    """A trial's settings that are not those of the first, preset one."""
    return [(n, shown(v)) for n, v in row.settings.items() if base.get(n) != v]


def figure(value: float | None, objective: ObjectiveName) -> str:
    """An objective's figure.

    >>> figure(152.94, "val_perplexity"), figure(0.15134, "val_ndcg"), figure(None, "val_rmse")
    ('152.9', '0.1513', '')
    """
    if value is None:
        return ""
    return f"{value:,.1f}" if objective == "val_perplexity" else f"{value:.4f}"


def _unvaried(space: Space, rows: Sequence[Row]) -> list[str]:
    """The choices that were the same in all trials: by chance, nothing of them was tried."""
    values = {d.name: {str(row.settings.get(d.name)) for row in rows} for d in space.dimensions}
    return [name for name, tried in values.items() if len(tried) == 1 and tried != {"None"}]


def _tested(result: Mapping[str, Any]) -> list[tuple[str, float, float, list[float]]]:
    """Name, perplexity, its standard error and the rates of popularity and of the best."""
    return [
        (
            name,
            value,
            result["perplexity_standard_error"][name],
            [result[key][name] for key in _RATES if key in result],
        )
        for name, value in result["perplexity"].items()
    ]


def _weighted(result: Mapping[str, Any] | None) -> str:
    """What is said of the weights of events, "" where all of them are 1."""
    if not (result or {}).get("weighted_perplexity"):
        return ""
    assert result is not None
    return f"{WEIGHTED.capitalize()} {weighted_text(result)}"


def _pictures(
    space: Space, scored: Sequence[Row], objective: ObjectiveName, found: Sequence[Any]
) -> dict[str, str]:
    images = {}
    if len(scored) >= _FEWEST:
        ends = [figure(scored[at].score, objective) for at in (0, -1)]
        images["parallel"] = png(
            plot_parallel(
                space.dimensions,
                [row.settings for row in scored],
                standing(list(scored), objective),
                (ends[0], ends[1]),
            )
        )
    if found:
        images["importance"] = png(plot_importance(found))
    return {
        name: "data:image/png;base64," + base64.b64encode(image).decode()
        for name, image in images.items()
    }
