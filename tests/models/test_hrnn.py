"""The Keras model: what it computes, what it carries, what `fit` and `evaluate` report."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfhrnn.config import ModelConfig
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.facts import TrainingFacts, training_facts
from tfhrnn.data.windows import Batch, Windows
from tfhrnn.models.epoch_metrics import Perplexity
from tfhrnn.models.hrnn import HRNN

USERS = np.arange(40)
CONFIGS = {
    "hrnn": ModelConfig(units=6),
    "metadata": ModelConfig(units=6, item_features=True, feedback=True, user_features=True),
    "untied": ModelConfig(units=6, tied=False, item_features=True),
    "best": ModelConfig(
        units=6,
        layers=2,
        item_features=True,
        item_statistics=True,
        item_factors=3,
        read_out=True,
        gap_inputs=True,
        time_bumps=4,
        position_input=True,
        seen_bias=True,
        seen_items=5,
    ),
}
CONFIGS |= {
    f"seen bias by {form}": dataclasses.replace(CONFIGS["best"], seen_bias_form=form)
    for form in ("level", "item")
}


def make(log: EventLog, config: ModelConfig, lanes: int = 4) -> HRNN:
    model = HRNN(config, training_facts(log, USERS, config), lanes=lanes, seed=2)
    model.compile(optimizer=tf.keras.optimizers.Adam(0.03))
    return model


def windows(log: EventLog, config: ModelConfig, lanes: int = 4, **options: Any) -> Windows:
    seen = config.seen_items if config.seen_bias else 0
    return Windows(log, USERS, lanes=lanes, window=8, seen_items=seen, **options)


@pytest.mark.parametrize("name", CONFIGS)
def test_judging_is_the_log_softmax_of_all_scores(tiny_log: EventLog, name: str) -> None:
    config = CONFIGS[name]
    model = make(tiny_log, config)
    if config.seen_bias:
        model.decoder.build()
        bias = model.decoder.raw_seen_bias
        bias.assign(bias + np.linspace(-1, 1, bias.shape.num_elements()).reshape(bias.shape))
    first = Batch(*map(tf.constant, next(iter(windows(tiny_log, config).batches()))))
    whole = model(first).numpy()
    np.testing.assert_allclose(np.exp(whole).sum(-1), 1, rtol=1e-4)
    log_p, ranks, _ = model.judge(first, model.tower.initial_state(4))
    column = first.targets[..., 0].numpy() - 2
    own = np.take_along_axis(whole, column[..., None], axis=-1)
    np.testing.assert_allclose(log_p, own[..., 0], rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(ranks, (whole > own).sum(-1))


@pytest.mark.parametrize("name", ["metadata", "best"])
def test_evaluate_is_the_mean_over_all_targets_not_the_last_batch(
    tiny_log: EventLog, name: str
) -> None:
    config = CONFIGS[name]
    model = make(tiny_log, config)
    given = windows(tiny_log, config)
    total = count = 0.0
    state = model.tower.initial_state(4)
    for batch in given.batches():
        log_p, _, state = model.judge(Batch(*map(tf.constant, batch)), state)
        total -= float(np.sum(log_p * batch.weight))
        count += float(batch.weight.sum())
    found = model.evaluate(given.dataset(), verbose=0, return_dict=True)
    assert found["loss"] == pytest.approx(total / count, rel=1e-4)
    assert found["perplexity"] == pytest.approx(np.exp(total / count), rel=1e-4)
    assert count == tiny_log.num_events


@pytest.mark.parametrize("name", ["hrnn", "best"])
def test_fit_learns(tiny_log: EventLog, name: str) -> None:
    config = CONFIGS[name]
    model = make(tiny_log, config)
    given = windows(tiny_log, config, shuffle=True, tied_targets=2)
    history = model.fit(given.dataset(), epochs=15, verbose=0).history
    # 30 items that mostly step by 0 to 2: far below the first epoch's figure after a few.
    assert history["perplexity"][-1] < 0.75 * history["perplexity"][0]


def without_events(log: EventLog, items: list[int]) -> TrainingFacts:
    """Facts in which some items have no events, as if they were cold."""
    facts = training_facts(log, USERS, CONFIGS["metadata"])
    counts = facts.item_counts.copy()
    counts[items] = 0
    return dataclasses.replace(facts, item_counts=counts)


@pytest.mark.parametrize("loss", ["full_softmax", "sampled_softmax", "bpr_max", "gbce"])
def test_cold_items_teach_nothing_where_they_are_no_negatives(
    tiny_log: EventLog, loss: str
) -> None:
    cold, config = [3, 4], CONFIGS["metadata"]
    facts = without_events(tiny_log, cold)
    found = {}
    for negatives in (True, False):
        model = HRNN(config, facts, lanes=4, seed=2, loss=loss, cold_negatives=negatives)
        batch = Batch(*map(tf.constant, next(iter(windows(tiny_log, config).batches()))))
        # Where cold items are targets, nothing counts; where they are read, all is as ever.
        weight = tf.where(tf.reduce_any(batch.targets - 2 == cold, axis=-1), 0.0, batch.weight)
        with tf.GradientTape() as tape:
            value = model.compute_loss(batch._replace(weight=weight), training=True)
        slope = tape.gradient(value, model.decoder.id_bias)
        found[negatives] = tf.convert_to_tensor(slope).numpy()
        assert np.isfinite(value)
    assert not found[False][cold].any()
    warm = np.setdiff1d(np.arange(30), cold)
    assert found[False][warm].any() and np.any(found[True] != found[False])


def test_cold_items_are_judged_whether_or_not_they_were_negatives(tiny_log: EventLog) -> None:
    config, facts = CONFIGS["metadata"], without_events(tiny_log, [3, 4])
    batch = Batch(*map(tf.constant, next(iter(windows(tiny_log, config).batches()))))
    found = [
        HRNN(config, facts, lanes=4, seed=2, cold_negatives=negatives)(batch).numpy()
        for negatives in (True, False)
    ]
    np.testing.assert_array_equal(*found)
    assert found[0][..., 3].min() > -20


def test_state_is_carried_from_window_to_window(tiny_log: EventLog) -> None:
    """Losses of 8-step windows one after the other are those of one long window."""
    config = CONFIGS["hrnn"]
    model = make(tiny_log, config)
    short = model.evaluate(windows(tiny_log, config).dataset(), verbose=0, return_dict=True)
    whole = Windows(tiny_log, USERS, lanes=4, window=400)
    long = model.evaluate(whole.dataset(), verbose=0, return_dict=True)
    assert short["loss"] == pytest.approx(long["loss"], rel=1e-5)


def test_an_epoch_needs_no_clearing(tiny_log: EventLog) -> None:
    model = make(tiny_log, CONFIGS["hrnn"])
    given = windows(tiny_log, CONFIGS["hrnn"])
    once = model.evaluate(given.dataset(), verbose=0)
    for variable in model.carried:
        variable.assign(tf.fill(variable.shape, 9.0))
    assert model.evaluate(given.dataset(), verbose=0) == once


def test_weight_zero_targets_do_not_train(tiny_log: EventLog) -> None:
    config = CONFIGS["hrnn"]
    model = make(tiny_log, config)
    given = windows(tiny_log, config, target_weight=lambda level, weight: 0 * weight)
    batch = Batch(*map(tf.constant, next(iter(given.batches()))))
    model.train_step(batch)
    before = [w.copy() for w in model.get_weights()]
    model.train_step(batch)
    trained = {id(v) for v in model.trainable_variables}
    for variable, old in zip(model.weights, before, strict=True):
        if id(variable) in trained:
            np.testing.assert_array_equal(variable, old)


def test_lanes_that_differ_from_the_models_are_named(tiny_log: EventLog) -> None:
    model = make(tiny_log, CONFIGS["hrnn"])
    with pytest.raises(ValueError, match=r"the batch has 3 lanes, the model carries 4"):
        model.evaluate(windows(tiny_log, CONFIGS["hrnn"], lanes=3).dataset(), verbose=0)


def test_users_features_reach_the_first_prediction(tiny_log: EventLog) -> None:
    model = make(tiny_log, CONFIGS["metadata"])
    batch = next(iter(windows(tiny_log, CONFIGS["metadata"]).batches()))
    one = model(Batch(*map(tf.constant, batch)))
    other = model(Batch(*map(tf.constant, batch._replace(user=batch.user + 1))))
    assert np.abs(one[:, 0] - other[:, 0]).max() > 1e-4


def test_nothing_before_a_reset_reaches_later_outputs_whatever_is_dropped(
    tiny_log: EventLog,
) -> None:
    config = dataclasses.replace(
        CONFIGS["best"], variational_dropout=True, item_dropout=0.3, embedding_dropout=0.4
    )
    batch = next(iter(windows(tiny_log, config).batches()))
    batch.reset[:, 5], batch.reset[:, 6:] = 1, 0
    other = batch._replace(item=batch.item.copy())
    other.item[:, :5] = (other.item[:, :5] + 7) % 30 + 2
    # Models of one seed draw the same masks.
    found = []
    for given in (batch, other):
        model = make(tiny_log, config)
        state = model.tower.initial_state(4)
        found.append(model.hidden(Batch(*map(tf.constant, given)), state, training=True)[0].numpy())
    one, two = found
    np.testing.assert_array_equal(one[:, 5:], two[:, 5:])
    assert np.any(one[:, :5] != two[:, :5])
    # The output's masks last the window: a channel that is 0 at one step is so at all.
    np.testing.assert_array_equal(one == 0, np.repeat(one[:, :1] == 0, 8, axis=1))
    assert np.any(one == 0)


def test_smoothing_changes_the_update_and_no_figure(tiny_log: EventLog) -> None:
    config = CONFIGS["best"]
    facts = training_facts(tiny_log, USERS, config)
    batch = Batch(*map(tf.constant, next(iter(windows(tiny_log, config).batches()))))
    told = []
    for share in (0.0, 0.2):
        model = HRNN(config, facts, lanes=4, seed=2, label_smoothing=share)
        loss = float(model.compute_loss(batch, training=True))
        trained = float(model.perplexity_metric.result())
        judged = float(model.compute_loss(batch, training=False))
        told.append((loss, trained, judged))
    (plain, *figures), (smooth, *same) = told
    assert figures == pytest.approx(same, rel=1e-5) and abs(plain - smooth) > 0.01
    assert plain == pytest.approx(np.log(figures[0]), rel=1e-5)


def test_mixed_precision_trains(tiny_log: EventLog) -> None:
    tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        config = CONFIGS["best"]
        model = make(tiny_log, config)
        history = model.fit(windows(tiny_log, config).dataset(), epochs=3, verbose=0).history
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")
    assert history["loss"][-1] < history["loss"][0]
    assert model.decoder.id_weights.dtype == tf.float32


def test_perplexity_metric_is_exp_of_a_weighted_mean() -> None:
    metric = Perplexity()
    metric.update_state([0.0, 2.0], sample_weight=[1.0, 3.0])
    metric.update_state([4.0, 100.0], sample_weight=[1.0, 0.0])
    assert float(metric.result()) == pytest.approx(np.exp((0 + 6 + 4) / 5))


def test_items_with_few_events_are_scored_by_their_features(tiny_log: EventLog) -> None:
    config = ModelConfig(units=2, item_features=True, mix=0.25, cold_max_events=15)
    model = make(tiny_log, config)
    counts = np.bincount(np.asarray(tiny_log.item), minlength=32)[2:]
    assert 0 < np.sum(counts <= 15) < 30
    model.decoder.item_matrix()
    wanted = np.where(counts <= 15, 1, 0.25)
    np.testing.assert_array_equal(model.decoder.inference_mix, wanted)


def test_facts_without_features_build_a_plain_decoder() -> None:
    facts = TrainingFacts(
        item_features=np.zeros((3, 0), np.float32),
        item_counts=np.array([5, 1, 0]),
        feedback_mean=0.0,
        feedback_std=1.0,
        first_time=0,
        last_time=1,
        median_gap=0,
        user_width=0,
        seen_bias=0.0,
    )
    model = HRNN(ModelConfig(units=2), facts, lanes=1)
    _, bias = model.decoder.item_matrix()
    np.testing.assert_allclose(np.exp(bias), np.array([6, 2, 1]) / 9, rtol=1e-5)


class _Branching:
    """Of a model, what a step asks for; its loss is chosen by a tensor in Python."""

    def _check_lanes(self, batch: Any) -> None:
        pass

    def compute_loss(self, inputs: Any, training: bool = False) -> Any:
        return inputs if tf.reduce_sum(inputs) > 0 else -inputs


@pytest.mark.parametrize("step", [HRNN.train_step, HRNN.test_step])
def test_steps_are_traced_as_they_stand(step: Any) -> None:
    """AutoGraph, which would make an operation of the branch, takes longer than all the rest."""
    graph = tf.function(lambda inputs: step(_Branching(), inputs))
    with pytest.raises(tf.errors.OperatorNotAllowedInGraphError):
        graph(tf.ones([2]))
