"""What is read for a purpose: no event of a later part, not in facts, windows or counts."""

from __future__ import annotations

import dataclasses

import numpy as np
import polars as pl
import pytest

from tfhrnn.config import Config, ModelConfig, TrainingConfig, preset
from tfhrnn.data.division import Division, log_until
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.facts import training_facts
from tfhrnn.data.history_lengths import training_users
from tfhrnn.data.split import Part, protocol_of, split_users
from tfhrnn.data.split_rule import SplitRule
from tfhrnn.training import build_windows

EVENT_RULES = [SplitRule("last", 0.3), SplitRule("leave-one-out"), SplitRule("time", 0.3)]
CONFIG = preset(
    "best", {"units": 4, "batch_size": 3, "bptt": 5, "recency_mask": True, "item_factors": 4}
)


def divide(log: EventLog, rule: SplitRule) -> Division:
    return Division(log, rule.parts(log.offsets, log.time), by_events=rule.by_events)


def spoilt(log: EventLog, changed: np.ndarray) -> EventLog:
    """The log with other items, times and feedback in the chosen events."""
    item = np.where(changed, 31 - (np.asarray(log.item) - 2), log.item).astype(np.int32)
    time = np.where(changed, np.asarray(log.time) + 10**6, log.time)
    feedback = np.where(changed, np.float32(99), log.feedback).astype(np.float32)
    return dataclasses.replace(log, item=item, time=time, feedback=feedback)


@pytest.mark.parametrize("rule", EVENT_RULES, ids=lambda rule: rule.by)
def test_a_test_event_changes_nothing_that_training_reads(
    rule: SplitRule, tiny_log: EventLog
) -> None:
    division = divide(tiny_log, rule)
    other = dataclasses.replace(division, log=spoilt(tiny_log, division.parts == Part.TEST))
    assert (np.asarray(other.log.item) != tiny_log.item).any()
    for purpose in ("training", "validation", "counted"):
        arguments = () if purpose == "counted" else (CONFIG.training,)
        mine, theirs = (getattr(one, purpose)(*arguments) for one in (division, other))
        np.testing.assert_array_equal(mine.users, theirs.users)
        facts, same = (training_facts(one.log, one.users, CONFIG.model) for one in (mine, theirs))
        for field in dataclasses.fields(facts):
            np.testing.assert_array_equal(getattr(facts, field.name), getattr(same, field.name))
        # Ties are shuffled and share targets, across any cut if they could.
        pairs = zip(
            *(
                build_windows(CONFIG, one.log, one.users, training=purpose == "training").batches(1)
                for one in (mine, theirs)
            ),
            strict=True,
        )
        for batch, again in pairs:
            for part, same_part in zip(batch, again, strict=True):
                np.testing.assert_array_equal(part, same_part)


def test_a_training_event_does_change_the_facts(tiny_log: EventLog) -> None:
    # Without this the test above could compare nothing with nothing.
    division = divide(tiny_log, SplitRule("leave-one-out"))
    other = dataclasses.replace(division, log=spoilt(tiny_log, division.parts == Part.TRAIN))
    mine, theirs = division.training(CONFIG.training), other.training(CONFIG.training)
    facts = training_facts(*mine, CONFIG.model)
    changed = training_facts(*theirs, CONFIG.model)
    for name in ("item_counts", "item_features", "feedback_mean", "last_time"):
        assert (np.asarray(getattr(facts, name)) != getattr(changed, name)).any()


@pytest.mark.parametrize("rule", EVENT_RULES, ids=lambda rule: rule.by)
def test_each_events_weight_stands_in_one_part(rule: SplitRule, tiny_log: EventLog) -> None:
    division = divide(tiny_log, rule)
    config = TrainingConfig()
    training, validation = division.training(config), division.validation(config)
    counted = division.counted()
    counts = np.bincount(division.parts, minlength=3)
    assert training.log.weight.sum() == training.log.num_events == counts[Part.TRAIN]
    assert validation.log.weight.sum() == counts[Part.VALIDATION]
    assert validation.log.num_events == counted.log.num_events == counts[:2].sum()
    assert division.judged(division.users(Part.TEST)).sum() == counts[Part.TEST]
    # The windows of validation read the history and weigh only what is validated.
    windows = build_windows(
        Config(ModelConfig(), TrainingConfig()), *validation, training=False
    ).batches()
    weighed = [batch.weight[batch.weight > 0] for batch in windows]
    assert np.concatenate(weighed).sum() == counts[Part.VALIDATION]


def test_a_log_until_a_part_holds_each_users_first_events(tiny_log: EventLog) -> None:
    point = 1_000_005_000  # some users begin later
    parts = SplitRule("time", point=point).parts(tiny_log.offsets, tiny_log.time)
    log = log_until(tiny_log, parts, Part.VALIDATION)
    for user in range(tiny_log.num_users):
        whole = tiny_log.events_of(user)
        kept = np.asarray(tiny_log.time[whole]) < point
        for name in ("item", "time", "feedback", "weight", "event_type"):
            expected = np.asarray(getattr(tiny_log, name)[whole])[kept]
            np.testing.assert_array_equal(getattr(log, name)[log.events_of(user)], expected)
    assert log.user_ids == tiny_log.user_ids and log.catalogue is tiny_log.catalogue
    assert log.fingerprint != tiny_log.fingerprint
    assert (np.diff(log.offsets) == 0).any()  # those stay, without events


def test_users_without_training_events_do_not_train(tiny_log: EventLog) -> None:
    division = divide(tiny_log, SplitRule("time", point=1_000_005_000))
    training = division.training(TrainingConfig())
    sizes = np.diff(training.log.offsets)
    assert training.users.tolist() == np.flatnonzero(sizes > 0).tolist() != list(range(40))
    # Percentiles are of the training part's lengths, users without any left out.
    shorter = division.training(TrainingConfig(max_user_history_length_percentile=0.5))
    assert sizes[shorter.users].max() <= np.median(sizes[sizes > 0])


def test_validation_may_be_trained_on_too(tiny_log: EventLog) -> None:
    config, sizes = TrainingConfig(train_on_validation=True), np.diff(tiny_log.offsets)
    for rule in (*EVENT_RULES, SplitRule()):
        division = divide(tiny_log, rule)
        training = division.training(config)
        events = np.diff(training.log.offsets)[training.users].sum()
        kept = division.parts != Part.TEST
        assert events == (kept.sum() if rule.by_events else sizes[kept].sum())
        assert len(division.validation(config).users) == 0


def test_a_protocol_tells_the_rule_and_counts_what_is_judged(tiny_log: EventLog) -> None:
    rule = SplitRule("leave-one-out")
    found = divide(tiny_log, rule).protocol(7, rule)
    assert (found.test_users, found.test_targets, found.split_seed) == (40, 40, 0)
    assert found.split.startswith("last event of each user test")
    assert found.targets == "every test event, after all events of its user before it"
    parts = split_users(40, 7)
    users = Division(tiny_log, parts).protocol(7, SplitRule())
    assert users == protocol_of(tiny_log, np.flatnonzero(parts == Part.TEST), 7)


def test_a_split_of_users_hands_on_the_log_itself(tiny_log: EventLog) -> None:
    parts = split_users(tiny_log.num_users, 3)
    division = Division(tiny_log, parts)
    config = TrainingConfig(max_user_history_length_percentile=0.8)
    for reading, users in (
        (division.training(config), training_users(tiny_log, parts, config)),
        (division.validation(config), np.flatnonzero(parts == Part.VALIDATION)),
        (division.counted(), np.flatnonzero(parts != Part.TEST)),
    ):
        assert reading.log is tiny_log
        np.testing.assert_array_equal(reading.users, users)
    test = division.users(Part.TEST)
    assert division.judged(test).all()
    assert len(division.judged(test)) == np.diff(tiny_log.offsets)[test].sum()


def test_judged_events_come_user_by_user(tiny_log: EventLog) -> None:
    division = divide(tiny_log, SplitRule("leave-one-out"))
    users = np.array([7, 2])
    rows = pl.DataFrame({"last": division.judged(users)})
    sizes = np.diff(tiny_log.offsets)[users].tolist()
    expected = [False] * (sizes[0] - 1) + [True] + [False] * (sizes[1] - 1) + [True]
    assert rows["last"].to_list() == expected
    assert division.judged(np.zeros(0, np.int64)).shape == (0,)
