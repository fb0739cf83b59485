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
from typing import Any, Final, Protocol

import tensorflow as tf

from tfhrnn.errors import ConfigError, RunError

Settings = Callable[[], Mapping[str, Any]]


class Tracker(Protocol):
    """One place to log to."""

    def settings(self, settings: Mapping[str, Any]) -> None:
        """Notes what is trained, names as "training.epochs"."""

    def metrics(self, metrics: Mapping[str, float], epoch: int) -> None:
        """Notes the figures of an epoch, counted from 1."""

    def end(self, *, failed: bool) -> None:
        """Closes the place."""


class MlflowTracker:
    """A run of MLflow: the active one, which stays open, or a new one."""

    def __init__(self, mlflow: Any, name: str) -> None:
        self.mlflow, self.own = mlflow, mlflow.active_run() is None
        if self.own:
            mlflow.start_run(run_name=name)

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
    """A run of Weights & Biases: the active one, which stays open, or a new one."""

    def __init__(self, wandb: Any, name: str) -> None:
        self.own = wandb.run is None
        project = os.environ.get("WANDB_PROJECT", "tfhrnn")
        self.run = wandb.init(project=project, name=name) if self.own else wandb.run

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


TRACKERS: Final[Mapping[str, Callable[[Any, str], Tracker]]] = {
    "mlflow": MlflowTracker,
    "wandb": WandbTracker,
}


class MetricLog(tf.keras.callbacks.Callback):
    """Hands each epoch's metrics and learning rate to a tracker, and the settings before them."""

    def __init__(self, tracker: Tracker, settings: Settings) -> None:
        super().__init__()
        self.tracker, self.read = tracker, settings

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Notes the settings."""
        self.tracker.settings(flat(self.read()))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Notes the epoch's figures."""
        metrics = {name: float(value) for name, value in (logs or {}).items()}
        metrics["learning_rate"] = float(self.model.optimizer.learning_rate)
        self.tracker.metrics(metrics, epoch + 1)


@contextmanager
def logged(names: Sequence[str], *, run: str, settings: Settings) -> Iterator[list[MetricLog]]:
    """Gives callbacks that log to some places, and closes those when the block ends.

    Args:
      names: of `TRACKERS`, each once.
      run: what to call the run there; one that is already active is taken instead.
      settings: tells, when training begins, what is to be noted, such as
        `lambda: dataclasses.asdict(recommender.config)`.

    Yields:
      A callback a place, for `fit(callbacks=...)`.

    Raises:
      ConfigError: an unknown name, or a library that is not installed.
      RunError: the library could not begin, for want of a login, say.
    """
    with ExitStack() as stack:
        yield [
            MetricLog(stack.enter_context(_tracked(name, run)), settings)
            for name in dict.fromkeys(names)
        ]


@contextmanager
def _tracked(name: str, run: str) -> Iterator[Tracker]:
    if name not in TRACKERS:
        raise ConfigError(f"log: got {name!r}, expected one of {', '.join(TRACKERS)}")
    try:
        library = importlib.import_module(name)
    except ImportError as error:
        raise ConfigError(
            f"log: got {name!r}, which cannot be imported ({error}); pip install {name}"
        ) from error
    try:
        tracker = TRACKERS[name](library, run)
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
