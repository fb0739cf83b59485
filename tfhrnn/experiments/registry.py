"""Which experiments there are: every module of this package that has a function `run`.

`run(log, out, *, seeds, jobs, say, quick, ...)` returns `rows` and `protocol`. What else it takes
by name is a choice that the command line may hand on (`towers`, `distances`, ...). A module may
say `NEEDS_LOG = False`, `SEEDS` where it wants others than 3, `MOST_JOBS = 1` where it measures
seconds or memory, or where its trainings follow on each other, and `HOUR`, the choices (`seeds`
among them) by which it takes part where all is to be done in an hour.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

_RUN: Final = re.compile(r"^def run\(", re.MULTILINE)


def experiment_names() -> list[str]:
    """Names as the command line takes them, sorted; read from the files, so nothing is imported."""
    return sorted(
        path.stem.replace("_", "-")
        for path in Path(__file__).parent.glob("*.py")
        if _RUN.search(path.read_text(encoding="utf-8"))
    )


def load_experiment(name: str) -> Any:
    """The module of an experiment."""
    return importlib.import_module(f"tfhrnn.experiments.{name.replace('-', '_')}")


def needs_log(experiment: Any) -> bool:
    """Whether an experiment reads MovieLens."""
    return bool(getattr(experiment, "NEEDS_LOG", True))


def jobs_of(experiment: Any, jobs: int) -> int:
    """How many of some jobs an experiment can take."""
    return min(jobs, getattr(experiment, "MOST_JOBS", jobs))


def seeds_of(experiment: Any, seeds: int | None, *, quick: bool = False) -> int:
    """How many seeds, where none may have been stated; of a quick form one."""
    if quick and seeds is None:
        return 1
    own: int = getattr(experiment, "SEEDS", 3)
    return own if seeds is None else seeds


def hour_of(experiment: Any) -> Mapping[str, Any] | None:
    """An experiment's choices for the hour, None where it takes no part in it."""
    found: Mapping[str, Any] | None = getattr(experiment, "HOUR", None)
    return found


def takes(experiment: Any, choice: str) -> bool:
    """Whether an experiment leaves a choice such as `quick` or `towers`."""
    return choice in inspect.signature(experiment.run).parameters
