"""What every baseline asks of its arguments and of the data that it is given."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeVar

from tfhrnn.data.event_log import EventLog
from tfhrnn.errors import ConfigError, DataError, RunError

Fitted = TypeVar("Fitted")


def require_at_least(least: int, **values: int) -> None:
    """Refuses whole numbers below `least`, and what is none.

    Raises:
      ConfigError: names the first of them.

    >>> require_at_least(1, rank=0)
    Traceback (most recent call last):
        ...
    tfhrnn.errors.ConfigError: rank: got 0, expected a whole number of at least 1
    """
    for name, value in values.items():
        if value != int(value) or value < least:
            raise ConfigError(f"{name}: got {value!r}, expected a whole number of at least {least}")


def require_positive(**values: float) -> None:
    """Refuses numbers that are not finite and above 0.

    Raises:
      ConfigError: names the first of them.

    >>> require_positive(days=-1.0)
    Traceback (most recent call last):
        ...
    tfhrnn.errors.ConfigError: days: got -1.0, expected a number above 0
    """
    for name, value in values.items():
        if not 0 < value < math.inf:
            raise ConfigError(f"{name}: got {value!r}, expected a number above 0")


def require_choices(name: str, values: Sequence[float]) -> None:
    """Refuses an empty list of values to choose from, and values that are not above 0.

    Raises:
      ConfigError: what is wrong.
    """
    if not len(values):
        raise ConfigError(f"{name}: got none, expected at least one")
    for value in values:
        require_positive(**{name: value})


def require_users(log: EventLog, **parts: Sequence[int]) -> None:
    """Refuses parts of a log without users, with unknown ones, or with one twice.

    Raises:
      DataError: names the first of them.
    """
    for name, users in parts.items():
        if not len(users):
            raise DataError(log.name or log.directory, found=f"no {name} users", expected="some")
        if min(users) < 0 or max(users) >= log.num_users:
            raise DataError(
                log.name or log.directory,
                found=f"{name} users from {min(users)} to {max(users)}",
                expected=f"indices below {log.num_users}",
            )
        if len(set(users)) < len(users):
            raise DataError(
                log.name or log.directory,
                found=f"{name} users that stand there twice",
                expected="each once",
            )


def require_fitted(fitted: Fitted | None, model: object) -> Fitted:
    """Returns what was fitted.

    Raises:
      RunError: nothing was.
    """
    if fitted is None:
        raise RunError(f"got a {type(model).__name__} that is not fitted, expected fit() first")
    return fitted


def require_catalogue(log: EventLog, items: int) -> None:
    """Refuses a log with another number of items than a model was fitted to.

    Raises:
      DataError: it has.
    """
    if log.num_items != items:
        raise DataError(
            log.name or log.directory,
            found=f"{log.num_items:,} items",
            expected=f"the {items:,} that were there in fitting",
        )
