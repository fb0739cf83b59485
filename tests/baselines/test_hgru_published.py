"""HGRU as published: its formula in NumPy, the tower of the same equations, and its own loop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
import tensorflow as tf

from tfhrnn.baselines import hgru_published
from tfhrnn.baselines.hgru_published import HGRUPublished
from tfhrnn.config import Config, preset
from tfhrnn.data.event_log import EventLog, write_event_log
from tfhrnn.data.sessions import gap_levels
from tfhrnn.data.simulate_sessions import simulate_sessions
from tfhrnn.layers import Control
from tfhrnn.layers.hgru import HGRUTower

Floats = npt.NDArray[np.float64]
UNITS = 5


def config(**settings: object) -> Config:
    small: dict[str, object] = {"units": UNITS, "batch_size": 4, "epochs": 2, "weight_decay": 0.0}
    return preset("hrnn", {**small, **settings})


def drawn(log: EventLog) -> HGRUPublished:
    """A model with weights, biases among them, drawn anew."""
    model, rng = HGRUPublished(config(), log.num_items), np.random.default_rng(1)
    for variable in model.trainable_variables:
        variable.assign(rng.normal(scale=0.5, size=variable.shape))
    return model


def gru(x: Floats, h: Floats, weights: list[Any]) -> Floats:
    """One step of a gated recurrent unit whose parts lie side by side: update, reset, candidate."""
    kernel, recurrent, biases = (np.asarray(part, np.float64) for part in weights)
    parts = [slice(at * len(h), (at + 1) * len(h)) for at in range(3)]
    read, kept = (
        [v @ w[:, part] + bias[part] for part in parts]
        for v, w, bias in ((x, kernel, biases[0]), (h, recurrent, biases[1]))
    )
    update, reset = (1 / (1 + np.exp(-(read[at] + kept[at]))) for at in range(2))
    candidate = np.tanh(read[2] + reset * kept[2])
    return update * h + (1 - update) * candidate


def by_formula(model: HGRUPublished, items: list[int], times: list[int]) -> list[float]:
    """Log p of each of a user's items, one step after the other."""
    kernel, bias = (np.asarray(w, np.float64) for w in model.cell.openings[0].get_weights())
    user: Floats = np.zeros(UNITS)
    session: Floats = np.tanh(bias)
    table, scores, shift = (
        v.numpy().astype(float) for v in (model.items, model.scores, model.bias)
    )
    found = []
    read = 0  # the start event
    for at, item in enumerate(items):
        session = gru(table[read], session, model.cell.sessions[0].get_weights())
        if at and times[at] - times[at - 1] >= 60:
            user = gru(session, user, model.cell.user.get_weights())
            session = np.tanh(user @ kernel + bias)
        score = scores @ session + shift
        found.append(float(score[item - 2] - np.log(np.exp(score).sum())))
        read = item
    return found


def test_every_target_of_every_user_is_scored_as_the_formula_has_it(tiny_log: EventLog) -> None:
    model = drawn(tiny_log)
    users = np.array([7, 3, 20, 1, 39])
    judged = model.judge(tiny_log, users)
    assert judged["user"].unique(maintain_order=True).to_list() == users.tolist()
    for user in users.tolist():
        events = tiny_log.events_of(user)
        own = judged.filter(pl.col("user") == user)
        items, times = tiny_log.item[events].tolist(), tiny_log.time[events].tolist()
        assert own["item"].to_list() == items
        # float32 against float64 over up to 24 steps
        np.testing.assert_allclose(own["log_p"], by_formula(model, items, times), atol=1e-4)


def test_ranks_count_the_items_with_better_scores(tiny_log: EventLog) -> None:
    model = drawn(tiny_log)
    model.scores.assign(tf.zeros_like(model.scores))  # the bias alone scores
    order = np.argsort(-model.bias.numpy())
    judged = model.judge(tiny_log, np.arange(6))
    expected = np.argsort(order)[judged["item"].to_numpy() - 2]
    np.testing.assert_array_equal(judged["rank"], expected)


def test_it_is_the_tower_of_our_lanes_where_both_read_the_same(tiny_log: EventLog) -> None:
    model = drawn(tiny_log)
    tower = HGRUTower(UNITS, seed=1)
    user = int(np.argmax(np.diff(tiny_log.offsets)))
    events = tiny_log.events_of(user)
    items = np.array(tiny_log.item[events])
    gap = np.diff(np.array(tiny_log.time[events]), prepend=tiny_log.time[events][:1])
    level = gap_levels(gap.astype(np.float32), (60, 3600, 86400))[np.newaxis].astype(np.int32)
    assert 0 < (level[0, 1:] > 0).sum() < len(items) - 1  # sessions end, and go on
    reset = (np.arange(len(items)) == 0).astype(np.float32)[np.newaxis]
    x = tf.gather(model.items, np.concatenate([[0], items[:-1]]))[tf.newaxis]
    told = Control(tf.constant(reset), tf.constant(level))
    tower(x, told, tower.initial_state(1))  # creates the weights
    tower.steps.cell.set_weights(model.cell.get_weights())
    y, _ = tower(x, told, tower.initial_state(1))
    log_p = tf.nn.log_softmax(tf.matmul(y[0], model.scores, transpose_b=True) + model.bias)
    expected = log_p.numpy()[np.arange(len(items)), items - 2]
    judged = model.judge(tiny_log, np.array([user]))
    np.testing.assert_allclose(judged["log_p"], expected, atol=2e-6)


def test_a_user_is_scored_alike_in_any_slot_and_after_anybody(
    tiny_log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, users = drawn(tiny_log), np.array([5, 9, 2, 11])
    side_by_side = model.judge(tiny_log, users)["log_p"].to_numpy()
    monkeypatch.setattr(hgru_published, "_JUDGED_AT_ONCE", 1)  # each after the one before
    np.testing.assert_allclose(model.judge(tiny_log, users)["log_p"], side_by_side, atol=1e-6)


def test_an_epoch_updates_once_a_step_and_meets_every_target_once(tiny_log: EventLog) -> None:
    model, users = HGRUPublished(config(), tiny_log.num_items), np.arange(10)
    steps = model.epoch_steps(tiny_log, users, 0)
    events = int(tiny_log.offsets[10])
    assert float(tf.reduce_sum(steps.weight)) == events
    assert float(tf.reduce_sum(steps.reset * steps.weight)) == len(users)
    met = np.sort(steps.target.numpy()[steps.weight.numpy() > 0])
    np.testing.assert_array_equal(met, np.sort(np.array(tiny_log.item[:events]) - 2))
    model.update_all(steps)
    assert model._optimizer is not None
    assert int(model._optimizer.iterations) == steps.item.shape[1]


def test_sessions_are_learned_by_one_user_a_slot(tmp_path: Path) -> None:
    log = write_event_log(simulate_sessions(200), tmp_path / "log", name="sessions")
    settings = config(batch_size=16, units=16, epochs=4)
    model, users = HGRUPublished(settings, log.num_items), np.arange(log.num_users)
    said: list[str] = []
    epochs = model.fit(log, users[:120], say=said.append)
    assert len(said) == len(epochs) == 4 and all(epoch["seconds"] > 0 for epoch in epochs)
    judged = model.judge(log, users[120:])
    firsts = judged.filter(pl.col("level") > 0)["log_p"]
    # Whoever does not hear sessions end has 2.14 at best.
    assert np.exp(-float(np.mean(firsts.to_numpy()))) < 1.3


def test_the_same_seed_gives_the_same_weights_and_another_one_others(tiny_log: EventLog) -> None:
    found = []
    for seed in (1, 1, 2):
        model = HGRUPublished(config(seed=seed, epochs=1), tiny_log.num_items)
        model.fit(tiny_log, np.arange(3))
        found.append(model.scores.numpy())
    np.testing.assert_allclose(found[0], found[1], atol=1e-6)
    assert np.abs(found[0] - found[2]).max() > 1e-2
