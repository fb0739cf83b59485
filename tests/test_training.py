"""Training: resuming, judged weights, the optimizer and what its windows hold."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfhrnn.config import TrainingConfig, preset
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.facts import training_facts
from tfhrnn.data.split import Part, split_users
from tfhrnn.evaluation.evaluate import judge
from tfhrnn.evaluation.metrics import ndcg
from tfhrnn.keeper import COLUMNS
from tfhrnn.run_folder import RunFolder
from tfhrnn.training import build_optimizer, build_windows, load_model, train

SETTINGS = {
    "units": 6,
    "layers": 2,
    "epochs": 4,
    "batch_size": 4,
    "bptt": 8,
    "seen_items": 6,
    "time_bumps": 4,
    "unknown_rate": 0.05,
}


def start(path: Path, log: EventLog, **settings: object) -> tuple[RunFolder, Any, Any]:
    config = preset("best", {**SETTINGS, **settings})
    parts = split_users(log.num_users)
    users, watched = (np.flatnonzero(parts == part) for part in (Part.TRAIN, Part.VALIDATION))
    facts = training_facts(log, users, config.model)
    run = RunFolder.create(path, config=config, log=log, parts=parts, split_seed=0, facts=facts)
    return run, users, watched


def rows(run: RunFolder) -> list[dict[str, str]]:
    with run.metrics.open(newline="") as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


class _Stop(tf.keras.callbacks.Callback):
    """Ctrl-C in the middle of an epoch."""

    def __init__(self, epoch: int) -> None:
        super().__init__()
        self.epoch, self.here = epoch, -1

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.here = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.here == self.epoch and batch == 1:
            raise KeyboardInterrupt


# Settings that add to what a checkpoint must keep.
STATEFUL: dict[str, dict[str, object]] = {
    "plain": {},
    "scaled": {"precision": "mixed_float16"},
    "regularised": {
        "variational_dropout": True,
        "item_dropout": 0.2,
        "label_smoothing": 0.1,
        "schedule": "plateau",
        "plateau_patience": 1,
        "learning_rate": 0.5,
        "ema_decay": 0.9,
    },
}


@pytest.mark.parametrize("name", STATEFUL)
def test_a_killed_run_resumes_to_the_same_weights(
    tiny_log: EventLog, tmp_path: Path, name: str
) -> None:
    whole, users, watched = start(tmp_path / "whole", tiny_log, **STATEFUL[name])
    undisturbed = train(whole, tiny_log, users, watched, verbose=0)
    killed, users, watched = start(tmp_path / "killed", tiny_log, **STATEFUL[name])
    with pytest.raises(KeyboardInterrupt):
        train(killed, tiny_log, users, watched, callbacks=[_Stop(2)], verbose=0)
    assert len(rows(killed)) == 2
    resumed = train(killed, tiny_log, users, watched, resume=True, verbose=0)
    assert rows(killed) == rows(whole)
    for ours, theirs in zip(resumed.get_weights(), undisturbed.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_resuming_a_finished_run_changes_nothing(tiny_log: EventLog, tmp_path: Path) -> None:
    run, users, watched = start(tmp_path / "run", tiny_log, epochs=1)
    once = train(run, tiny_log, users, watched, verbose=0)
    before = rows(run)
    again = train(run, tiny_log, users, watched, resume=True, verbose=0)
    assert rows(run) == before
    np.testing.assert_array_equal(again.decoder.id_weights, once.decoder.id_weights)


def test_metrics_have_a_row_an_epoch_and_the_best_weights_are_used(
    tiny_log: EventLog, tmp_path: Path
) -> None:
    run, users, watched = start(tmp_path / "run", tiny_log, epochs=3)
    model = train(run, tiny_log, users, watched, verbose=0)
    found = run.epochs()
    assert tuple(found.columns) == COLUMNS and found["epoch"].to_list() == [1, 2, 3]
    given = build_windows(run.config, tiny_log, watched, training=False)
    value = model.evaluate(given.dataset(), verbose=0, return_dict=True)
    best = found.sort("val_perplexity").row(0, named=True)
    assert value["perplexity"] == pytest.approx(best["val_perplexity"], rel=1e-5)
    judged = judge(model, tiny_log, watched, run.config)
    wanted = ndcg(judged["rank"].to_numpy(), 10)
    assert 0 < wanted == pytest.approx(value["ndcg"], rel=1e-5)
    assert best["val_ndcg"] == pytest.approx(wanted, rel=1e-5)
    assert any(run.tensorboard.rglob("events*"))


class _Look(tf.keras.callbacks.Callback):
    """Keeps weights as they are after updates, in judging and after each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.updates: list[list[Any]] = []
        self.judged: list[list[Any]] = []
        self.after: list[list[Any]] = []

    def weights(self) -> list[Any]:
        return [variable.numpy() for variable in self.model.trainable_variables]

    def on_train_begin(self, logs: Any = None) -> None:
        self.updates.append(self.weights())

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.updates.append(self.weights())

    def on_test_begin(self, logs: Any = None) -> None:
        self.judged.append(self.weights())

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.after.append(self.weights())


def same(one: list[Any], other: list[Any]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_averaged_weights_are_judged_and_kept_and_raw_ones_trained(
    tiny_log: EventLog, tmp_path: Path
) -> None:
    plan = {"ema_decay": 0.8, "layers": 1, "epochs": 3}
    run, users, watched = start(tmp_path / "run", tiny_log, **plan)
    look = _Look()
    model = train(run, tiny_log, users, watched, callbacks=[look], verbose=0)
    per_epoch = (len(look.updates) - 1) // 3
    average = [value.astype(np.float64) for value in look.updates[0]]
    for update, raw in enumerate(look.updates[1:]):
        decay = min(0.8, (1 + update) / (10 + update))
        average = [decay * a + (1 - decay) * w for a, w in zip(average, raw, strict=True)]
        if (update + 1) % per_epoch == 0:
            epoch = update // per_epoch
            for ours, wanted in zip(look.judged[epoch], average, strict=True):
                np.testing.assert_allclose(ours, wanted, rtol=1e-4, atol=1e-5)
            assert same(look.after[epoch], raw) and not same(look.judged[epoch], raw)
    best = int(run.epochs()["val_perplexity"].arg_min() or 0)
    assert same([v.numpy() for v in model.trainable_variables], look.judged[best])


def test_a_loaded_model_is_the_trained_one(tiny_log: EventLog, tmp_path: Path) -> None:
    run, users, watched = start(tmp_path / "run", tiny_log, epochs=1)
    trained = train(run, tiny_log, users, watched, verbose=0)
    for ours, theirs in zip(load_model(run).get_weights(), trained.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(("clip_norm", "scale"), [(1.0, 0.2), (4.0, 0.8), (0.0, 1.0), (9.0, 1.0)])
def test_gradients_are_clipped_by_their_norm_together(clip_norm: float, scale: float) -> None:
    # Norm of (3, 4) together: 5. Adam's first moment after one update is a tenth of the gradient.
    optimizer = build_optimizer(TrainingConfig(clip_norm=clip_norm))
    one, other = tf.Variable([1.0], name="one"), tf.Variable([1.0], name="other")
    optimizer.apply_gradients([(tf.constant([3.0]), one), (tf.constant([4.0]), other)])
    moments = {v.name.split("/")[-1]: v.numpy() for v in optimizer.variables if "/m/" in v.name}
    np.testing.assert_allclose(moments["one:0"], 0.1 * 3 * scale, rtol=1e-5)
    np.testing.assert_allclose(moments["other:0"], 0.1 * 4 * scale, rtol=1e-5)


def test_without_decay_a_still_matrix_stays() -> None:
    optimizer = build_optimizer(TrainingConfig(weight_decay=0.0, learning_rate=0.1))
    matrix = tf.Variable([1.0], name="id_weights")
    optimizer.apply_gradients([(tf.zeros([1]), matrix)])
    assert float(matrix[0]) == 1.0


def test_recent_targets_weigh_more_in_training_alone(tiny_log: EventLog) -> None:
    config = preset("best", {**SETTINGS, "recency_mask": "true", "recency_half_life": "0.5"})
    users = np.arange(5, 30)
    times = np.concatenate([tiny_log.time[tiny_log.events_of(user)] for user in users.tolist()])
    given = build_windows(config, tiny_log, users, training=True, flush_steps=1)
    plain = build_windows(preset("best", SETTINGS), tiny_log, users, training=True, flush_steps=1)
    seen = 0
    for ours, theirs in zip(given.batches(), plain.batches(), strict=True):
        # Half the range older is half the weight.
        age = (times.max() - ours.query_time) / (times.max() - times.min())
        np.testing.assert_allclose(ours.weight, theirs.weight * 0.25**age, rtol=1e-6)
        seen += int((theirs.weight > 0).sum())
        for field, other in zip(ours._replace(weight=0), theirs._replace(weight=0), strict=True):
            np.testing.assert_array_equal(field, other)
    assert seen == len(times)
    judged = build_windows(config, tiny_log, users, training=False)
    assert {float(w) for batch in judged.batches() for w in np.unique(batch.weight)} == {0.0, 1.0}


def test_decay_spares_biases_and_scalars() -> None:
    optimizer = build_optimizer(TrainingConfig(weight_decay=0.5, learning_rate=0.1))
    matrix, bias = tf.Variable([1.0], name="id_weights"), tf.Variable([1.0], name="id_bias")
    optimizer.apply_gradients([(tf.zeros([1]), matrix), (tf.zeros([1]), bias)])
    assert float(matrix[0]) == pytest.approx(0.95) and float(bias[0]) == 1.0


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("flush", [0, 1])
def test_first_targets_may_be_left_out(tiny_log: EventLog, training: bool, flush: int) -> None:
    users = np.arange(6)

    def weights(first_targets: bool) -> tuple[Any, Any]:
        config = preset("hrnn", {**SETTINGS, "layers": 1, "first_targets": first_targets})
        made = build_windows(config, tiny_log, users, training=training, flush_steps=flush)
        batches = list(made.batches())
        return tuple(
            np.concatenate([getattr(batch, name) for batch in batches], axis=1)
            for name in ("weight", "position")
        )

    (all_of_them, position), (others, _) = weights(True), weights(False)
    np.testing.assert_array_equal(others, np.where(position == 0, 0, all_of_them))
    assert all_of_them.sum() - others.sum() == 6
