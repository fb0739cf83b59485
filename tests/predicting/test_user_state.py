"""The laws of a carried state, for every tower: a state and then a query is the whole history."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tfhrnn.answer_options import AnswerOptions
from tfhrnn.config import TOWER_NAMES, preset
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.facts import training_facts
from tfhrnn.histories import Histories
from tfhrnn.models.hrnn import HRNN
from tfhrnn.predictor import Predictor, texts
from tfhrnn.training import build_model, create_variables

OPTIONS = {"transformer": "context=8,heads=2", "tcn": "blocks=2", "rnn_tcn": "blocks=2"}
T0 = 1_000_000_000
# Everything that an event can bring, and what is read at every step of it.
PARTS: dict[str, Any] = {
    "feedback": True,
    "negate_below": "3",
    "user_features": True,
    "first_item_features": True,
    "seen_bias_form": "level",
}


def make(log: EventLog, name: str, **settings: Any) -> tuple[HRNN, Predictor]:
    """A model of random weights, as far from its start as training may take it."""
    words = {"tower": name, "tower_options": OPTIONS.get(name, ""), "units": 8, "time_bumps": 4}
    words |= {"item_factors": 3, "thresholds": log.thresholds, "seen_items": 6, "feature_width": 4}
    config = preset("best", {**words, **settings})
    model = build_model(config, training_facts(log, np.arange(36), config.model))
    create_variables(model)
    rng = np.random.default_rng(3)
    bias = model.decoder.raw_seen_bias
    bias.assign(bias + rng.normal(size=bias.shape))
    for variable in model.tower.trainable_variables:
        variable.assign(variable + 0.1 * rng.normal(size=variable.shape))
        if variable.constraint is not None:
            variable.assign(variable.constraint(variable))
    return model, Predictor(model, log.catalogue, log.user_features)


def drawn(log: EventLog, lengths: list[int], seed: int = 0) -> Histories:
    """Random histories, with gaps of every level and of less than nothing, and unknown ids."""
    rng = np.random.default_rng(seed)
    ids = [*log.catalogue.ids, "no such film"]
    items = [rng.choice(ids, count).tolist() for count in lengths]
    gaps = [rng.choice([-50, 0, 0, 5, 300, 7200, 200_000], count) for count in lengths]
    times = [(T0 + np.cumsum(one)).tolist() for one in gaps]
    feedback = [rng.choice([1.0, 2.0, 4.5, np.nan], count).tolist() for count in lengths]
    users = range(len(lengths))
    return Histories(
        [str(user) for user in users],
        items,
        times,
        feedback,
        {"age": [20.0 + user for user in users], "group": ["ab"[user % 2] for user in users]},
        [rng.choice(["buy", "view, é", "lend", ""], count).tolist() for count in lengths],
    )


def events(histories: Histories, begin: int, end: int) -> dict[str, Any]:
    """The events from `begin` up to `end` as `update` takes them."""
    assert histories.event_types is not None
    part = Histories(
        histories.names,
        [row[begin:end] for row in histories.items],
        [row[begin:end] for row in histories.times],
        [row[begin:end] for row in histories.feedback],
        {},
        [row[begin:end] for row in histories.event_types],
    )
    arrays = part.inputs(
        query_time=np.zeros(len(part), np.int64), with_feedback=True, with_event_types=True
    )
    return {**arrays, "items": arrays["history"]}


def started(predictor: Predictor, histories: Histories) -> npt.NDArray[Any]:
    asked = predictor.user_inputs(histories, query_time=np.zeros(len(histories), np.int64))
    rows = np.zeros(len(histories), np.int32)
    found: npt.NDArray[Any] = predictor.ask("start", {**asked, "rows": rows})["state_bytes"]
    return found


def updated(predictor: Predictor, states: npt.NDArray[Any], **inputs: Any) -> npt.NDArray[Any]:
    found: npt.NDArray[Any] = predictor.ask("update", {**inputs, "state_bytes": states})[
        "state_bytes"
    ]
    return found


def assert_same_answers(
    predictor: Predictor, states: npt.NDArray[Any], histories: Histories
) -> None:
    """To 1e-5 in log-probability, whatever is left out."""
    when = np.array([times[-1] + 4000 if times else T0 for times in histories.times], np.int64)
    for seen in (False, True):
        options = AnswerOptions(k=30, exclude_seen=seen, deny=[histories.items[-1][-1]])
        arrays = predictor.inputs(histories, options, query_time=when)
        whole = predictor.ask("recommend", arrays)
        found = predictor.ask("recommend_from_state", {**arrays, "state_bytes": states})
        by_item = [
            [dict(zip(ids, row, strict=True)) for ids, row in zip(*answer, strict=True)]
            for answer in (
                (texts(one["items"]).tolist(), one["log_probabilities"].tolist())
                for one in (whole, found)
            )
        ]
        for wanted, got in zip(*by_item, strict=True):
            assert wanted.keys() == got.keys()
            wanted.pop("", None)
            np.testing.assert_allclose([got[x] for x in wanted], list(wanted.values()), atol=1e-5)


@pytest.mark.parametrize("name", TOWER_NAMES)
def test_updates_and_then_a_query_are_the_whole_history(tiny_log: EventLog, name: str) -> None:
    _, predictor = make(tiny_log, name, **PARTS)
    lengths = [0, 1, 2, 7, 30]
    histories = drawn(tiny_log, lengths)
    one_by_one = all_at_once = started(predictor, histories)
    for at in range(max(lengths)):
        one_by_one = updated(predictor, one_by_one, **events(histories, at, at + 1))
    assert_same_answers(predictor, one_by_one, histories)
    all_at_once = updated(predictor, all_at_once, **events(histories, 0, max(lengths)))
    assert_same_answers(predictor, all_at_once, histories)
    some = started(predictor, histories)
    for begin, end in ((0, 3), (3, 3), (3, 12), (12, 30)):
        some = updated(predictor, some, **events(histories, begin, end))
    assert_same_answers(predictor, some, histories)


@pytest.mark.parametrize("settings", [{"tied": False}, {"seen_bias_form": "item", "layers": 1}])
def test_types_of_events_are_carried(typed_log: EventLog, settings: dict[str, Any]) -> None:
    _, predictor = make(typed_log, "gru", event_types=True, **settings)
    histories = drawn(typed_log, [0, 3, 11])
    states = started(predictor, histories)
    for begin, end in ((0, 1), (1, 5), (5, 11)):
        states = updated(predictor, states, **events(histories, begin, end))
    assert_same_answers(predictor, states, histories)
    arrays = predictor.inputs(histories, AnswerOptions(k=30), query_time=np.full(3, T0 + 10**7))
    blind = {**arrays, "event_types": np.full_like(arrays["event_types"], "")}
    seen, unseen = (predictor.ask("recommend", x)["log_probabilities"] for x in (arrays, blind))
    assert np.abs(seen - unseen)[1:].max() > 1e-4


@pytest.mark.parametrize("name", ["gru", "hgru"])
def test_two_thousand_updates_are_the_whole_history(tiny_log: EventLog, name: str) -> None:
    _, predictor = make(tiny_log, name, layers=2)
    histories = drawn(tiny_log, [2000, 1990], seed=1)
    states = started(predictor, histories)
    for at in range(2000):
        states = updated(predictor, states, **events(histories, at, at + 1))
    assert_same_answers(predictor, states, histories)


def test_the_tower_tells_users_apart(tiny_log: EventLog) -> None:
    """The laws would hold of a state that is not read, too."""
    _, predictor = make(tiny_log, "gru", **PARTS)
    histories = drawn(tiny_log, [9, 9])
    states = updated(predictor, started(predictor, histories), **events(histories, 0, 9))
    assert states[0] != states[1] and {len(one) for one in states} == {predictor.state_bytes.length}
    arrays = predictor.inputs(histories, AnswerOptions(k=30), query_time=np.array([T0, T0]))
    found = predictor.ask("recommend_from_state", {**arrays, "state_bytes": states})
    swapped = predictor.ask("recommend_from_state", {**arrays, "state_bytes": states[::-1]})
    for one, other in zip(found["items"], swapped["items"][::-1], strict=True):
        assert one.tolist() == other.tolist()
    assert found["log_probabilities"].tolist() != swapped["log_probabilities"].tolist()


def test_ranks_from_a_state_are_those_of_the_history(tiny_log: EventLog) -> None:
    _, predictor = make(tiny_log, "gru", rating="joint")
    histories = drawn(tiny_log, [5, 0])
    states = updated(predictor, started(predictor, histories), **events(histories, 0, 5))
    when = np.array([T0 + 10**6] * 2)
    items = np.array([[*tiny_log.catalogue.ids[:3], "no such film"]] * 2)
    asked = {**predictor.user_inputs(histories, query_time=when), "items": items}
    whole = predictor.ask("rank", asked)
    found = predictor.ask("rank_from_state", {**asked, "state_bytes": states})
    for name in ("log_probabilities", "feedback"):
        np.testing.assert_allclose(found[name], whole[name], atol=1e-5)
    assert np.isfinite(found["feedback"][:, :3]).all() and np.isnan(found["feedback"][:, 3]).all()


def test_no_users_have_no_states(tiny_log: EventLog) -> None:
    _, predictor = make(tiny_log, "gru")
    nobody = drawn(tiny_log, [])
    states = updated(predictor, started(predictor, nobody), **events(nobody, 0, 1))
    assert states.shape == (0,)
    arrays = predictor.inputs(nobody, AnswerOptions(), query_time=np.zeros(0, np.int64))
    found = predictor.ask("recommend_from_state", {**arrays, "state_bytes": states})
    assert found["items"].shape[0] == 0
