"""Training: windows of the training users through `model.fit`, and what a long run needs.

After each epoch the whole state is kept (weights, optimizer, random generators, the best so far),
so that a killed run resumes at the last whole epoch and ends at the weights of an undisturbed one.
The weights used in the end are those of the epoch with the best validation perplexity, a mean over
all validation targets.
"""

from __future__ import annotations

import csv
import math
import sys
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfhrnn.config import Config, TrainingConfig
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.facts import TrainingFacts, events_of
from tfhrnn.data.files import whole_file
from tfhrnn.data.recency import recency_weights
from tfhrnn.data.windows import Batch, Windows
from tfhrnn.errors import RunError
from tfhrnn.models.hrnn import HRNN
from tfhrnn.run_folder import RunFolder
from tfhrnn.schedules import learning_rate, plateaus
from tfhrnn.weight_average import AveragingAdamW, WeightAverage

# rmse stands only where the model has a ranking head.
COLUMNS = (
    *("epoch", "loss", "perplexity", "rmse", "val_loss", "val_perplexity", "val_rmse"),
    *("learning_rate", "seconds"),
)
# Biases and scalars; their decay would pull popularity and the seen-item term towards 0.
NOT_DECAYED = ("bias", "feature_slope", "gamma", "beta")


def build_model(config: Config, facts: TrainingFacts, *, precision: str | None = None) -> HRNN:
    """An untrained model, in the configuration's precision or another."""
    return HRNN(
        config.model,
        facts,
        lanes=config.training.batch_size,
        seed=config.training.seed,
        seen_bias_rate=config.training.seen_bias_rate,
        loss=config.training.loss,
        loss_options=config.training.loss_options,
        label_smoothing=config.training.label_smoothing,
        cold_negatives=config.training.cold_negatives,
        rating_weight=config.training.rating_weight,
        precision=precision or config.training.precision,
    )


def build_optimizer(config: TrainingConfig) -> tf.keras.optimizers.Optimizer:
    """AdamW with a global clip of the gradients, decaying matrices only; may average weights."""
    options = {
        "weight_decay": config.weight_decay,
        "global_clipnorm": config.clip_norm or None,
    }
    optimizer = (
        AveragingAdamW(config.learning_rate, decay=config.ema_decay, **options)
        if config.ema_decay
        else tf.keras.optimizers.AdamW(config.learning_rate, **options)
    )
    optimizer.exclude_from_weight_decay(var_names=list(NOT_DECAYED))
    return optimizer


def build_windows(
    config: Config,
    log: EventLog,
    users: npt.NDArray[np.integer],
    *,
    training: bool,
    flush_steps: int = 0,
) -> Windows:
    """The windows of some users, shuffled for training or in the log's order for judging."""
    model, how = config.model, config.training
    time_weight = None
    if training and how.recency_mask:
        time = np.asarray(log.time)[events_of(log, users)]
        time_weight = partial(
            recency_weights, first=time.min(), last=time.max(), half_life=how.recency_half_life
        )
    return Windows(
        log,
        users,
        lanes=how.batch_size,
        window=how.bptt,
        thresholds=model.thresholds,
        shuffle=training,
        shuffle_ties=training and how.shuffle_ties,
        tied_targets=how.tied_targets if training else 1,
        seen_items=model.seen_items if model.seen_bias else 0,
        unknown_rate=how.unknown_rate if training else 0.0,
        flush_steps=flush_steps,
        target_weight=None if how.first_targets else _after_first,
        time_weight=time_weight,
        seed=how.seed,
    )


def _after_first(
    levels: npt.NDArray[np.int32], weights: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """A user's weights with 0 for the first target."""
    return np.where(np.arange(len(weights)) == 0, np.float32(0), weights)


class _Keeper(tf.keras.callbacks.Callback):
    """Sets the rate, stops early, and keeps the run's files up to date."""

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
        self.rate = learning_rate(self.config, epoch, self.perplexities)
        self.model.optimizer.learning_rate.assign(self.rate)

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Judges the averaged weights where there are."""
        if self.average is not None:
            self.average.show()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Keeps the epoch: best weights, the row, then the checkpoint that makes both count."""
        logs = logs or {}
        value = float(logs.get("val_perplexity", logs["perplexity"]))
        if not math.isfinite(value):
            raise RunError(
                f"epoch {epoch + 1}: got perplexity {value}, expected a finite one; "
                "try a lower learning_rate"
            )
        if value < float(self.best_value):
            self.best_value.assign(value)
            self.best_epoch.assign(epoch)
            self._write_best()
        if self.average is not None:
            self.average.hide()
        row = {
            **logs,
            "epoch": epoch + 1,
            "learning_rate": self.rate,
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
    def perplexities(self) -> list[float]:
        """The watched figure of each epoch so far."""
        return [float(row["val_perplexity"] or row["perplexity"]) for row in self.rows]

    def keep_start(self) -> None:
        """Keeps the starting values as the best weights, and a table without rows."""
        self.best.write(str(self.run.best_weights))
        self._write_rows()

    @property
    def _on_plateau(self) -> bool:
        """Whether the last epoch is one too many without a better one."""
        if self.config.schedule != "plateau":
            return False
        patience, values = self.config.plateau_patience, self.perplexities
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


def create_variables(model: HRNN) -> None:
    """Reads one blank step a lane, so that all variables exist."""
    blank = Batch.blank(model.lanes, 1, user_width=model.facts.user_width)
    model.hidden(Batch(*map(tf.constant, blank)), tuple(model.carried))
    if model.rating is not None:
        model.rate(tf.zeros([1, model.config.units]), tf.zeros([1], tf.int32))


def train(
    run: RunFolder,
    log: EventLog,
    train_users: npt.NDArray[np.integer],
    validation_users: npt.NDArray[np.integer],
    *,
    resume: bool = False,
    callbacks: Sequence[tf.keras.callbacks.Callback] = (),
    verbose: int | str = "auto",
) -> HRNN:
    """Trains the model that a run folder describes.

    Args:
      run: a created run; its files are filled in.
      log: the events.
      train_users: `[n]` user indices.
      validation_users: `[m]` user indices; none judges the training perplexity instead.
      resume: go on from the last whole epoch.
      callbacks: further Keras callbacks.
      verbose: as in Keras; "auto" shows bars on a terminal and a line an epoch elsewhere.

    Returns:
      The model with the best epoch's weights, in float32 whatever it was trained in; with its
      starting values if there is to be no epoch.

    Raises:
      RunError: the loss is not finite, or the checkpoint does not fit.
    """
    config = run.config
    tf.keras.utils.set_random_seed(config.training.seed)
    model = build_model(config, run.facts)
    model.compile(optimizer=build_optimizer(config.training))
    flush = model.tower.flush_steps
    windows = build_windows(config, log, train_users, training=True, flush_steps=flush)
    create_variables(model)
    model.optimizer.build(model.trainable_variables)
    keeper = _Keeper(run, config.training)
    keeper.attach(model)
    done = keeper.resume() if resume else 0
    if config.training.epochs == 0:
        keeper.keep_start()
    if verbose == "auto":
        verbose = 1 if sys.stdout.isatty() else 2
    if done < config.training.epochs and not (done and keeper.exhausted):
        validation = None
        if len(validation_users):
            validation = build_windows(
                config, log, validation_users, training=False, flush_steps=flush
            ).dataset()
        model.fit(
            windows.dataset(first_epoch=done),
            initial_epoch=done,
            epochs=config.training.epochs,
            validation_data=validation,
            verbose=verbose,
            callbacks=[
                keeper,
                tf.keras.callbacks.TensorBoard(run.tensorboard, write_graph=False),
                *callbacks,
            ],
        )
    if config.training.precision != "float32":
        return load_model(run)
    load_best(model, run)
    return model


def load_model(run: RunFolder) -> HRNN:
    """The trained model of a run, in float32 whatever it was trained in.

    Variables are float32 in every precision, so judging and serving compute with all their digits,
    and alike.

    Raises:
      RunError: the run holds no weights.
    """
    model = build_model(run.config, run.facts, precision="float32")
    create_variables(model)
    load_best(model, run)
    return model


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
