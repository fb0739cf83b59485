"""Percentiles of history lengths, by counting."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tfhrnn.config import TrainingConfig
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.history_lengths import training_users, within_percentiles
from tfhrnn.data.split import Part, split_users

# Shares whose products with whole numbers are exact in binary.
SHARES = st.integers(0, 16).map(lambda sixteenths: sixteenths / 16)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=30), SHARES, SHARES)
def test_bounds_are_the_nth_shortest(lengths: list[int], one: float, other: float) -> None:
    low, high = sorted((one, other))
    ordered, count = sorted(lengths), len(lengths)
    first, last = (ordered[max(math.ceil(p * count), 1) - 1] for p in (low, high))
    kept = within_percentiles(np.array(lengths), low, high)
    assert kept.tolist() == [first <= length <= last for length in lengths]
    assert kept.any()


def test_by_default_every_training_user_stays(tiny_log: EventLog) -> None:
    parts = split_users(tiny_log.num_users)
    users = training_users(tiny_log, parts, TrainingConfig())
    np.testing.assert_array_equal(users, np.flatnonzero(parts == Part.TRAIN))


def test_only_training_users_count_for_the_percentile(tiny_log: EventLog) -> None:
    parts = np.full(tiny_log.num_users, Part.TEST, np.int8)
    lengths = np.diff(tiny_log.offsets)
    longest = np.argsort(lengths, kind="stable")[-4:]
    parts[longest] = Part.TRAIN
    half = TrainingConfig(max_user_history_length_percentile=0.5)
    bound = sorted(lengths[longest])[1]  # 2 of the 4 are at most that long
    wanted = sorted(user for user in longest.tolist() if lengths[user] <= bound)
    assert training_users(tiny_log, parts, half).tolist() == wanted


def test_validation_users_are_trained_on_where_that_is_asked_and_test_users_never(
    tiny_log: EventLog,
) -> None:
    parts = split_users(tiny_log.num_users)
    users = training_users(tiny_log, parts, TrainingConfig(train_on_validation=True))
    np.testing.assert_array_equal(users, np.flatnonzero(parts != Part.TEST))
