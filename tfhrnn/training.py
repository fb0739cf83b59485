"""Training: windows of the training users through `model.fit`, kept by `tfhrnn.keeper`.

The weights used in the end are those of the epoch with the best validation perplexity.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfhrnn.config import Config, TrainingConfig
from tfhrnn.data.append import Replay
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.facts import TrainingFacts, events_of
from tfhrnn.data.impressions import has_impressions
from tfhrnn.data.recency import recency_weights
from tfhrnn.data.replay import ReplayWindows
from tfhrnn.data.windows import Batch, Windows
from tfhrnn.devices import Devices
from tfhrnn.epoch_steps import EpochSteps
from tfhrnn.keeper import Keeper, load_best
from tfhrnn.models.hrnn import HRNN
from tfhrnn.progress import step
from tfhrnn.run_folder import RunFolder
from tfhrnn.weight_average import AveragingAdamW

# Biases and scalars; their decay would pull popularity and the seen-item term towards 0.
NOT_DECAYED = ("bias", "feature_slope", "gamma", "beta")


def build_model(
    config: Config, facts: TrainingFacts, *, lanes: int | None = None, precision: str | None = None
) -> HRNN:
    """An untrained model, of the configuration's lanes and precision or others."""
    return HRNN(
        config.model,
        facts,
        lanes=lanes or config.training.batch_size,
        seed=config.training.seed,
        seen_bias_rate=config.training.seen_bias_rate,
        loss=config.training.loss,
        loss_options=config.training.loss_options,
        label_smoothing=config.training.label_smoothing,
        cold_negatives=config.training.cold_negatives,
        impression_weight=config.training.impression_weight,
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
    replay: Replay | None = None,
) -> Windows:
    """The windows of some users, shuffled for training or in the log's order for judging.

    With `replay` each epoch reads the users with new events, and a share of what is known.
    """
    model, how = config.model, config.training
    time_weight = None
    if training and how.recency_mask:
        time = np.asarray(log.time)[events_of(log, users)]
        time_weight = partial(
            recency_weights, first=time.min(), last=time.max(), half_life=how.recency_half_life
        )
    make = Windows if replay is None else partial(ReplayWindows, replay=replay, epochs=how.epochs)
    return make(
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
        shown=log.most_shown if how.impression_weight else 0,
        seed=how.seed,
    )


def _after_first(
    levels: npt.NDArray[np.int32], weights: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """A user's weights with 0 for the first target."""
    return np.where(np.arange(len(weights)) == 0, np.float32(0), weights)


def sayer(verbose: int | str) -> Callable[[str], None]:
    """What prints a line for people where Keras would, given its `verbose`; else nothing does."""
    return partial(print, flush=True) if verbose else lambda line: None


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
    validation_log: EventLog | None = None,
    resume: bool = False,
    devices: Devices | None = None,
    callbacks: Sequence[tf.keras.callbacks.Callback] = (),
    verbose: int | str = "auto",
) -> HRNN:
    """Trains the model that a run folder describes.

    A run that goes on from another one starts from the weights that stand in its folder, reads new
    events mixed with known ones (`ReplayWindows`), and ends as it started where validation users
    do not gain.

    Args:
      run: a created run; its files are filled in.
      log: the events.
      train_users: `[n]` user indices.
      validation_users: `[m]` user indices; none judges the training perplexity instead.
      validation_log: what they are read from, where it is not `log`; see `Division`.
      resume: go on from the last whole epoch; the devices may be others than before.
      devices: what to train on. Of several workers each needs a run folder of its own.
      callbacks: further Keras callbacks.
      verbose: as in Keras; "auto" shows bars on a terminal and a line an epoch elsewhere, "steps"
        nothing of Keras', for those who hear `tfhrnn.progress`.

    Returns:
      The model with the best epoch's weights, in float32 and plain TensorFlow whatever it was
      trained in; with its starting values if there is to be no epoch.

    Raises:
      ConfigError: the lanes cannot be split over the devices.
      RunError: the loss is not finite, or the checkpoint does not fit.
    """
    config, devices = run.config, devices or Devices()
    tf.keras.utils.set_random_seed(config.training.seed)
    with step("building the model"), devices.scope():
        lanes = devices.lanes_each(config.training.batch_size)
        model = build_model(config, run.facts, lanes=lanes)
        model.compile(optimizer=build_optimizer(config.training), **devices.compile_options)
        create_variables(model)
        model.optimizer.build(model.trainable_variables)
    flush = model.tower.flush_steps
    replay = run.replay
    windows = build_windows(
        config, log, train_users, training=True, flush_steps=flush, replay=replay
    )
    keeper = Keeper(run, config.training)
    keeper.attach(model)
    done = keeper.resume() if resume else 0
    devices.require_same_start(done)
    if replay is not None and not done:
        tf.train.Checkpoint(model=model).read(str(run.start_weights)).expect_partial()
        if keeper.average is not None:
            keeper.average.restart()  # it would begin at untrained weights
    if config.training.epochs == 0:
        keeper.keep_start()
    bars = {"auto": 1 if sys.stdout.isatty() else 2, "steps": 0}
    if done < config.training.epochs and not (done and keeper.exhausted):
        batches, steps = devices.batches(windows, first_epoch=done)
        validation, validation_steps = None, None
        if len(validation_users):
            judged_log = validation_log or log
            model.evaluates_impressions = has_impressions(judged_log, validation_users)
            validation, validation_steps = devices.batches(
                build_windows(
                    config,
                    judged_log,
                    validation_users,
                    training=False,
                    flush_steps=flush,
                )
            )
        if replay is not None and not done and validation is not None:
            judged = {"steps": validation_steps, "verbose": 0, "return_dict": True}
            with step("judging the old model on the validation users"):
                start = model.evaluate(validation, **judged)
            keeper.keep_start(start)
            value = f"perplexity {start['perplexity']:.4g}"
            sayer(verbose)(f"the old model on the same validation events: {value}")
        with step("making the first batches"):
            model.fit(
                batches,
                steps_per_epoch=steps,
                initial_epoch=done,
                epochs=config.training.epochs,
                validation_data=validation,
                validation_steps=validation_steps,
                verbose=bars.get(str(verbose), verbose),
                callbacks=[
                    keeper,
                    tf.keras.callbacks.TensorBoard(run.tensorboard, write_graph=False),
                    EpochSteps(config.training.watched, lines=bool(verbose)),
                    *callbacks,
                ],
            )
    if config.training.precision != "float32" or devices.strategy is not None:
        model = load_model(run)
        devices.wait_for_all()
        return model
    load_best(model, run)
    return model


def train_run(run: RunFolder, log: EventLog, **options: Any) -> HRNN:
    """Trains what a run's split gives to training, watching what it gives to validation.

    Args:
      run: a created run.
      log: its event log, whole.
      **options: of `train`.
    """
    division, how = run.division(log), run.config.training
    training, validation = division.training(how), division.validation(how)
    return train(run, *training, validation.users, validation_log=validation.log, **options)


def load_model(run: RunFolder) -> HRNN:
    """The trained model of a run, in float32 whatever it was trained in.

    Variables are float32 in every precision, so judging and serving compute with all their digits,
    and alike.

    Raises:
      RunError: the run holds no weights.
    """
    with step("building the model"):
        model = build_model(run.config, run.facts, precision="float32")
        create_variables(model)
        load_best(model, run)
    return model
