"""Metrics of training to MLflow and Weights & Biases, where those are installed.

A run's metrics.csv and its TensorBoard events are always written; this adds Keras callbacks for
others. The libraries are told where to log by their own means (`MLFLOW_TRACKING_URI`,
`MLFLOW_EXPERIMENT_NAME`; `wandb login`, `WANDB_MODE=offline`, `WANDB_PROJECT`).
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, Final, Protocol

import tensorflow as tf

from tfhrnn.errors import ConfigError, RunError

Settings = Callable[[], Mapping[str, Any]]


class Tracker(Protocol):
    """One place to log to.

    Attributes:
      id: of the run there, by which it can be gone on with; None of one that somebody else opened.
    """

    id: str | None

    def settings(self, settings: Mapping[str, Any]) -> None:
        """Notes what is trained, names as "training.epochs"."""

    def metrics(self, metrics: Mapping[str, float], epoch: int) -> None:
        """Notes the figures of an epoch, counted from 1."""

    def end(self, *, failed: bool) -> None:
        """Closes the place."""


class MlflowTracker:
    """A run of MLflow: the active one, which stays open, that of an id, or a new one."""

    def __init__(self, mlflow: Any, name: str, known: str | None = None) -> None:
        self.mlflow, self.own = mlflow, mlflow.active_run() is None
        self.id: str | None = None
        if self.own:
            how = {"run_name": name} if known is None else {"run_id": known}
            self.id = mlflow.start_run(**how).info.run_id

    def settings(self, settings: Mapping[str, Any]) -> None:
        """See `Tracker`."""
        self.mlflow.log_params(dict(settings))

    def metrics(self, metrics: Mapping[str, float], epoch: int) -> None:
        """See `Tracker`."""
        self.mlflow.log_metrics(dict(metrics), step=epoch)

    def end(self, *, failed: bool) -> None:
        """See `Tracker`."""
        if self.own:
            self.mlflow.end_run("FAILED" if failed else "FINISHED")


class WandbTracker:
    """A run of Weights & Biases: the active one, which stays open, that of an id, or a new one."""

    def __init__(self, wandb: Any, name: str, known: str | None = None) -> None:
        self.own, self.run, self.id = wandb.run is None, wandb.run, None
        if self.own:
            project = os.environ.get("WANDB_PROJECT", "tfhrnn")
            again = {} if known is None else {"id": known, "resume": "allow"}
            self.run = wandb.init(project=project, name=name, **again)
            self.id = self.run.id

    def settings(self, settings: Mapping[str, Any]) -> None:
        """See `Tracker`."""
        self.run.config.update(dict(settings))

    def metrics(self, metrics: Mapping[str, float], epoch: int) -> None:
        """See `Tracker`."""
        # Named as a metric: the run's own steps may have been counted on by its owner.
        self.run.log({**metrics, "epoch": epoch})

    def end(self, *, failed: bool) -> None:
        """See `Tracker`."""
        if self.own:
            self.run.finish(exit_code=int(failed))


TRACKERS: Final[Mapping[str, Callable[[Any, str, str | None], Tracker]]] = {
    "mlflow": MlflowTracker,
    "wandb": WandbTracker,
}


class MetricLog(tf.keras.callbacks.Callback):
    """Hands each epoch's metrics and learning rate to a tracker, and the settings before them.

    Args:
      tracker: the place.
      settings: tells what is to be noted there.
      note: is told the id of the run there, if it is our own.
    """

    def __init__(
        self, tracker: Tracker, settings: Settings, note: Callable[[str], None] = lambda id: None
    ) -> None:
        super().__init__()
        self.tracker, self.read, self.note = tracker, settings, note

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Notes the settings, and the run's id where the trained run is kept."""
        if self.tracker.id is not None:
            self.note(self.tracker.id)
        self.tracker.settings(flat(self.read()))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Notes the epoch's figures."""
        metrics = {name: float(value) for name, value in (logs or {}).items()}
        metrics["learning_rate"] = float(self.model.optimizer.learning_rate)
        self.tracker.metrics(metrics, epoch + 1)


@contextmanager
def logged(
    names: Sequence[str],
    *,
    run: str,
    settings: Settings,
    known: Mapping[str, str] | None = None,
    note: Callable[[str, str], None] = lambda name, id: None,
) -> Iterator[list[MetricLog]]:
    """Gives callbacks that log to some places, and closes those when the block ends.

    Args:
      names: of `TRACKERS`, each once.
      run: what to call the run there; one that is already active is taken instead.
      settings: tells, when training begins, what is to be noted, such as
        `lambda: dataclasses.asdict(recommender.config)`.
      known: ids of runs there to go on with, by the names of their places.
      note: is told, when training begins, a place's name and the id of the run there.

    Yields:
      A callback a place, for `fit(callbacks=...)`.

    Raises:
      ConfigError: an unknown name, or a library that is not installed.
      RunError: the library could not begin, for want of a login, say.
    """
    with ExitStack() as stack:
        yield [
            MetricLog(
                stack.enter_context(_tracked(name, run, (known or {}).get(name))),
                settings,
                partial(note, name),
            )
            for name in dict.fromkeys(names)
        ]


@contextmanager
def _tracked(name: str, run: str, known: str | None) -> Iterator[Tracker]:
    if name not in TRACKERS:
        raise ConfigError(f"log: got {name!r}, expected one of {', '.join(TRACKERS)}")
    try:
        library = importlib.import_module(name)
    except ImportError as error:
        raise ConfigError(
            f"log: got {name!r}, which cannot be imported ({error}); pip install {name}"
        ) from error
    try:
        tracker = TRACKERS[name](library, run, known)
    except Exception as error:  # each library has kinds of its own
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise RunError(f"log: {name} could not begin: {reason}") from error
    failed = True
    try:
        yield tracker
        failed = False
    finally:
        tracker.end(failed=failed)


def flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings side by side.

    >>> flat({"preset": "best", "model": {"units": 64}})
    {'preset': 'best', 'model.units': 64}
    """
    found: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = value
    return found
