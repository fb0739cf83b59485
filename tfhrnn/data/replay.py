"""Windows over new events, mixed with a changing share of what was learned before."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from tfhrnn.data.append import Replay
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.windows import Windows


class ReplayWindows(Windows):
    """Batches over users with new events, and each epoch over other users to remember.

    Users with new events are read whole, in every epoch. If their known events fall short of the
    share, other users follow, in an order that is drawn once and gone through epoch after epoch, so
    that all are met before one comes again.

    Args:
      log: the grown log.
      users: `[n]` user indices, with and without new events.
      replay: what is known, and how much of it is read again.
      epochs: how many there will be; all have as many batches as the longest of them.
      **options: of `Windows`.
    """

    def __init__(
        self,
        log: EventLog,
        users: npt.NDArray[np.integer],
        *,
        replay: Replay,
        epochs: int,
        **options: Any,
    ) -> None:
        super().__init__(log, users, **options)
        sizes = np.diff(log.offsets)[self.users]
        known = replay.known[self.users]
        touched = sizes > known
        self.touched = self.users[touched]
        order = np.random.default_rng([self.seed, len(self.users)]).permutation(
            np.flatnonzero(~touched)
        )
        self.others, self._begins = self.users[order], np.cumsum(sizes[order]) - sizes[order]
        self.epochs, self._total = epochs, int(sizes[order].sum())
        new = int((sizes - known)[touched].sum())
        wanted = new * replay.share / (1 - replay.share) - int(known[touched].sum())
        # New events of test users alone leave nothing new to learn, but an epoch needs events.
        self.replayed_events = int(np.clip(wanted, 0, self._total)) if new else self._total

    def users_of(self, epoch: int) -> npt.NDArray[np.int64]:
        """The users with new events, and the epoch's others."""
        if self.replayed_events == 0:
            return self.touched
        begins = (self._begins - epoch * self.replayed_events) % self._total
        return np.concatenate([self.touched, self.others[begins < self.replayed_events]])

    @cached_property
    def num_batches(self) -> int:
        """Batches of every epoch, enough for each of them."""
        longest = max(
            sum(map(self.steps_of, queue))
            for epoch in range(max(1, self.epochs))
            for queue in self.lane_users(epoch)
        )
        return -(-longest // self.window)
