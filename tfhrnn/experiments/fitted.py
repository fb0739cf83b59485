"""Baselines as results of an experiment: fitted, judged, stored with their settings, read back."""

from __future__ import annotations

import inspect
import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from typing import Protocol as Interface

import numpy as np
import numpy.typing as npt

from tfhrnn.data.event_log import EventLog
from tfhrnn.data.split import Part, protocol_of, split_users
from tfhrnn.errors import RunError
from tfhrnn.evaluation.evaluate import after_first, figures
from tfhrnn.evaluation.ratings import rating_figures
from tfhrnn.experiments.results import Record, Task, write_record
from tfhrnn.protocol import Protocol, require_same

Users = npt.NDArray[np.integer]


class Baseline(Interface):
    """What all models of `tfhrnn.baselines` have."""

    def fit(self, log: EventLog, train: Users, validation: Users) -> Any:
        """Fits to training users, choosing on validation users."""


Judge = Callable[[Any, EventLog, Users], dict[str, float]]


def rated(model: Any, log: EventLog, users: Users) -> dict[str, float]:
    """`rating_figures` of a model with `predict`."""
    return rating_figures(model.predict(log, users))


def chosen(model: Any, log: EventLog, users: Users) -> dict[str, float]:
    """`figures` of a model with `judge`, and the perplexity of targets after a user's first."""
    judged = model.judge(log, users)
    return {
        **figures(judged),
        "perplexity_after_first": figures(after_first(judged))["perplexity"],
    }


def settings_of(model: object) -> dict[str, Any]:
    """A model's name and what its constructor was given, as plain JSON."""
    names = inspect.signature(type(model).__init__).parameters
    given = {name: getattr(model, name) for name in names if name not in ("self", "args", "kwargs")}
    found: dict[str, Any] = json.loads(json.dumps({"model": type(model).__name__, **given}))
    return found


def baseline_task(log: EventLog, path: Path, make: Callable[[], Baseline], judge: Judge) -> Task:
    """A baseline that is fitted to the training users of split seed 0 and judged on the test users.

    Args:
      log: the events.
      path: of the result: the figures, `seconds` of fitting, `settings` and `protocol`.
      make: a new model; like `judge` it goes to other processes.
      judge: figures by name of a fitted model on some users.
    """
    read = partial(_read, settings=settings_of(make()), protocol=_protocol(log))
    return Task(path, read, _fit, (log.directory, make, judge, path))


def _protocol(log: EventLog) -> Protocol:
    test = np.flatnonzero(split_users(log.num_users, 0) == Part.TEST)
    return protocol_of(log, test, 0)


def _read(path: Path, settings: dict[str, Any], protocol: Protocol) -> Record:
    record: Record = json.loads(path.read_text())
    if record.get("settings") != settings:
        raise RunError(f"{path}: got a result of other settings; remove it or choose another --out")
    require_same(Protocol.from_dict(record["protocol"]), protocol)
    return record


def _fit(directory: Path, make: Callable[[], Baseline], judge: Judge, path: Path) -> None:
    log, model = EventLog.open(directory), make()
    train, validation, test = (
        np.flatnonzero(split_users(log.num_users, 0) == part)
        for part in (Part.TRAIN, Part.VALIDATION, Part.TEST)
    )
    begun = time.perf_counter()
    model.fit(log, train, validation)
    seconds = time.perf_counter() - begun
    write_record(
        path,
        {
            **judge(model, log, test),
            "seconds": seconds,
            "settings": settings_of(model),
            "protocol": _protocol(log).to_dict(),
        },
    )
