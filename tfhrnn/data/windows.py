"""Lanes and windows: users packed end to end for truncated back-propagation through time.

In comes an event log and the users to read; out go `Batch` records of `[lanes, window]` arrays. A
user's n events make n steps: the start event (index 0) whose target is the first item, then each
event but the last, whose target is the next one. Lanes take whole users one after the other, so
nothing is stored twice and the only padding stands at a lane's end. The state is carried from one
batch to the next; `reset` marks where a user begins.

The only data module that knows TensorFlow (paper, section 2; Williams and Peng 1990).
"""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import chain
from itertools import count as count_from
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfhrnn.data.catalogue import FIRST_ITEM, START, UNKNOWN
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.impressions import padded_rows
from tfhrnn.data.sessions import gap_levels, start_level

_NEVER = np.iinfo(np.int32).max
TargetWeight = Callable[[npt.NDArray[np.int32], npt.NDArray[np.float32]], npt.NDArray[np.float32]]
TimeWeight = Callable[[npt.NDArray[np.int64]], npt.NDArray[np.float32]]


class Batch(NamedTuple):
    """One window of every lane.

    Attributes:
      item: `[lanes, window]` int32, index of the event read.
      level: `[lanes, window]` int32, level of the gap from this event to the next one.
      gap: `[lanes, window]` float32, that gap in seconds (0 at the start event).
      query_time: `[lanes, window]` int64, Unix seconds of the next event, when its item is asked
        for.
      position: `[lanes, window]` int32, steps since the user's start event.
      feedback: `[lanes, window]` float32, of the event read; NaN where unknown.
      user: `[lanes, window, width]` float32, encoded user features.
      reset: `[lanes, window]` float32, 1 where a user begins.
      targets: `[lanes, window, tied]` int32, the next item, then others tied with it.
      target_count: `[lanes, window]` int32, how many of `targets` count.
      target_feedback: `[lanes, window]` float32, of the next event; NaN where unknown.
      weight: `[lanes, window]` float32, how much the step's target counts; 0 is padding.
      seen: `[lanes, entries, 3]` int32, (index, first step, step after the last) of each stay of an
        item among the user's last distinct ones, steps counted from the window's start; a row of
        zeros is no entry.
      first_item: `[lanes, window]` int32, index of the user's first item, known at every step from
        the start event on; 0 in padding.
      event_type: `[lanes, window]` int32, of the event read; 0 where unknown.
      shown: `[lanes, window, most]` int32, items shown beside the next one; 0 is none.
    """

    item: Any
    level: Any
    gap: Any
    query_time: Any
    position: Any
    feedback: Any
    user: Any
    reset: Any
    targets: Any
    target_count: Any
    target_feedback: Any
    weight: Any
    seen: Any
    first_item: Any
    event_type: Any
    shown: Any

    @classmethod
    def blank(
        cls,
        lanes: int,
        window: int,
        *,
        user_width: int = 0,
        level: int = 0,
        tied: int = 1,
        entries: int = 0,
        shown: int = 0,
    ) -> Batch:
        """A batch of padding: start events of weight 0, at `level`, as NumPy arrays."""
        shape = (lanes, window)
        return cls(
            item=np.full(shape, START, np.int32),
            level=np.full(shape, level, np.int32),
            gap=np.zeros(shape, np.float32),
            query_time=np.zeros(shape, np.int64),
            position=np.zeros(shape, np.int32),
            feedback=np.full(shape, np.nan, np.float32),
            user=np.zeros((*shape, user_width), np.float32),
            reset=np.ones(shape, np.float32),
            targets=np.full((*shape, tied), FIRST_ITEM, np.int32),
            target_count=np.ones(shape, np.int32),
            target_feedback=np.full(shape, np.nan, np.float32),
            weight=np.zeros(shape, np.float32),
            seen=np.zeros((lanes, entries, 3), np.int32),
            first_item=np.full(shape, START, np.int32),
            event_type=np.zeros(shape, np.int32),
            shown=np.zeros((*shape, shown), np.int32),
        )


class _Steps(NamedTuple):
    """One user's steps, flush steps included, of equal length; `stays` is `[entries, 3]`."""

    item: npt.NDArray[np.int32]
    level: npt.NDArray[np.int32]
    gap: npt.NDArray[np.float32]
    query_time: npt.NDArray[np.int64]
    position: npt.NDArray[np.int32]
    feedback: npt.NDArray[np.float32]
    reset: npt.NDArray[np.float32]
    targets: npt.NDArray[np.int32]
    target_count: npt.NDArray[np.int32]
    target_feedback: npt.NDArray[np.float32]
    weight: npt.NDArray[np.float32]
    first_item: npt.NDArray[np.int32]
    event_type: npt.NDArray[np.int32]
    shown: npt.NDArray[np.int32]
    stays: npt.NDArray[np.int32]


def seen_stays(items: npt.NDArray[np.int32], size: int) -> npt.NDArray[np.int32]:
    """When each item is among the last `size` distinct ones.

    After step k the set holds the most recent `size` distinct items of `items[:k]`: step 0 is the
    start event, so an item read at step k counts from k on.

    Args:
      items: `[events]` a user's items, oldest first.
      size: how many distinct items the set holds.

    Returns:
      `[entries, 3]` rows of (item, first step in the set, first step out of it); still in at the
      end is int32's largest value.

    >>> seen_stays(np.array([7, 8, 9, 7], np.int32), 2).tolist()[:2]
    [[7, 1, 3], [8, 2, 4]]
    """
    unique, first = np.unique(items, return_index=True)
    if len(unique) <= size:  # nothing ever leaves
        return np.stack([unique, first + 1, np.full(len(unique), _NEVER)], axis=1).astype(np.int32)
    held: OrderedDict[int, int] = OrderedDict()  # item to the step it entered, least recent first
    stays: list[tuple[int, int, int]] = []
    for step, item in enumerate(items.tolist(), 1):
        if item in held:
            held.move_to_end(item)
            continue
        if len(held) == size:
            oldest, entered = held.popitem(last=False)
            stays.append((oldest, entered, step))
        held[item] = step
    stays += [(item, entered, _NEVER) for item, entered in held.items()]
    return np.array(stays, np.int32).reshape(-1, 3)


class Windows:
    """Batches over some of a log's users.

    Args:
      log: the encoded events.
      users: `[n]` user indices to read.
      lanes: users read side by side.
      window: steps a batch (`bptt`).
      thresholds: lower bounds of the gap levels, in seconds.
      shuffle: whether each epoch draws the users' order anew.
      shuffle_ties: whether each epoch draws the order within equal timestamps anew.
      tied_targets: most items of the remaining tied set given as targets.
      seen_items: size of the set of last distinct items in `Batch.seen`; 0 leaves it empty.
      unknown_rate: share of input items replaced by the unknown index, their event types too.
      flush_steps: steps of weight 0 before each start event, for towers that need them.
      target_weight: from a user's levels and weights, `[events]` each, to the weights of the
        targets; by default the weights themselves.
      shown: most impressions a step, the first ones; 0 leaves `Batch.shown` empty.
      time_weight: from the targets' times `[events]`, Unix seconds, to what their weights are
        multiplied by.
      seed: of all draws; epoch e draws from `(seed, e)`, so an epoch can be repeated alone.
    """

    def __init__(
        self,
        log: EventLog,
        users: npt.NDArray[np.integer],
        *,
        lanes: int,
        window: int,
        thresholds: tuple[int, ...] = (60, 3600, 86400),
        shuffle: bool = False,
        shuffle_ties: bool = False,
        tied_targets: int = 1,
        seen_items: int = 0,
        unknown_rate: float = 0.0,
        flush_steps: int = 0,
        target_weight: TargetWeight | None = None,
        time_weight: TimeWeight | None = None,
        shown: int = 0,
        seed: int = 0,
    ) -> None:
        self.shown = shown
        self.log, self.lanes, self.window = log, lanes, window
        self.users = np.asarray([u for u in users if log.offsets[u + 1] > log.offsets[u]], np.int64)
        self.thresholds, self.tied_targets, self.seen_items = thresholds, tied_targets, seen_items
        self.shuffle, self.shuffle_ties = shuffle, shuffle_ties
        self.unknown_rate, self.flush_steps, self.seed = unknown_rate, flush_steps, seed
        self.target_weight: TargetWeight = target_weight or (lambda levels, weights: weights)
        self.time_weight = time_weight

    @property
    def entries(self) -> int:
        """Rows of `Batch.seen` a lane: those alive at the window's start, and one a step."""
        return self.seen_items + self.window if self.seen_items else 0

    def steps_of(self, user: int) -> int:
        """Steps that a user takes in a lane, flush steps included."""
        return int(self.log.offsets[user + 1] - self.log.offsets[user]) + self.flush_steps

    def users_of(self, epoch: int) -> npt.NDArray[np.int64]:
        """The users that an epoch reads."""
        return self.users

    def lane_users(self, epoch: int = 0) -> list[list[int]]:
        """Each lane's users in reading order.

        Unshuffled, the lane that ends first takes the next user. Shuffled, users are dealt longest
        first, equal lengths in random order, and then each lane's are shuffled: lanes end close
        together, and an epoch always has the same number of batches, without which `fit` would cut
        later epochs off at the first one's.
        """
        users = self.users_of(epoch)
        rng = self._rng(epoch)
        if self.shuffle:
            users = rng.permutation(users)
            users = users[np.argsort([-self.steps_of(u) for u in users.tolist()], kind="stable")]
        queues: list[list[int]] = [[] for _ in range(self.lanes)]
        ends = [(0, lane) for lane in range(self.lanes)]
        for user in users.tolist():
            end, lane = ends[0]
            queues[lane].append(user)
            heapq.heapreplace(ends, (end + self.steps_of(user), lane))
        return [rng.permutation(queue).tolist() for queue in queues] if self.shuffle else queues

    @cached_property
    def num_batches(self) -> int:
        """Batches of every epoch, from the users' lengths alone."""
        longest = max(sum(map(self.steps_of, queue)) for queue in self.lane_users())
        return -(-longest // self.window)

    def batches(self, epoch: int = 0) -> Iterator[Batch]:
        """The batches of one epoch as NumPy arrays, each a fresh copy."""
        rng = self._rng(epoch, stream=1)
        lanes = [_Lane(queue) for queue in self.lane_users(epoch)]
        for _ in range(self.num_batches):
            batch = self._blank()
            for index, lane in enumerate(lanes):
                self._fill(batch, index, lane, rng)
            yield batch

    def dataset(self, first_epoch: int = 0) -> tf.data.Dataset:
        """A tf.data pipeline; each iteration over it is the next epoch, from `first_epoch`."""
        epoch = first_epoch

        def generate() -> Iterator[Batch]:
            nonlocal epoch
            current, epoch = epoch, epoch + 1
            yield from self.batches(current)

        batches = tf.data.Dataset.from_generator(generate, output_signature=self.signature())
        return batches.apply(tf.data.experimental.assert_cardinality(self.num_batches)).prefetch(4)

    def shares(self, count: int, own: range, first_epoch: int = 0) -> tf.data.Dataset:
        """Batches cut into shares of the lanes, epoch after epoch without end.

        Args:
          count: shares a batch; a divisor of `lanes`. Share i holds the i-th lanes / count lanes.
          own: the shares of each batch that are given, one after the other.
          first_epoch: where to begin. Whoever reads from the start begins there again.
        """
        size = self.lanes // count

        def generate() -> Iterator[Batch]:
            # All lanes are filled, even those given to others: they take from the same draws.
            for batch in chain.from_iterable(map(self.batches, count_from(first_epoch))):
                for share in own:
                    yield Batch(*(part[share * size : (share + 1) * size] for part in batch))

        signature = Batch(
            *(tf.TensorSpec([size, *spec.shape[1:]], spec.dtype) for spec in self.signature())
        )
        shares = tf.data.Dataset.from_generator(generate, output_signature=signature)
        # Without an end there is no last, smaller batch to be ready for, and shapes stay static.
        endless = tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY)
        return shares.apply(endless).prefetch(4 * len(own))

    def signature(self) -> Batch:
        """The shapes and dtypes of a batch, as TensorSpecs."""
        return Batch(*(tf.TensorSpec(array.shape, array.dtype) for array in self._blank()))

    def _rng(self, epoch: int, stream: int = 0) -> np.random.Generator:
        return np.random.default_rng([self.seed, epoch, stream])

    def _blank(self) -> Batch:
        return Batch.blank(
            self.lanes,
            self.window,
            user_width=self.log.user_matrix.shape[1],
            level=start_level(self.thresholds),
            tied=self.tied_targets,
            entries=self.entries,
            shown=self.shown,
        )

    def _fill(self, batch: Batch, lane: int, source: _Lane, rng: np.random.Generator) -> None:
        """Writes one lane's window, taking users from its queue."""
        filled = entries = 0
        while filled < self.window:
            if source.steps is None:
                if source.next == len(source.queue):
                    return
                source.user = source.queue[source.next]
                source.steps, source.at = self._steps(source.user, rng), 0
                source.next += 1
            steps, begin = source.steps, source.at
            count = min(self.window - filled, len(steps.item) - begin)
            here, there = slice(filled, filled + count), slice(begin, begin + count)
            for name in _Steps._fields[:-1]:
                getattr(batch, name)[lane, here] = getattr(steps, name)[there]
            batch.user[lane, here] = self.log.user_matrix[source.user]
            if self.seen_items:
                alive = (steps.stays[:, 1] < begin + count) & (steps.stays[:, 2] > begin)
                stays = steps.stays[alive]
                rows = batch.seen[lane, entries : entries + len(stays)]
                rows[:, 0] = stays[:, 0]
                rows[:, 1] = np.maximum(stays[:, 1] - begin, 0) + filled
                rows[:, 2] = np.minimum(stays[:, 2] - begin, count) + filled
                entries += len(stays)
            filled += count
            source.at += count
            if source.at == len(steps.item):
                source.steps = None

    def _steps(self, user: int, rng: np.random.Generator) -> _Steps:
        """A user's events as steps."""
        log, flush = self.log, self.flush_steps
        begin, end = int(log.offsets[user]), int(log.offsets[user + 1])
        item, time = np.asarray(log.item[begin:end]), np.asarray(log.time[begin:end])
        feedback, weight = np.asarray(log.feedback[begin:end]), np.asarray(log.weight[begin:end])
        types = np.asarray(log.event_type[begin:end])
        shown = padded_rows(log.shown, log.shown_offsets, slice(begin, end), self.shown)
        if self.shuffle_ties:
            order = np.lexsort((rng.random(len(time)), time))
            item, feedback, weight = item[order], feedback[order], weight[order]
            types, shown = types[order], shown[order]
        n = len(item)
        gap = np.diff(time, prepend=time[:1]).astype(np.float32)
        level = gap_levels(gap, self.thresholds)
        level[0] = start_level(self.thresholds)
        read = np.concatenate([[START], item[:-1]]).astype(np.int32)
        if self.unknown_rate:
            read = np.where(rng.random(n) < self.unknown_rate, UNKNOWN, read).astype(np.int32)
            read[0] = START
        types = np.concatenate([[0], types[:-1]])
        types[read == UNKNOWN] = 0
        counted = self.target_weight(level, weight).astype(np.float32)
        if self.time_weight is not None:
            counted = counted * self.time_weight(time)
        # Targets of a step: its event and those after it at the same time, at most `tied_targets`
        # of them.
        last = np.searchsorted(time, time, side="right")
        ahead = np.minimum(np.arange(n)[:, None] + np.arange(self.tied_targets), n - 1)
        steps = _Steps(
            item=read,
            level=level.astype(np.int32),
            gap=gap,
            query_time=time,
            position=np.arange(n, dtype=np.int32),
            feedback=np.concatenate([[np.nan], feedback[:-1]]).astype(np.float32),
            reset=(np.arange(n) == 0).astype(np.float32),
            targets=item[ahead],
            target_count=np.minimum(last - np.arange(n), self.tied_targets).astype(np.int32),
            target_feedback=feedback,
            weight=counted,
            first_item=np.full(n, item[0], np.int32),
            event_type=types.astype(np.int32),
            shown=shown,
            stays=seen_stays(item, self.seen_items)
            if self.seen_items
            else np.zeros((0, 3), np.int32),
        )
        if not flush:
            return steps
        # A flush step repeats the start event with weight 0; it alone resets.
        arrays = {name: getattr(steps, name) for name in _Steps._fields[:-1]}
        led = {
            name: np.concatenate([np.repeat(array[:1], flush, axis=0), array])
            for name, array in arrays.items()
        }
        led["weight"][:flush] = 0
        led["reset"][flush] = 0
        moved = np.where(steps.stays == _NEVER, 0, [0, flush, flush]).astype(np.int32)
        return _Steps(**led, stays=steps.stays + moved)


class _Lane:
    """A lane's users, and where it stands in the current one."""

    def __init__(self, queue: list[int]) -> None:
        self.queue = queue
        self.next = self.at = self.user = 0
        self.steps: _Steps | None = None
