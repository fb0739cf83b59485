"""All experiments one after the other, in one folder, and one page of what stands there.

Each leaves its result in NAME.json beside its folder of records. Those go on where they were, and
the page is of whatever results there are, so that it can be written at any time. One experiment
that cannot be done, say for want of data, does not keep the others from it.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from tfhrnn.data.event_log import EventLog
from tfhrnn.errors import ConfigError, RunError, TfhrnnError
from tfhrnn.evaluation.experiment_page import Section, write_experiments
from tfhrnn.experiments.registry import (
    experiment_names,
    hour_of,
    jobs_of,
    load_experiment,
    needs_log,
    seeds_of,
)
from tfhrnn.experiments.results import write_record

TITLE: Final = "The paper's tables, and ours"
_SMALLER: Final = (
    "ml-20m in the paper, ml-100k here: 200 times fewer events, so that less can be learned of an "
    "item, and fewer items to choose from. Orders and ratios can be compared, figures cannot."
)
# Why ours are not the paper's, where rows do not say so themselves.
WHY: Final[Mapping[str, str]] = {
    "table1": (
        "The paper rounds to whole numbers, and does not say which targets it judges; seconds are "
        "of another machine, and a step of either HGRU is one compiled graph here."
    ),
    "table2": _SMALLER,
    "table2-toy": (
        "The paper rounds to whole numbers; what it left open had to be read. A thousand sequences "
        "are few to tell what follows each of 101 first items."
    ),
    "table3": (
        f"{_SMALLER} Here the factorization machine learns new users by exact ridge regression."
    ),
}


def run_experiment(
    name: str,
    out: Path,
    *,
    log: Callable[[], EventLog],
    seeds: int | None,
    jobs: int,
    say: Callable[[str], None],
    chosen: Mapping[str, Any],
    results: Path | None = None,
) -> dict[str, Any]:
    """Runs one experiment and leaves its result as NAME.json.

    Args:
      name: of the experiment.
      out: the folder of all records.
      log: opens MovieLens; asked only by those that read it.
      seeds: how many; None for as many as an experiment wants, one of a quick form.
      jobs: trainings side by side.
      say: is told of each result.
      chosen: further arguments.
      results: the folder of NAME.json; `out`, or its folder "quick" for the quick form.

    Returns:
      What the experiment returned.
    """
    experiment = load_experiment(name)
    found: dict[str, Any] = experiment.run(
        log() if needs_log(experiment) and "run" not in chosen else None,
        out / name,
        seeds=seeds_of(experiment, seeds, quick=bool(chosen.get("quick"))),
        jobs=jobs,
        say=say,
        **chosen,
    )
    results = results or (out / "quick" if chosen.get("quick") else out)
    results.mkdir(parents=True, exist_ok=True)
    write_record(results / f"{name}.json", found)
    return found


def run_everything(
    out: Path,
    *,
    log: Callable[[], EventLog],
    seeds: int | None,
    jobs: int,
    say: Callable[[str], None],
    quick: bool = False,
    hour: bool = False,
    only: Sequence[str] | None = None,
    report_only: bool = False,
) -> dict[str, Any]:
    """Runs the experiments and writes the page.

    Args:
      out: the folder of all records and results; those of `quick`, and their page, go to its
        folder "quick".
      log: opens MovieLens.
      seeds: how many; None for as many as an experiment wants.
      jobs: trainings side by side, where an experiment can take several.
      say: is told what happens.
      quick: take the quick form of each.
      hour: those alone that take part in the hour, with their choices for it, or quick forms.
      only: these experiments; None for all.
      report_only: run nothing.

    Returns:
      `report`, its path; `done`, `missing` and `failed` experiments, the last with the reason.

    Raises:
      ConfigError: no such experiment in `only`.
    """
    names = in_order(experiment_names())
    for name in only or ():
        if name not in names:
            raise ConfigError(f"--only: got {name}, expected some of {', '.join(names)}")
    failed: dict[str, str] = {}
    results = out / "quick" if quick else out
    page = results / "report.html"
    opened = cache(log)
    for name in () if report_only else [name for name in names if only is None or name in only]:
        experiment = load_experiment(name)
        in_hour = hour_of(experiment) if hour else {}
        if in_hour is None:
            continue
        say(f"--- {name}")
        # A quick form is one and the same, whatever part its experiment has in the hour.
        own: dict[str, Any] = {"quick": True} if quick else dict(in_hour)
        own_seeds = own.pop("seeds", None)
        try:
            run_experiment(
                name,
                out,
                log=opened,
                seeds=own_seeds if seeds is None else seeds,
                jobs=jobs_of(experiment, jobs),
                say=say,
                chosen=own,
                results=results,
            )
        except TfhrnnError as error:
            failed[name] = str(error)
            say(f"{name} failed: {error}")
        write_page(page, results, names, failed)  # what stands so far
    write_page(page, results, names, failed)
    stand = [name for name in names if (results / f"{name}.json").is_file()]
    return {
        "report": str(page),
        "done": [name for name in stand if name not in failed],
        "missing": [name for name in names if name not in stand],
        "failed": failed,
    }


def write_page(path: Path, out: Path, names: Sequence[str], failed: Mapping[str, str]) -> Path:
    """Writes the page of the results that stand in a folder, those of other names included.

    Args:
      path: of the page.
      out: the folder, a NAME.json a result.
      names: experiments that are said to be missing where they have none.
      failed: why some could not be done.

    Raises:
      RunError: one of them cannot be read.
    """
    known = {name: read_result(out / f"{name}.json") for name in names}
    others = {path.stem: read_result(path) for path in out.glob("*.json") if path.stem not in names}
    results = known | others
    sections = [
        Section(
            name,
            lead(name) if name in known else "",
            results[name],
            why=WHY.get(name, ""),
            note=f"It failed: {failed[name]}" if name in failed else "",
        )
        for name in in_order(list(results))
    ]
    return write_experiments(path, sections, title=TITLE)


def read_result(path: Path) -> dict[str, Any] | None:
    """An experiment's result, None where there is none.

    Raises:
      RunError: the file holds something else.
    """
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RunError(f"{path}: got no JSON, expected an experiment's result: {error}") from None
    if not isinstance(found, dict) or not isinstance(found.get("rows"), list):
        raise RunError(f"{path}: got no rows, expected an experiment's result; remove it")
    return found


def in_order(names: Sequence[str]) -> list[str]:
    """The paper's tables first.

    >>> in_order(["copy", "table1", "losses"])
    ['table1', 'copy', 'losses']
    """
    return sorted(names, key=lambda name: (not name.startswith("table"), name))


def lead(name: str) -> str:
    """The first line of an experiment's docstring, read from its file."""
    file = Path(__file__).parent / f"{name.replace('-', '_')}.py"
    text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].replace("`", "").split())
