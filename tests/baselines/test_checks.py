"""What baselines refuse is named with what was got; what they take passes without a word."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from tfhrnn.baselines.checks import (
    require_at_least,
    require_catalogue,
    require_choices,
    require_fitted,
    require_positive,
    require_users,
)
from tfhrnn.data.event_log import EventLog
from tfhrnn.errors import ConfigError, DataError, RunError


@pytest.mark.parametrize(
    ("check", "refused", "taken", "words"),
    [
        (lambda v: require_at_least(1, rank=v), [0, -3, 1.5], [1, 7], "a whole number of at least"),
        (lambda v: require_positive(days=v), [0, -1.0, math.inf, math.nan], [1e-9, 3], "above 0"),
        (lambda v: require_choices("decay", [1.0, v]), [0, math.nan], [0.5], "above 0"),
    ],
)
def test_numbers_out_of_range_are_named(
    check: Callable[[Any], None], refused: list[float], taken: list[float], words: str
) -> None:
    for value in taken:
        check(value)
    for value in refused:
        with pytest.raises(ConfigError, match=words) as found:
            check(value)
        assert f"got {value!r}" in str(found.value)


def test_the_first_of_several_is_named() -> None:
    with pytest.raises(ConfigError, match=r"^sweeps: got 0"):
        require_at_least(1, rank=2, sweeps=0, patience=-1)


def test_there_must_be_something_to_choose_from() -> None:
    with pytest.raises(ConfigError, match="decay: got none, expected at least one"):
        require_choices("decay", [])


def test_users_are_of_the_log_and_each_stands_once(tiny_log: EventLog) -> None:
    require_users(tiny_log, train=[0, 3], validation=[tiny_log.num_users - 1])
    for users, words in (
        ([], "no validation users"),
        ([0, tiny_log.num_users], f"indices below {tiny_log.num_users}"),
        ([-1, 2], "users from -1 to 2"),
        ([4, 5, 4], "stand there twice"),
    ):
        with pytest.raises(DataError, match=words):
            require_users(tiny_log, train=[1], validation=users)


def test_what_was_fitted_is_handed_on_and_what_was_not_is_refused() -> None:
    weights = [1.0]
    assert require_fitted(weights, object()) is weights
    with pytest.raises(RunError, match="got a dict that is not fitted, expected fit"):
        require_fitted(None, {})


def test_a_model_keeps_to_its_catalogue(tiny_log: EventLog) -> None:
    require_catalogue(tiny_log, tiny_log.num_items)
    with pytest.raises(DataError, match="30 items, expected the 31 that were there in fitting"):
        require_catalogue(tiny_log, 31)
