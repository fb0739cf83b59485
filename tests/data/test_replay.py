"""An update's epochs: new events always, known ones in turn and in their share."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tfhrnn.data.append import Replay
from tfhrnn.data.event_log import EventLog, write_event_log
from tfhrnn.data.replay import ReplayWindows

EVENTS = 6  # of each of twelve users
KNOWN = np.array([6] * 10 + [2, 0])  # user 10 has 4 new events, user 11 is new with 6


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> EventLog:
    place: Path = tmp_path_factory.mktemp("replay") / "log"
    rows = [(f"{user}", f"i{at % 5}", at) for user in range(12) for at in range(EVENTS)]
    frame = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    return write_event_log(frame, place)


def windows(log: EventLog, share: float, epochs: int = 5) -> ReplayWindows:
    replay = Replay(KNOWN, share)
    return ReplayWindows(
        log, np.arange(12), replay=replay, epochs=epochs, lanes=2, window=4, shuffle=True, seed=3
    )


def test_new_events_are_in_every_epoch_and_the_share_is_known(log: EventLog) -> None:
    # 10 new events; a share of 0.7 known needs 10 · 0.7/0.3 = 23.3, of which 2 are user 10's own:
    # 21 more, so users whose first event lies in windows of 21: three or four of 6 events.
    made = windows(log, 0.7)
    assert made.replayed_events == 21
    for epoch in range(5):
        users = made.users_of(epoch).tolist()
        assert users[:2] == [10, 11] and len(users) - 2 in (3, 4)
        assert len(set(users)) == len(users)


def test_all_others_come_before_one_comes_again(log: EventLog) -> None:
    made = windows(log, 0.7)
    met = Counter(user for epoch in range(20) for user in made.users_of(epoch).tolist()[2:])
    # 20 epochs of 21 events are 7 rounds of 60.
    assert met == dict.fromkeys(range(10), 7)


def test_without_a_share_only_users_with_new_events_are_read(log: EventLog) -> None:
    assert windows(log, 0.0).users_of(0).tolist() == [10, 11]


def test_a_share_that_asks_for_more_than_there_is_takes_all(log: EventLog) -> None:
    made = windows(log, 0.99)
    assert made.replayed_events == 60
    assert sorted(made.users_of(3).tolist()) == list(range(12))


def test_where_no_user_has_new_events_all_are_read_again(log: EventLog) -> None:
    replay = Replay(np.full(12, EVENTS), 0.5)
    made = ReplayWindows(log, np.arange(12), replay=replay, epochs=1, lanes=2, window=4)
    assert sorted(made.users_of(0).tolist()) == list(range(12))


def test_no_epoch_is_cut_off(log: EventLog) -> None:
    made = windows(log, 0.7)
    for epoch in range(5):
        batches = list(made.batches(epoch))
        assert len(batches) == made.num_batches
        read = sum(float(batch.weight.sum()) for batch in batches)
        assert read == EVENTS * len(made.users_of(epoch))
