"""Training in half precision: what each tower learns from, loss scaling, and what comes out."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import tensorflow as tf

from tfhrnn.answer_options import AnswerOptions
from tfhrnn.config import TOWER_NAMES, Precision, preset
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.facts import training_facts
from tfhrnn.data.split import Part
from tfhrnn.data.windows import Batch
from tfhrnn.evaluation.evaluate import judge
from tfhrnn.histories import Histories
from tfhrnn.models.hrnn import HRNN
from tfhrnn.recommender import HRNNRecommender
from tfhrnn.training import build_model, build_optimizer, build_windows, create_variables

HALVES = [name for name in get_args(Precision) if name != "float32"]
OPTIONS = {"transformer": "context=8,heads=2", "tcn": "blocks=2", "rnn_tcn": "blocks=2"}
STILL: dict[str, object] = {"embedding_dropout": 0.0, "output_dropout": 0.0}


def make(log: EventLog, precision: str, *, tower: str = "gru", **settings: Any) -> HRNN:
    words = {"tower": tower, "tower_options": OPTIONS.get(tower, ""), "units": 8, "layers": 1}
    words |= {"time_bumps": 4, "item_factors": 3, "batch_size": 4, "bptt": 8, "feedback": True}
    words |= {"user_features": True, "rating": "joint", "seen_items": 8, "precision": precision}
    config = preset("best", {**words, **STILL, **settings})
    model = build_model(config, training_facts(log, np.arange(36), config.model))
    model.compile(optimizer=build_optimizer(config.training))
    create_variables(model)
    return model


def batch_of(log: EventLog, model: HRNN) -> Batch:
    settings = {"batch_size": model.lanes, "bptt": 8, "seen_items": 8}
    flush = model.tower.flush_steps
    windows = build_windows(
        preset("best", settings), log, np.arange(36), training=True, flush_steps=flush
    )
    return Batch(*map(tf.constant, next(iter(windows.batches()))))


@pytest.mark.parametrize("tower", TOWER_NAMES)
def test_the_first_update_is_that_of_float32_but_for_rounding(
    tiny_log: EventLog, tower: str
) -> None:
    whole = make(tiny_log, "float32", tower=tower)
    batch = batch_of(tiny_log, whole)

    def gradients(model: HRNN) -> tuple[float, Any]:
        with tf.GradientTape() as tape:
            loss = model.compute_loss(batch, training=True)
        found = tape.gradient(loss, model.trainable_variables, unconnected_gradients="zero")
        flat = [tf.reshape(tf.convert_to_tensor(part), [-1]) for part in found]
        return float(loss), tf.concat(flat, axis=0).numpy()

    loss, slope = gradients(whole)
    # bfloat16 keeps 8 bits of a number, float16 has 11 but no small ones.
    for precision, tolerance in (("mixed_bfloat16", 0.05), ("mixed_float16", 0.01)):
        half = make(tiny_log, precision, tower=tower)
        assert half.tower.compute_dtype == precision.removeprefix("mixed_")
        assert all(variable.dtype == tf.float32 for variable in half.trainable_variables)
        own_loss, own_slope = gradients(half)
        assert own_loss == pytest.approx(loss, rel=tolerance / 5)
        assert own_slope.dtype == np.float32
        error = np.linalg.norm(own_slope - slope) / np.linalg.norm(slope)
        assert 0 < error < tolerance
        assert all(tf.reduce_all(tf.math.is_finite(part)) for part in half.carried)
    assert tf.keras.mixed_precision.global_policy().name == "float32"


def test_a_scaled_loss_makes_the_same_update(tiny_log: EventLog) -> None:
    """Scaling by a power of two is exact, so clipping to norm 0.01 must see unscaled gradients."""
    models = [make(tiny_log, "float32", clip_norm=0.01) for _ in range(2)]
    plain, scaled = models
    scaled.compile(
        optimizer=tf.keras.mixed_precision.LossScaleOptimizer(
            scaled.optimizer, dynamic=False, initial_scale=1024
        )
    )
    batch = batch_of(tiny_log, plain)
    before = plain.decoder.id_weights.numpy()
    for model in models:
        model.train_step(batch)
        model.train_step(batch)
    assert np.any(plain.decoder.id_weights != before)
    for ours, theirs in zip(scaled.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_step_that_overflows_is_left_out_and_halves_the_scale(tiny_log: EventLog) -> None:
    model = make(tiny_log, "mixed_float16")
    assert isinstance(model.optimizer, tf.keras.mixed_precision.LossScaleOptimizer)
    batch = batch_of(tiny_log, model)
    model.optimizer._loss_scale.current_loss_scale.assign(2.0**100)  # infinite in float16
    before = [variable.numpy() for variable in model.trainable_variables]
    step = tf.function(model.train_step)
    step(batch)
    assert float(model.optimizer.loss_scale) == 2.0**99
    for variable, old in zip(model.trainable_variables, before, strict=True):
        np.testing.assert_array_equal(variable, old)
    model.optimizer._loss_scale.current_loss_scale.assign(2.0**10)
    step(batch)
    assert float(model.optimizer.loss_scale) == 2.0**10
    assert np.any(model.decoder.id_weights != before[0])
    assert all(np.isfinite(variable).all() for variable in model.trainable_variables)


@pytest.mark.parametrize("precision", HALVES)
def test_a_run_is_judged_and_served_in_float32(
    precision: str, tiny_log: EventLog, tmp_path: Path
) -> None:
    settings: dict[str, object] = {"units": 8, "layers": 1, "epochs": 2, "batch_size": 4, "bptt": 8}
    fitted = HRNNRecommender("best", **settings, precision=precision)
    fitted.fit(tiny_log, run=tmp_path / "run", verbose=0)
    assert tf.keras.mixed_precision.global_policy().name == "float32"
    model, run = fitted.model, fitted.run
    assert model is not None and run is not None
    assert model.tower.compute_dtype == "float32"
    loaded = HRNNRecommender.load(tmp_path / "run").model
    assert loaded is not None
    for ours, theirs in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    # Validation ran in half precision; in float32 the same weights are worth nearly as much.
    watched = judge(model, tiny_log, run.users(tiny_log, Part.VALIDATION), run.config)
    value = np.exp(-watched["log_p"].to_numpy().mean())
    assert value == pytest.approx(run.epochs()["val_perplexity"].min(), rel=0.01)

    user = int(run.users(tiny_log, Part.TEST)[0])
    judged = judge(model, tiny_log, np.array([user]), run.config)["log_p"].to_numpy()
    events = tiny_log.events_of(user)
    ids = [tiny_log.catalogue.ids[item - 2] for item in tiny_log.item[events].tolist()]
    asked = Histories.from_log(tiny_log, [user] * len(ids), list(range(len(ids))))
    fitted.export(tmp_path / "model")
    inputs = fitted.predictor.inputs(
        asked, AnswerOptions(k=tiny_log.num_items), query_time=tiny_log.time[events]
    )
    specs = fitted.predictor.signature()
    served = tf.saved_model.load(str(tmp_path / "model" / "1")).signatures["serving_default"](
        **{name: tf.constant(inputs[name], spec.dtype) for name, spec in specs.items()}
    )
    own = served["items"].numpy() == np.array([id.encode() for id in ids])[:, np.newaxis]
    # float32 sums in another order
    np.testing.assert_allclose(served["log_probabilities"].numpy()[own], judged, atol=2e-4)


def test_a_small_weight_does_not_overflow_the_scaled_loss(tiny_log: EventLog) -> None:
    """2^15 over a weight of 2^-6 in all is 2^21, past float16; the gradients of a mean are not."""
    model = make(tiny_log, "mixed_float16", rating="none")
    batch = batch_of(tiny_log, model)
    share = 2.0**-6 / float(tf.reduce_sum(batch.weight))
    before = model.decoder.id_weights.numpy()
    model.train_step(batch._replace(weight=batch.weight * share))
    assert float(model.optimizer.loss_scale) == 2.0**15
    assert np.any(model.decoder.id_weights != before)
