"""The ways to part a log, by name, as a run stores them and a protocol tells them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tfhrnn.config import SPLIT_NAMES, SplitName
from tfhrnn.data.event_split import SHARE, split_last, split_leave_one_out, split_time
from tfhrnn.data.split import Part, split_users
from tfhrnn.errors import ConfigError, DataError
from tfhrnn.protocol import Protocol

_TIES: Final = "equal times in input order"


@dataclass(frozen=True)
class SplitRule:
    """How a log is parted, by name.

    Attributes:
      by: "users" holds out users whole (`split_users`), "last" the last share of each user's
        events, "leave-one-out" the last event of each, "time" all events from a point on.
      share: of "last" and "time", in (0, 1); a tenth if None.
      point: of "time", Unix seconds instead of a share.

    Raises:
      ConfigError: an unknown name, or a share or point that can't be or that the name doesn't take.
    """

    by: SplitName = "users"
    share: float | None = None
    point: int | None = None

    def __post_init__(self) -> None:
        if self.by not in SPLIT_NAMES:
            raise ConfigError(f"split: got {self.by!r}, expected one of {', '.join(SPLIT_NAMES)}")
        if self.share is not None and self.by not in ("last", "time"):
            raise ConfigError(f"split share: got {self.share} for {self.by!r}, which takes none")
        if self.share is not None and not 0 < self.share < 1:
            raise ConfigError(f"split share: got {self.share}, expected a share in (0, 1)")
        if self.point is not None and self.by != "time":
            raise ConfigError(f"split point: got {self.point} for {self.by!r}, which takes none")
        if self.point is not None and self.share is not None:
            raise ConfigError("split: got a share and a point of time, expected one of them")

    @property
    def by_events(self) -> bool:
        """Whether events of one user may be of several parts."""
        return self.by != "users"

    @property
    def text(self) -> str:
        """The rule as `Protocol.split` tells it."""
        percent = f"{100 * (SHARE if self.share is None else self.share):g} %"
        later = f"the last {percent} of all events"
        if self.point is not None:
            later = f"events from Unix second {self.point} on"
        return {
            "users": Protocol.split,
            "last": f"last {percent} of each user's events test, {percent} of the rest validation; "
            f"{_TIES}",
            "leave-one-out": "last event of each user test, the one before validation; " + _TIES,
            "time": f"one point of time: {later} test, the last {percent} of those before "
            "validation; equal times together",
        }[self.by]

    @property
    def targets(self) -> str:
        """Which events are judged, as `Protocol.targets` tells it."""
        if not self.by_events:
            return Protocol.targets
        return "every test event, after all events of its user before it"

    def parts(
        self, offsets: NDArray[np.integer], time: NDArray[np.integer], seed: int = 0
    ) -> NDArray[np.int8]:
        """Parts a log's users `[users]` (by "users") or events `[events]` (by all else).

        Args:
          offsets: `[users + 1]`.
          time: `[events]` Unix seconds.
          seed: of the split of users; the others draw nothing.

        Raises:
          DataError: no event is left to train on or to judge, or fewer than two users.
        """
        if self.by == "users":
            return split_users(len(offsets) - 1, seed)
        if self.by == "last":
            parts = split_last(offsets, self.share or SHARE)
        elif self.by == "leave-one-out":
            parts = split_leave_one_out(offsets)
        else:
            parts = split_time(time, self.share, self.point)
        for part, what in ((Part.TRAIN, "to train on"), (Part.TEST, "to judge")):
            if not (parts == part).any():
                raise DataError(
                    f"split by {self.by}",
                    found=f"no event {what} among {len(parts)} from {_seconds(time)}",
                    expected="at least one (another share or point of time)",
                )
        return parts

    def to_dict(self) -> dict[str, Any]:
        """The fields."""
        return asdict(self)

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> SplitRule:
        """The inverse of `to_dict`."""
        return cls(**record)


def _seconds(time: NDArray[np.integer]) -> str:
    return f"{int(time.min())} to {int(time.max())}" if len(time) else "no time"
