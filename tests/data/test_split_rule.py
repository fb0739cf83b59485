"""Rules part as their functions do, tell themselves, and refuse what can't be."""

from __future__ import annotations

import numpy as np
import pytest

from tfhrnn.data.event_split import split_last, split_leave_one_out, split_time
from tfhrnn.data.split import split_users
from tfhrnn.data.split_rule import SplitRule
from tfhrnn.errors import ConfigError, DataError
from tfhrnn.protocol import Protocol


def test_equal_times_at_a_users_cut_keep_the_order_of_the_input() -> None:
    # Times are not even asked for: of ten events of one second the last is the target.
    assert split_leave_one_out(np.array([0, 10])).tolist() == [0] * 8 + [1, 2]
    assert "equal times in input order" in SplitRule("last").text
    assert "equal times together" in SplitRule("time").text


def test_rules_part_as_their_functions_and_tell_themselves() -> None:
    offsets, time = np.array([0, 4, 10]), np.array([1, 2, 3, 9, 2, 3, 4, 5, 6, 7])
    for rule, expected in (
        (SplitRule(), split_users(2)),
        (SplitRule("last", 0.3), split_last(offsets, 0.3)),
        (SplitRule("leave-one-out"), split_leave_one_out(offsets)),
        (SplitRule("time", 0.2), split_time(time, 0.2)),
        (SplitRule("time", point=6), split_time(time, point=6)),
    ):
        np.testing.assert_array_equal(rule.parts(offsets, time), expected)
        assert SplitRule.from_dict(rule.to_dict()) == rule
    texts = [SplitRule("last", 0.25).text, SplitRule("time", point=6).text]
    assert "last 25 % of each user's events test" in texts[0]
    assert "events from Unix second 6 on test" in texts[1]
    # The split of users is told as ever, so that protocols of before keep their hash.
    assert (SplitRule().text, SplitRule().targets) == (Protocol.split, Protocol.targets)
    np.testing.assert_array_equal(SplitRule().parts(np.arange(101), time, 7), split_users(100, 7))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (("weeks",), "split: got 'weeks', expected one of users, last, leave-one-out, time"),
        (("last", 1.0), r"split share: got 1\.0, expected a share in \(0, 1\)"),
        (("leave-one-out", 0.1), r"split share: got 0\.1 for 'leave-one-out', which takes none"),
        (("last", None, 5), "split point: got 5 for 'last', which takes none"),
        (("time", 0.1, 5), "got a share and a point of time, expected one of them"),
    ],
)
def test_rules_that_cannot_be_are_refused(values: tuple[object, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SplitRule(*values)  # type: ignore[arg-type]  # that is the point


@pytest.mark.parametrize(
    ("point", "what"), [(100, "no event to judge among 3 from 1 to 3"), (0, "no event to train on")]
)
def test_a_point_outside_of_the_data_is_refused(point: int, what: str) -> None:
    with pytest.raises(DataError, match=f"split by time: got {what}"):
        SplitRule("time", point=point).parts(np.array([0, 3]), np.array([1, 2, 3]))
