"""Lanes and windows: every event once, in order, with what a step is told about it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfhrnn.data.catalogue import FIRST_ITEM, START, UNKNOWN
from tfhrnn.data.event_log import EventLog, write_event_log
from tfhrnn.data.windows import Batch, Windows, seen_stays

ALL = np.arange(40)


@pytest.fixture(scope="module")
def small_log(tmp_path_factory: pytest.TempPathFactory) -> EventLog:
    """Two users whose steps can be followed by hand.

    a: x at 100, y at 100, z at 150 (tied pair, then 50 s); b: y at 0, x at 100000 (over a day).
    """
    frame = pl.DataFrame(
        {
            "user_id": ["a", "a", "a", "b", "b"],
            "item_id": ["x", "y", "z", "y", "x"],
            "timestamp": [100, 100, 150, 0, 100_000],
            "feedback": [5.0, 3.0, 1.0, None, 2.0],
        }
    )
    return write_event_log(frame, tmp_path_factory.mktemp("small") / "log")


X, Y, Z = FIRST_ITEM, FIRST_ITEM + 1, FIRST_ITEM + 2


def one_lane(windows: Windows, epoch: int = 0) -> Batch:
    """All windows of the only lane, end to end."""
    batches = list(windows.batches(epoch))
    return Batch(*(np.concatenate(parts, axis=1) for parts in zip(*batches, strict=True)))


def test_a_users_steps_are_the_start_event_then_all_events_but_the_last(
    small_log: EventLog,
) -> None:
    lane = one_lane(Windows(small_log, np.array([0, 1]), lanes=1, window=5))
    assert lane.item[0].tolist() == [START, X, Y, START, Y]
    assert lane.targets[0, :, 0].tolist() == [X, Y, Z, Y, X]
    assert lane.reset[0].tolist() == [1, 0, 0, 1, 0]
    assert lane.position[0].tolist() == [0, 1, 2, 0, 1]
    assert lane.gap[0].tolist() == [0, 0, 50, 0, 100_000]
    assert lane.level[0].tolist() == [4, 0, 0, 4, 3]  # start, 0 s, 50 s, start, over a day
    assert lane.query_time[0].tolist() == [100, 100, 150, 0, 100_000]
    np.testing.assert_array_equal(lane.feedback[0], [np.nan, 5, 3, np.nan, np.nan])
    np.testing.assert_array_equal(lane.target_feedback[0], [5, 3, 1, np.nan, 2])
    assert lane.weight[0].tolist() == [1] * 5
    assert lane.first_item[0].tolist() == [X, X, X, Y, Y]


def test_the_first_item_is_that_of_the_order_drawn_and_none_in_padding(small_log: EventLog) -> None:
    # User a's first two events stand at the same time; five steps in windows of four leave three.
    windows = Windows(small_log, np.array([0, 1]), lanes=1, window=4, shuffle_ties=True)
    firsts = set()
    for epoch in range(8):
        lane = one_lane(windows, epoch)
        first = int(lane.targets[0, 0, 0])
        assert lane.first_item[0].tolist() == [first] * 3 + [Y, Y] + [START] * 3
        firsts.add(first)
    assert firsts == {X, Y}


def test_a_tied_step_has_the_remaining_tied_items_as_targets(small_log: EventLog) -> None:
    lane = one_lane(Windows(small_log, np.array([0]), lanes=1, window=3, tied_targets=4))
    assert lane.target_count[0].tolist() == [2, 1, 1]
    assert lane.targets[0, 0, :2].tolist() == [X, Y]
    assert lane.targets[0, 1, 0] == Y and lane.targets[0, 2, 0] == Z


def test_tie_shuffling_moves_only_events_of_equal_times(tiny_log: EventLog) -> None:
    log = tiny_log
    windows = Windows(log, ALL, lanes=1, window=8, shuffle_ties=True)
    moved = False
    for epoch in range(3):
        lane, at = one_lane(windows, epoch), 0
        for user in ALL:
            span = slice(int(log.offsets[user]), int(log.offsets[user + 1]))
            count = span.stop - span.start
            time, item = np.asarray(log.time[span]), np.asarray(log.item[span])
            target = lane.targets[0, at : at + count, 0]
            for moment in np.unique(time):
                same = time == moment
                assert sorted(target[same]) == sorted(item[same])
            moved |= bool(np.any(target != item))
            at += count
    assert moved


@settings(max_examples=25)
@given(lanes=st.integers(1, 7), window=st.integers(1, 17), flush=st.integers(0, 2))
def test_every_event_is_a_target_once_and_padding_stands_at_lanes_ends(
    tiny_log: EventLog, lanes: int, window: int, flush: int
) -> None:
    windows = Windows(tiny_log, ALL, lanes=lanes, window=window, flush_steps=flush, shuffle=True)
    batches = list(windows.batches(3))
    assert len(batches) == windows.num_batches == len(windows.dataset())
    weight = np.concatenate([b.weight for b in batches], axis=1)
    target = np.concatenate([b.targets[..., 0] for b in batches], axis=1)
    position = np.concatenate([b.position for b in batches], axis=1)
    assert weight.sum() == tiny_log.num_events
    assert sorted(target[weight > 0].tolist()) == sorted(tiny_log.item.tolist())
    for lane, users in enumerate(windows.lane_users(3)):
        steps = sum(windows.steps_of(user) for user in users)
        assert not weight[lane, steps:].any()
        at = 0
        for user in users:
            count = int(tiny_log.offsets[user + 1] - tiny_log.offsets[user])
            assert not weight[lane, at : at + flush].any()
            here = slice(at + flush, at + flush + count)
            span = tiny_log.events_of(user)
            np.testing.assert_array_equal(target[lane, here], tiny_log.item[span])
            assert position[lane, here].tolist() == list(range(count))
            at += flush + count


def test_every_epoch_has_as_many_batches(tiny_log: EventLog) -> None:
    """Keras cuts later epochs at the first one's length, or stops where they are shorter."""
    for lanes in (1, 3, 8):
        windows = Windows(tiny_log, ALL, lanes=lanes, window=5, shuffle=True)
        assert {len(list(windows.batches(epoch))) for epoch in range(6)} == {windows.num_batches}


def test_an_epoch_is_repeatable_and_epochs_differ(tiny_log: EventLog) -> None:
    def items(epoch: int, seed: int = 0) -> npt.NDArray[np.int32]:
        windows = Windows(tiny_log, ALL, lanes=3, window=9, shuffle=True, seed=seed)
        return np.concatenate([batch.item for batch in windows.batches(epoch)], axis=1)

    np.testing.assert_array_equal(items(1), items(1))
    assert items(1).shape != items(2).shape or np.any(items(1) != items(2))
    assert items(1).shape != items(1, seed=1).shape or np.any(items(1) != items(1, seed=1))


def test_the_pipeline_yields_an_epoch_an_iteration(tiny_log: EventLog) -> None:
    windows = Windows(tiny_log, ALL, lanes=2, window=16, shuffle=True, seen_items=4)
    dataset = windows.dataset(first_epoch=5)
    for epoch in (5, 6):
        for got, wanted in zip(dataset, windows.batches(epoch), strict=True):
            for name in Batch._fields:
                np.testing.assert_array_equal(getattr(got, name), getattr(wanted, name), name)


def test_flush_steps_reset_before_the_start_event_and_weigh_nothing(small_log: EventLog) -> None:
    lane = one_lane(Windows(small_log, np.array([0, 1]), lanes=1, window=7, flush_steps=1))
    assert lane.item[0].tolist() == [START, START, X, Y, START, START, Y]
    assert lane.reset[0].tolist() == [1, 0, 0, 0, 1, 0, 0]
    assert lane.weight[0].tolist() == [0, 1, 1, 1, 0, 1, 1]


def test_unknown_ids_replace_inputs_but_never_targets_or_starts(tiny_log: EventLog) -> None:
    windows = Windows(tiny_log, ALL, lanes=1, window=50, unknown_rate=0.5)
    lane = one_lane(windows)
    real = lane.weight[0] > 0
    share = np.mean(lane.item[0][real & (lane.reset[0] == 0)] == UNKNOWN)
    assert 0.35 < share < 0.65  # about 400 draws: 4 standard errors are .1
    assert np.all(lane.item[0][real & (lane.reset[0] == 1)] == START)
    assert np.all(lane.targets[0][real] >= FIRST_ITEM)


def test_an_events_type_goes_where_its_item_goes(typed_log: EventLog) -> None:
    """Each event gets an item of its own, so that (user, item) names it whatever its place."""
    log, count = typed_log, typed_log.num_events
    own = replace(log, item=np.arange(count, dtype=np.int32) + FIRST_ITEM)
    plan: dict[str, Any] = {"shuffle": True, "shuffle_ties": True, "flush_steps": 1}
    for batch in Windows(own, ALL, lanes=3, window=7, **plan).batches(2):
        assert batch.event_type.dtype == np.int32
        real = batch.item >= FIRST_ITEM
        np.testing.assert_array_equal(
            batch.event_type[real], log.event_type[batch.item[real] - FIRST_ITEM]
        )
        assert not batch.event_type[~real].any()  # start events, flush steps and padding


def test_an_event_that_is_read_as_unknown_is_of_an_unknown_type(typed_log: EventLog) -> None:
    whole = one_lane(Windows(typed_log, ALL, lanes=1, window=50))
    lane = one_lane(Windows(typed_log, ALL, lanes=1, window=50, unknown_rate=0.5))
    replaced = lane.item == UNKNOWN
    assert whole.event_type[replaced].any() and not lane.event_type[replaced].any()
    np.testing.assert_array_equal(lane.event_type[~replaced], whole.event_type[~replaced])


def test_target_weights_can_depend_on_levels(small_log: EventLog) -> None:
    windows = Windows(
        small_log,
        np.array([0, 1]),
        lanes=1,
        window=5,
        target_weight=lambda level, weight: weight * (level >= 3),
    )
    assert one_lane(windows).weight[0].tolist() == [1, 0, 0, 1, 1]


def test_users_without_events_and_features_are_harmless(small_log: EventLog) -> None:
    batch = next(iter(Windows(small_log, np.array([1]), lanes=3, window=4).batches()))
    assert batch.user.shape == (3, 4, 0)
    assert batch.weight.sum() == 2


def brute_force(items: list[int], size: int) -> list[set[int]]:
    """The seen set after each step: the last `size` distinct items before it."""
    found = []
    for step in range(len(items) + 1):
        distinct: list[int] = []
        for item in reversed(items[:step]):
            if item not in distinct:
                distinct.append(item)
        found.append(set(distinct[:size]))
    return found


@settings(max_examples=200)
@given(st.lists(st.integers(2, 7), min_size=1, max_size=15), st.integers(1, 8))
def test_stays_are_the_last_distinct_items(items: list[int], size: int) -> None:
    stays = seen_stays(np.array(items, np.int32), size).tolist()
    for step, wanted in enumerate(brute_force(items, size)):
        held = [item for item, first, end in stays if first <= step < end]
        assert len(held) == len(set(held)) and set(held) == wanted


@pytest.mark.parametrize("seen_items", [1, 3, 64])
@pytest.mark.parametrize(("lanes", "window"), [(1, 5), (3, 4), (4, 40)])
def test_seen_entries_of_windows_are_those_of_whole_users(
    tiny_log: EventLog, seen_items: int, lanes: int, window: int
) -> None:
    windows = Windows(tiny_log, ALL, lanes=lanes, window=window, seen_items=seen_items)
    held: list[list[set[int]]] = [[] for _ in range(lanes)]
    for batch in windows.batches():
        assert batch.seen.shape == (lanes, seen_items + window, 3)
        for lane in range(lanes):
            for step in range(window):
                rows = batch.seen[lane]
                inside = (rows[:, 0] > 0) & (rows[:, 1] <= step) & (step < rows[:, 2])
                held[lane].append(set(rows[inside, 0].tolist()))
    for lane, users in enumerate(windows.lane_users()):
        at = 0
        for user in users:
            items = tiny_log.item[tiny_log.events_of(user)].tolist()
            for wanted in brute_force(items, seen_items)[:-1]:
                assert held[lane][at] == wanted
                at += 1


def test_a_window_shorter_than_a_user_carries_on(small_log: EventLog, tmp_path: Path) -> None:
    whole = one_lane(Windows(small_log, np.array([0, 1]), lanes=1, window=5))
    cut = one_lane(Windows(small_log, np.array([0, 1]), lanes=1, window=1))
    for name in ("item", "level", "gap", "query_time", "targets", "weight", "reset"):
        np.testing.assert_array_equal(getattr(cut, name), getattr(whole, name), name)


@pytest.fixture(scope="module")
def weighted_log(tmp_path_factory: pytest.TempPathFactory) -> EventLog:
    """Seven users of 1 to 7 events; event n weighs n + 1, and feedback tells the same number."""
    rows = [
        (f"u{user}", f"i{(user + at) % 5}", 1000 * user + 40 * (at // 2))  # tied in pairs
        for user in range(7)
        for at in range(user + 1)
    ]
    frame = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    number = pl.int_range(1, pl.len() + 1).cast(pl.Float64)
    frame = frame.with_columns(weight=number, feedback=number)
    out = tmp_path_factory.mktemp("weighted") / "log"
    return write_event_log(frame, out, keep_duplicates=True)


@settings(max_examples=40)
@given(
    lanes=st.integers(1, 9),
    window=st.integers(1, 9),
    flush=st.integers(0, 2),
    users=st.sets(st.integers(0, 6), min_size=1),
    ties=st.booleans(),
    epoch=st.integers(0, 3),
)
def test_a_target_brings_its_own_weight_and_all_else_weighs_nothing(
    weighted_log: EventLog,
    lanes: int,
    window: int,
    flush: int,
    users: set[int],
    ties: bool,
    epoch: int,
) -> None:
    windows = Windows(
        weighted_log,
        np.array(sorted(users)),
        lanes=lanes,
        window=window,
        flush_steps=flush,
        shuffle=True,
        shuffle_ties=ties,
    )
    batches = list(windows.batches(epoch))
    weight = np.concatenate([batch.weight.ravel() for batch in batches])
    told = np.concatenate([batch.target_feedback.ravel() for batch in batches])
    counted = weight > 0
    np.testing.assert_array_equal(weight[counted], told[counted])
    wanted = [weighted_log.weight[weighted_log.events_of(user)] for user in users]
    assert sorted(weight[counted].tolist()) == sorted(np.concatenate(wanted).tolist())


@settings(max_examples=25)
@given(lanes=st.integers(1, 4), window=st.integers(1, 9), share=st.integers(0, 8))
def test_a_weighing_of_levels_is_applied_once_a_target(
    weighted_log: EventLog, lanes: int, window: int, share: int
) -> None:
    def share_of_starts(
        level: npt.NDArray[np.int32], weight: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float32]:
        return np.where(level == 4, weight * np.float32(share / 8), weight)  # eighths are exact

    windows = Windows(
        weighted_log, np.arange(7), lanes=lanes, window=window, target_weight=share_of_starts
    )
    total = sum(float(batch.weight.sum()) for batch in windows.batches())
    # Weights 1 to 28; users start at events 1, 2, 4, 7, 11, 16 and 22 (63 in all), and no gap
    # within a user is of the start's level: 406 - 63 + 63 · share / 8.
    assert total == 343 + 63 * share / 8


@pytest.mark.parametrize("tied", [1, 2, 3])
@settings(max_examples=20)
@given(lanes=st.integers(1, 4), window=st.integers(1, 9))
def test_tied_targets_are_what_is_left_of_the_tie(
    weighted_log: EventLog, tied: int, lanes: int, window: int
) -> None:
    windows = Windows(
        weighted_log, np.arange(7), lanes=lanes, window=window, tied_targets=tied, shuffle=True
    )
    for batch in windows.batches():
        for lane, step in zip(*np.nonzero(batch.weight), strict=True):
            event = int(batch.target_feedback[lane, step]) - 1
            user = int(np.searchsorted(weighted_log.offsets, event, side="right")) - 1
            left = [
                int(weighted_log.item[other])
                for other in range(event, int(weighted_log.offsets[user + 1]))
                if weighted_log.time[other] == weighted_log.time[event]
            ][:tied]
            count = int(batch.target_count[lane, step])
            assert batch.targets[lane, step, :count].tolist() == left
