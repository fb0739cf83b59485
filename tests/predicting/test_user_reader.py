"""Reading users eagerly: what is padded, where rows end, and what a reading holds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfhrnn.config import preset
from tfhrnn.data.catalogue import FIRST_ITEM
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.facts import training_facts
from tfhrnn.predicting.steps import Events
from tfhrnn.predicting.user_reader import Reading, UserReader
from tfhrnn.predicting.user_state import UserState
from tfhrnn.training import build_model, create_variables

T0 = 1_000_000_000
SMALL: dict[str, Any] = {"units": 4, "layers": 1, "time_bumps": 2, "seen_items": 3}


def reader(log: EventLog, **settings: Any) -> UserReader:
    """Of a model of random weights that reads everything of an event."""
    words = {**SMALL, "feedback": True, "item_factors": 0, "item_statistics": False}
    config = preset("hrnn", {**words, "seen_bias": True, **settings})
    model: Any = build_model(config, training_facts(log, np.arange(30), config.model))
    create_variables(model)
    rng = np.random.default_rng(5)
    raw = model.decoder.raw_seen_bias
    raw.assign(raw + rng.normal(size=raw.shape))
    return UserReader(model, tf.Variable(model.decoder.item_matrix()[0]))


@pytest.fixture(scope="module", params=["gru", "lstm"])
def users(tiny_log: EventLog, request: pytest.FixtureRequest) -> UserReader:
    return reader(tiny_log, tower=request.param)


def events(*rows: list[int], pad: int = 0) -> tuple[Events, tf.Tensor]:
    """Events of items at growing gaps, whose padding is of other items, and how many are given."""
    width = max((len(row) for row in rows), default=0) + pad
    filled = np.full((len(rows), width), FIRST_ITEM + 9, np.int32)
    for at, row in enumerate(rows):
        filled[at, : len(row)] = row
    times = T0 + np.cumsum([0, 50, 4000, 90_000, 7, 100, 9, 800][:width])
    found = Events(
        tf.constant(filled),
        tf.constant(np.tile(times, (len(rows), 1)), tf.int64),
        tf.constant(np.tile([1, 5, 2, 4, 3, 1, 5, 2][:width], (len(rows), 1)), tf.float32),
        tf.zeros(filled.shape, tf.int32),
    )
    return found, tf.constant([len(row) for row in rows], tf.int32)


def nobody(rows: int) -> tf.Tensor:
    return tf.zeros([rows, 0])


def ask(users: UserReader, *rows: list[int], pad: int = 0, after: int = 10**6) -> Reading:
    given, count = events(*rows, pad=pad)
    return users.history(
        nobody(len(rows)), given, count, tf.fill([len(rows)], np.int64(T0 + after))
    )


def state_after(users: UserReader, *rows: list[int], pad: int = 0) -> UserState:
    given, count = events(*rows, pad=pad)
    return users.updated(users.begun(nobody(len(rows))), given, count)


def assert_same(one: Reading, other: Reading) -> None:
    np.testing.assert_allclose(one.hidden, other.hidden, atol=1e-6)
    np.testing.assert_array_equal(one.seen, other.seen)
    np.testing.assert_array_equal(one.seen_bias, other.seen_bias)


LONG = [5, 7, 5, 11, 3]


def test_what_stands_behind_a_rows_events_is_not_read(users: UserReader) -> None:
    assert_same(ask(users, LONG, pad=3), ask(users, LONG))
    whole = ask(users, LONG, [4], [])
    for row, items in enumerate((LONG, [4], [])):
        alone = ask(users, items)
        np.testing.assert_allclose(whole.hidden[row], alone.hidden[0], atol=1e-6)
        seen = [column for column in whole.seen.numpy()[row].tolist() if column >= 0]
        assert seen == alone.seen.numpy()[0].tolist()[: len(items)][: len(seen)]
        assert len(seen) == min(3, len(set(items)))


def test_a_state_and_then_a_query_is_the_history(users: UserReader) -> None:
    state = state_after(users, LONG, [4], [])
    assert state.position.numpy().tolist() == [5, 1, 0]
    time = tf.fill([3], np.int64(T0 + 10**6))
    assert_same(users.state(state, time), ask(users, LONG, [4], []))


@pytest.mark.parametrize("cuts", [[1], [2, 3], [1, 2, 3, 4]])
def test_events_may_come_in_any_parts(users: UserReader, cuts: list[int]) -> None:
    given, _ = events(LONG)
    state = users.begun(nobody(1))
    for begin, end in zip([0, *cuts], [*cuts, 5], strict=True):
        state = users.updated(state, given.part(begin, end), tf.constant([end - begin]))
    whole = state_after(users, LONG)
    for one, other in zip(state.parts, whole.parts, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_no_events_leave_a_state_as_it_is(users: UserReader) -> None:
    state = state_after(users, LONG, [4])
    given, _ = events([6], [6])
    for some in (Events.none(2), given):
        after = users.updated(state, some, tf.constant([0, 0]))
        for one, other in zip(after.parts, state.parts, strict=True):
            np.testing.assert_array_equal(one, other)


def test_who_begins_has_no_events_and_has_seen_nothing(users: UserReader) -> None:
    state = users.begun(nobody(2))
    assert state.position.numpy().tolist() == [0, 0]
    np.testing.assert_array_equal(state.seen, np.full((2, 3), -1))


def test_the_last_distinct_items_are_seen_whether_they_came_at_once_or_not(
    users: UserReader,
) -> None:
    wanted = {column - FIRST_ITEM for column in (5, 11, 3)}  # 7 is the fourth from the end
    assert set(ask(users, LONG).seen.numpy()[0].tolist()) == wanted
    assert set(state_after(users, LONG).seen.numpy()[0].tolist()) == wanted
    assert set(ask(users, [4, 4]).seen.numpy()[0].tolist()) == {4 - FIRST_ITEM, -1}


def test_the_time_of_asking_counts_and_one_before_the_last_event_is_a_gap_of_0(
    tiny_log: EventLog,
) -> None:
    users = reader(tiny_log, time_bumps=0)  # which read the clock itself
    last = 94_057  # of the fifth event
    now, later = ask(users, LONG, after=last), ask(users, LONG, after=last + 10**6)
    assert np.abs(now.hidden - later.hidden).max() > 1e-4
    assert_same(ask(users, LONG, after=last - 500), now)


def test_a_bias_of_levels_is_that_of_the_gap_asked_for(tiny_log: EventLog) -> None:
    users = reader(tiny_log, seen_bias_form="level")
    values = users.seen_bias.numpy()
    for gap, level in ((0, 0), (59, 0), (60, 1), (3600, 2), (86_400, 3)):
        found = ask(users, LONG, after=94_057 + gap).seen_bias.numpy()
        assert found.tolist() == [[values[level]]]
    assert ask(users, []).seen_bias.numpy().tolist() == [[values[users.start_level]]]
    plain = reader(tiny_log)
    assert ask(plain, LONG, [4]).seen_bias.shape == ()


def test_a_model_without_the_bias_adds_nothing(tiny_log: EventLog) -> None:
    assert float(ask(reader_without(tiny_log), LONG).seen_bias) == 0.0


def reader_without(log: EventLog) -> UserReader:
    config = preset("hrnn", {**SMALL, "seen_bias": False})
    model: Any = build_model(config, training_facts(log, np.arange(30), config.model))
    create_variables(model)
    return UserReader(model, tf.Variable(model.decoder.item_matrix()[0]))
