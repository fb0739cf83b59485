"""Whatever a model reads: what is served is what is judged, and what it reads matters."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
import tensorflow as tf

from tfhrnn.answer_options import AnswerOptions
from tfhrnn.config import Config, preset
from tfhrnn.data.event_log import EventLog, write_event_log
from tfhrnn.data.facts import training_facts
from tfhrnn.evaluation.evaluate import judge
from tfhrnn.export import export
from tfhrnn.histories import Histories
from tfhrnn.models.hrnn import HRNN
from tfhrnn.predictor import Predictor
from tfhrnn.training import build_model, create_variables

USER_FEATURES = {
    "numeric": "age:numeric",
    "categorical": "group:categorical",
    "multi-hot": "tags:multi-hot",
    "text": "about:text:16",
}
USERS = np.array([37, 38, 39])
MakeLog = Callable[..., EventLog]


@pytest.fixture(scope="module")
def make_log(tiny_tables: dict[str, pl.DataFrame], tmp_path_factory: Any) -> MakeLog:
    """The small world with a user feature of each kind, and titles as features of items."""
    users = tiny_tables["users"].with_columns(
        tags=pl.Series(["|".join("xyz"[: n % 4]) for n in range(40)]),
        about=pl.Series([f"Likes film {n % 5}, né" if n % 6 else None for n in range(40)]),
    )
    made: dict[str, EventLog] = {}

    def make(user_kind: str = "numeric") -> EventLog:
        if user_kind not in made:
            out: Path = tmp_path_factory.mktemp("inputs") / "log"
            made[user_kind] = write_event_log(
                tiny_tables["interactions"],
                out,
                items=tiny_tables["items"],
                users=users,
                item_features=["genres:multi-hot", "title:text:32"],
                user_features=[USER_FEATURES[user_kind]],
                keep_duplicates=True,
            )
        return made[user_kind]

    return make


def make(log: EventLog, **settings: Any) -> tuple[Config, HRNN, Predictor]:
    sizes = {"units": 8, "batch_size": 4, "bptt": 8, "feature_width": 4}
    config = preset("hrnn", {**sizes, "thresholds": log.thresholds, **settings})
    model = build_model(config, training_facts(log, np.arange(36), config.model))
    create_variables(model)
    return config, model, Predictor(model, log.catalogue, log.user_features)


def served(predictor: Predictor, log: EventLog, histories: Histories) -> npt.NDArray[np.float32]:
    """Log p of each event of `USERS`, asked with the events before it."""
    events = [log.events_of(user) for user in USERS.tolist()]
    times = np.concatenate([log.time[one] for one in events]).astype(np.int64)
    ids, log_p = predictor.answer(histories, query_time=times, k=log.num_items)
    wanted = np.array(log.catalogue.ids)[np.concatenate([log.item[one] for one in events]) - 2]
    return log_p[ids == wanted[:, np.newaxis]]


def histories_before_each_event(log: EventLog) -> Histories:
    counts = (log.offsets[USERS + 1] - log.offsets[USERS]).tolist()
    users = np.repeat(USERS, counts).tolist()
    return Histories.from_log(log, users, [at for count in counts for at in range(count)])


INPUTS: dict[str, dict[str, Any]] = {
    "feedback": {"feedback": True},
    "negation below the mean": {"negate_below": "mean"},
    "negation below 3, and feedback": {"negate_below": "3", "feedback": True},
    "item features": {"item_features": True},
    "item features, untied": {"item_features": True, "tied": False},
    "untied, negated, crossed": {
        "item_features": True,
        "tied": False,
        "negate_below": "mean",
        "input_cross": 1,
    },
    "cross": {"input_cross": 2, "feedback": True},
    "cross of low rank": {"input_cross": 2, "input_cross_rank": 3, "gap_inputs": True},
}


@pytest.mark.parametrize("name", INPUTS)
def test_what_is_served_is_what_is_judged(make_log: MakeLog, name: str) -> None:
    log = make_log()
    config, model, predictor = make(log, **INPUTS[name])
    asked = histories_before_each_event(log)
    found = served(predictor, log, asked)
    judged = judge(model, log, USERS, config)["log_p"].to_numpy()
    # float32 sums of another order
    np.testing.assert_allclose(found, judged, atol=2e-5)
    if config.model.reads_feedback:
        unknown = [[float("nan")] * len(row) for row in asked.feedback]
        blind = served(predictor, log, dataclasses.replace(asked, feedback=unknown))
        assert np.abs(blind - found).max() > 1e-3


@pytest.mark.parametrize("kind", USER_FEATURES)
def test_user_features_of_every_kind_are_served_as_judged(make_log: MakeLog, kind: str) -> None:
    log = make_log(kind)
    config, model, predictor = make(log, user_features=True)
    asked = histories_before_each_event(log)
    found = served(predictor, log, asked)
    np.testing.assert_allclose(
        found, judge(model, log, USERS, config)["log_p"].to_numpy(), atol=2e-5
    )
    blind = served(predictor, log, dataclasses.replace(asked, user_columns={}))
    first = np.array([len(row) == 0 for row in asked.items])
    assert np.abs(blind - found)[first].max() > 1e-3  # at the first step already


@pytest.mark.parametrize("user_features", [False, True])
def test_first_items_are_served_as_judged_after_the_first_event(
    make_log: MakeLog, user_features: bool
) -> None:
    log = make_log()
    settings = {"item_features": True, "first_item_features": True, "user_features": user_features}
    config, model, predictor = make(log, **settings)
    asked = histories_before_each_event(log)
    found = served(predictor, log, asked)
    judged = judge(model, log, USERS, config)
    later = judged["position"].to_numpy() > 0
    log_p = judged["log_p"].to_numpy()
    np.testing.assert_allclose(found[later], log_p[later], atol=2e-5)
    # The judged first event is told its item's features; an empty history has none.
    assert np.abs(found - log_p)[~later].min() > 1e-4
    assert model.event_embedding.first_item is not None
    zero = model.event_embedding.first_item.features
    zero.assign(tf.zeros_like(zero))
    blind = judge(model, log, USERS, config)["log_p"].to_numpy()
    np.testing.assert_allclose(found[~later], blind[~later], atol=2e-5)
    assert np.abs(blind - log_p)[later].max() > 1e-3  # later targets hear of the first item too


def test_words_and_first_items_are_in_the_saved_graph(make_log: MakeLog, tmp_path: Path) -> None:
    log = make_log("text")
    settings = {"item_features": True, "first_item_features": True, "user_features": True}
    _, _, predictor = make(log, **settings, negate_below="mean", input_cross=1)
    histories = Histories.from_log(log, USERS.tolist(), [0, 1, 3])
    arrays = predictor.inputs(histories, AnswerOptions(k=30), query_time=histories.last_times + 5)
    inputs = {
        name: tf.constant(arrays[name], spec.dtype) for name, spec in predictor.signature().items()
    }
    card: dict[str, Any] = {"name": "model", "description": "every input", "preset": ""}
    card |= {"data": {"catalogue_items": 30, "thresholds": []}, "versions": {}}
    card |= {"state": {"bytes": 0, "fingerprint": ""}, "protocol_hash": ""}
    saved = tf.saved_model.load(str(export(predictor, tmp_path / "model", card)))
    found, expected = (
        saved.signatures["serving_default"](**inputs),
        predictor.function("recommend")(**inputs),
    )
    for name in ("items", "log_probabilities"):
        np.testing.assert_array_equal(found[name], expected[name])


def test_negation_turns_the_items_own_input_around(make_log: MakeLog) -> None:
    """With every event negative, a model whose item rows are turned around answers the same."""
    log = make_log()
    _, model, predictor = make(log, negate_below="99", tied=False)
    plain, negated = make(log, tied=False)[1], model
    for one, other in zip(plain.weights, negated.weights, strict=True):
        other.assign(one)
    table = negated.event_embedding.item.table
    table.assign(np.concatenate([table[:1], -table[1:]]))  # the start event has no feedback
    asked = histories_before_each_event(log)
    expected = Predictor(plain, log.catalogue)
    np.testing.assert_allclose(
        served(Predictor(negated, log.catalogue), log, asked),
        served(expected, log, asked),
        atol=2e-5,
    )
    assert predictor.uses_feedback and not expected.uses_feedback
