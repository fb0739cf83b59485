"""What a run keeps of its training: the table of epochs, the best weights, and checkpoints.

After each epoch the whole state is kept (weights, optimizer, random generators, the best so far),
so that a killed run resumes at the last whole epoch and ends at the weights of an undisturbed one.
The best weights are those of the epoch with the best validation perplexity, NDCG or RMSE
(`TrainingConfig.watched`), over all validation targets; averaged ones where `ema_decay` is
set.
"""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tfhrnn.config import TrainingConfig
from tfhrnn.data.files import whole_file
from tfhrnn.errors import RunError
from tfhrnn.models.hrnn import HRNN
from tfhrnn.run_folder import RunFolder
from tfhrnn.schedules import learning_rate, plateaus
from tfhrnn.weight_average import WeightAverage

# rmse stands only where the model has a ranking head, impression_loss where impressions are trained
# on.
COLUMNS = (
    *("epoch", "loss", "perplexity", "rmse", "impression_loss"),
    *("val_loss", "val_perplexity", "val_ndcg", "val_rmse", "val_impression_loss"),
    *("learning_rate", "seconds"),
)


class Keeper(tf.keras.callbacks.Callback):
    """Sets the rate, stops early, and keeps the run's files up to date.

    Args:
      run: whose files they are.
      config: schedule, patience and whether weights are averaged.
    """

    def __init__(self, run: RunFolder, config: TrainingConfig) -> None:
        super().__init__()
        self.run, self.config = run, config
        self.rows: list[dict[str, Any]] = []
        self.average: WeightAverage | None = None
        self.epochs_done = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.best_epoch = tf.Variable(-1, dtype=tf.int64, trainable=False)
        self.best_value = tf.Variable(math.inf, dtype=tf.float64, trainable=False)
        self.started = 0.0

    def attach(self, model: HRNN) -> tf.train.CheckpointManager:
        """Ties the files to a model, whose variables must exist, and returns the manager."""
        self.best = tf.train.Checkpoint(model=model)
        self.average = WeightAverage(model) if self.config.ema_decay else None
        whole = tf.train.Checkpoint(
            model=model,
            optimizer=model.optimizer,
            dropout=dropout_generators(model),
            epochs_done=self.epochs_done,
            best_epoch=self.best_epoch,
            best_value=self.best_value,
        )
        self.manager = tf.train.CheckpointManager(whole, str(self.run.checkpoints), max_to_keep=2)
        return self.manager

    def resume(self) -> int:
        """Restores the last whole epoch; returns how many are done.

        Raises:
          RunError: there is nothing to resume from that fits this model.
        """
        if self.manager.latest_checkpoint is None:
            return 0
        try:
            # Not `assert_consumed`: a checkpoint of an earlier version also holds carried states.
            restored = self.manager.checkpoint.restore(self.manager.latest_checkpoint)
            restored.assert_existing_objects_matched()
        except (AssertionError, ValueError, tf.errors.OpError) as error:
            reason = str(error).splitlines()[0]
            raise RunError(
                f"{self.run.checkpoints}: got a checkpoint of another model: {reason}"
            ) from error
        done = int(self.epochs_done.numpy())
        with self.run.metrics.open(newline="") as file:
            self.rows = [row for row in csv.DictReader(file) if int(row["epoch"]) <= done]
        return done

    @property
    def exhausted(self) -> bool:
        """Whether patience ran out."""
        return int(self.epochs_done) - 1 - int(self.best_epoch) >= self.config.patience

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Sets the epoch's learning rate."""
        self.started = time.monotonic()
        self.rate = learning_rate(self.config, epoch, self.watched)
        self.model.optimizer.learning_rate.assign(self.rate)

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Judges the averaged weights where there are."""
        if self.average is not None:
            self.average.show()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Keeps the epoch: best weights, the row, then the checkpoint that makes both count."""
        logs = logs or {}
        perplexity = float(logs.get("val_perplexity", logs["perplexity"]))
        if not math.isfinite(perplexity):
            raise RunError(
                f"epoch {epoch + 1}: got perplexity {perplexity}, expected a finite one; "
                "try a lower learning_rate"
            )
        value = self._watched(logs)
        if value < float(self.best_value):
            self.best_value.assign(value)
            self.best_epoch.assign(epoch)
            self._write_best()
        if self.average is not None:
            self.average.hide()
        logs["learning_rate"] = self.rate  # for the callbacks that follow, such as TensorBoard's
        row = {
            **logs,
            "epoch": epoch + 1,
            "seconds": time.monotonic() - self.started,
        }
        self.rows.append({name: row.get(name, "") for name in COLUMNS})
        self._write_rows()
        if self._on_plateau:
            self._go_back()
        self.epochs_done.assign(epoch + 1)
        self.manager.save(checkpoint_number=epoch + 1)
        if self.exhausted:
            self.model.stop_training = True

    @property
    def watched(self) -> list[float]:
        """The watched figure of each epoch so far, the lower the better."""
        return [self._watched(row) for row in self.rows]

    def _watched(self, row: Mapping[str, Any]) -> float:
        if row.get("val_perplexity", "") == "":  # no validation users
            return float(row["perplexity"])
        value = float(row[f"val_{self.config.watched}"])
        return -value if self.config.watched == "ndcg" else value

    def keep_start(self, judged: dict[str, float] | None = None) -> None:
        """Keeps the starting values as the best weights.

        Args:
          judged: figures of the validation users under them, for a run that goes on from another
            one: they are to be beaten, and stand as epoch 0 once there is another. Without, a table
            without rows is written.
        """
        self.best.write(str(self.run.best_weights))
        if judged is None:
            self._write_rows()
            return
        row: dict[str, Any] = {f"val_{name}": value for name, value in judged.items()}
        row |= {"epoch": 0, "learning_rate": 0.0, "seconds": 0.0}
        self.best_value.assign(self._watched(row))
        self.rows = [{name: row.get(name, "") for name in COLUMNS}]

    @property
    def _on_plateau(self) -> bool:
        """Whether the last epoch is one too many without a better one."""
        if self.config.schedule != "plateau":
            return False
        patience, values = self.config.plateau_patience, self.watched
        return plateaus(values, patience) > plateaus(values[:-1], patience)

    def _go_back(self) -> None:
        """Takes up the best weights again; the optimizer keeps its moments and count of updates."""
        optimizer = self.model.optimizer
        kept = [tf.identity(variable) for variable in optimizer.variables]
        load_best(self.model, self.run)  # whose file holds an optimizer too
        for variable, value in zip(optimizer.variables, kept, strict=True):
            variable.assign(value)
        if self.average is not None:
            self.average.restart()

    def _write_best(self) -> None:
        if self.average is not None:
            self.average.show()
        self.best.write(str(self.run.best_weights))

    def _write_rows(self) -> None:
        with whole_file(self.run.metrics) as temporary, temporary.open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(self.rows)


def dropout_generators(model: HRNN) -> list[tf.random.Generator]:
    """The generators of all dropout layers, which Keras leaves out of checkpoints."""
    dropouts = [part for part in model.submodules if isinstance(part, tf.keras.layers.Dropout)]
    return [dropout._random_generator._generator for dropout in dropouts]


def load_best(model: HRNN, run: RunFolder) -> None:
    """Reads the best epoch's weights into a model whose variables exist.

    Raises:
      RunError: the run holds no weights.
    """
    if not run.best_weights.with_suffix(".index").is_file():
        raise RunError(
            f"{run.path}: got no trained weights, expected a run with at least one finished epoch"
        )
    tf.train.Checkpoint(model=model).read(str(run.best_weights)).expect_partial()
