"""Tells `tfhrnn.progress` the epoch that training is at, its figures, and how long is left."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import tensorflow as tf

from tfhrnn.progress import duration, told, under_way

_FIGURES: Final = {
    "perplexity": "perplexity {:.4g}",
    "ndcg": "NDCG@10 {:.4f}",
    "rmse": "RMSE {:.4f}",
    "impression_loss": "impression loss {:.4f}",
}


class EpochSteps(tf.keras.callbacks.Callback):
    """A line an epoch with its figures and the time left; batches as they are done.

    Args:
      watched: the figure that chooses the epoch; see `TrainingConfig.watched`.
      lines: whether a line an epoch is told.
      clock: seconds, of any beginning.
    """

    _supports_tf_logs = True  # figures need not be fetched from the device after each batch

    def __init__(
        self, watched: str, *, lines: bool = True, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self.watched, self.lines, self.clock = watched, lines, clock
        self.seconds: list[float] = []  # of whole epochs, with their validation

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """The first epoch begins with the graph."""
        self.name, self.began = f"epoch {epoch + 1} of {self.params['epochs']}", self.clock()
        under_way(self.name if self.seconds else f"{self.name}: tracing and compiling the graph")

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """One more is done."""
        steps = self.params["steps"]
        under_way(self.name, batch + 1 if steps else 0, steps or 0)

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """The validation users are judged."""
        under_way(f"{self.name}: judging the validation users")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Tells the epoch's line."""
        self.seconds.append(self.clock() - self.began)
        line = f"{self.name}: {figures_text(logs or {}, self.watched)}"
        line += f", {duration(self.seconds[-1])}"
        left = (self.params["epochs"] - epoch - 1) * seconds_an_epoch(self.seconds)
        if self.lines:
            told(f"{line}; at most {duration(left)} left" if left else line)


def seconds_an_epoch(seconds: list[float]) -> float:
    """What an epoch takes: the mean without the first, which traces, where there are others.

    >>> seconds_an_epoch([9.0]), seconds_an_epoch([9.0, 2.0, 4.0])
    (9.0, 3.0)
    """
    known = seconds[1:] or seconds
    return sum(known) / len(known)


def figures_text(logs: Mapping[str, float], watched: str) -> str:
    """An epoch's loss and the figures that it is judged by, of validation where there is one.

    >>> figures_text({"loss": 5.25, "perplexity": 190.6, "val_perplexity": 203.4}, "perplexity")
    'loss 5.2500, validation perplexity 203.4'
    """
    validated = "val_perplexity" in logs
    prefix, kind = ("val_", "validation") if validated else ("", "training")
    names = dict.fromkeys(("perplexity", watched, "impression_loss"))
    shown = [_FIGURES[n].format(logs[prefix + n]) for n in names if prefix + n in logs]
    return ", ".join([f"loss {logs['loss']:.4f}", f"{kind} {' and '.join(shown)}"])
