"""A log and what of it trains, validates and is judged, whether users were parted or events.

What may be read for a purpose is a log of its own: of a split of events it ends where the purpose's
part ends, so that later events can neither be read nor be targets, shuffled among equal times or
counted. Everything downstream (facts, windows, popularity) reads it like any other log.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfhrnn.config import TrainingConfig
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.history_lengths import training_users
from tfhrnn.data.split import Part, protocol_of
from tfhrnn.data.split_rule import SplitRule
from tfhrnn.protocol import Protocol


class Reading(NamedTuple):
    """What is read for one purpose.

    Attributes:
      log: the events that may be read; those that are history only have weight 0.
      users: `[n]` indices of the users to read.
    """

    log: EventLog
    users: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Division:
    """A log in parts.

    Attributes:
      log: all events.
      parts: int8 `[users]`, or `[events]` where `by_events`; of `Part` values.
      by_events: whether events were parted.
    """

    log: EventLog
    parts: NDArray[np.int8]
    by_events: bool = False

    def users(self, *parts: Part) -> NDArray[np.int64]:
        """Indices of the users of some parts, or with events of them, in the log's order."""
        chosen = np.isin(self.parts, parts)
        return np.flatnonzero(_any_of_user(self.log, chosen) if self.by_events else chosen)

    def training(self, config: TrainingConfig) -> Reading:
        """What is trained on, and what facts are told of: the training part, no event more.

        Args:
          config: its percentiles of history lengths are read, and `train_on_validation`, with which
            the validation part is trained on too.
        """
        if not self.by_events:
            return Reading(self.log, training_users(self.log, self.parts, config))
        last = Part.VALIDATION if config.train_on_validation else Part.TRAIN
        log = log_until(self.log, self.parts, last)
        parts = np.where(np.diff(log.offsets) > 0, Part.TRAIN, Part.TEST).astype(np.int8)
        return Reading(log, training_users(log, parts, config))

    def validation(self, config: TrainingConfig) -> Reading:
        """What is watched: targets of the validation part, after all that is before them.

        Args:
          config: with `train_on_validation` nobody is watched.
        """
        users = self.users(Part.VALIDATION)
        if config.train_on_validation:
            return Reading(self.log, users[:0])
        if not self.by_events:
            return Reading(self.log, users)
        log = log_until(self.log, self.parts, Part.VALIDATION)
        kept = self.parts[self.parts <= Part.VALIDATION]
        weight = np.where(kept == Part.VALIDATION, log.weight, 0).astype(np.float32)
        return Reading(dataclasses.replace(log, weight=weight), users)

    def counted(self) -> Reading:
        """The events of training and validation, which popularity counts."""
        users = self.users(Part.TRAIN, Part.VALIDATION)
        if not self.by_events:
            return Reading(self.log, users)
        return Reading(log_until(self.log, self.parts, Part.VALIDATION), users)

    def protocol(self, split_seed: int, split: SplitRule, rule: str | None = None) -> Protocol:
        """How what the test part holds is judged.

        Args:
          split_seed: of the split; of one that draws nothing it is told as 0.
          split: the rule.
          rule: another text for it.
        """
        test = self.users(Part.TEST)
        protocol = protocol_of(self.log, test, split_seed, rule or split.text)
        if not self.by_events:
            return protocol
        count = int(self.judged(test).sum())
        return dataclasses.replace(
            protocol, split_seed=0, targets=split.targets, test_targets=count
        )

    def judged(self, users: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Which events of some test users are judged, `[events of these users]` user by user."""
        sizes = np.diff(self.log.offsets)[users]
        if not self.by_events:
            return np.ones(int(sizes.sum()), np.bool_)
        pieces = [self.parts[self.log.events_of(int(user))] == Part.TEST for user in users]
        return np.concatenate([*pieces, np.zeros(0, np.bool_)])


def log_until(log: EventLog, parts: NDArray[np.int8], last: Part) -> EventLog:
    """A log of the events of the parts up to `last` alone, with the same users and items.

    Args:
      log: all events.
      parts: `[events]`, never falling within a user.
      last: the last part that stays.

    Returns:
      A log in memory, some of whose users may have no events.
    """
    kept = parts <= last
    ends = np.concatenate([[0], np.cumsum(kept)])
    return dataclasses.replace(
        log,
        offsets=ends[log.offsets].astype(np.int64),
        item=np.asarray(log.item)[kept],
        time=np.asarray(log.time)[kept],
        feedback=np.asarray(log.feedback)[kept],
        weight=np.asarray(log.weight)[kept],
        event_type=np.asarray(log.event_type)[kept],
        fingerprint=f"{log.fingerprint}, up to {last.name.lower()}",  # never taken for the whole
    )


def _any_of_user(log: EventLog, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether any of a user's events is chosen, `[users]`."""
    counts = np.concatenate([[0], np.cumsum(chosen)])
    return np.diff(counts[log.offsets]) > 0
