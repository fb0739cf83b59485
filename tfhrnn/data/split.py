"""Splits users into training, validation and test.

A pure function of the number of users and a seed: users in natural order of their ids are permuted,
the first fifth is test, a tenth of the rest validation, the others train. Users are split, not
time: a model may see, in training, what other users did after the moment it is tested on
(tomorrow's favourites leak into today's answers), and the item table is whole. What a test user did
is never trained on, not even the first event.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tfhrnn.data.event_log import EventLog
from tfhrnn.data.files import save_table
from tfhrnn.errors import DataError, RunError
from tfhrnn.protocol import Protocol


class Part(IntEnum):
    """What a user's events are for."""

    TRAIN = 0
    VALIDATION = 1
    TEST = 2


def split_users(num_users: int, seed: int = 0) -> NDArray[np.int8]:
    """Assigns every user a part.

    With few users the shares are rounded down, but there is always a test and a training user, and
    from 3 users on a validation user too.

    Args:
      num_users: in natural order of their ids, as in the event log.
      seed: of the permutation.

    Returns:
      int8 `[users]` of `Part` values.

    Raises:
      DataError: fewer than 2 users.

    >>> parts = split_users(943)
    >>> [int((parts == part).sum()) for part in (Part.TEST, Part.VALIDATION, Part.TRAIN)]
    [188, 75, 680]
    >>> split_users(2).tolist(), split_users(3).tolist()
    ([2, 0], [1, 0, 2])
    """
    if num_users < 2:
        raise DataError("split", found=f"{num_users} users", expected="at least 2")
    test = max(1, num_users // 5)
    validation = max(int(num_users >= 3), (num_users - test) // 10)
    order = np.random.default_rng(seed).permutation(num_users)
    parts = np.full(num_users, Part.TRAIN, np.int8)
    parts[order[:test]] = Part.TEST
    parts[order[test : test + validation]] = Part.VALIDATION
    return parts


def grow_split(parts: NDArray[np.int8], new_users: int, seed: int = 0) -> NDArray[np.int8]:
    """Assigns parts to users that join a split, so that all users together keep its shares.

    The users of before keep theirs. As many of the new ones become test and validation users as the
    rule of `split_users` wants of all users and has not yet, so that many small steps end at the
    shares of a single one; a draw decides who.

    Args:
      parts: `[users]` of those of before.
      new_users: how many join, in natural order of their ids.
      seed: of the draw.

    Returns:
      int8 `[new_users]` of `Part` values.

    >>> np.bincount(grow_split(split_users(10), 10)).tolist()  # 4 of 20 test, 1 validation in all
    [8, 0, 2]
    """
    total = len(parts) + new_users
    test = int(np.clip(total // 5 - np.sum(parts == Part.TEST), 0, new_users))
    wanted = (total - total // 5) // 10 - np.sum(parts == Part.VALIDATION)
    validation = int(np.clip(wanted, 0, new_users - test))
    order = np.random.default_rng([seed, len(parts)]).permutation(new_users)
    joined = np.full(new_users, Part.TRAIN, np.int8)
    joined[order[:test]] = Part.TEST
    joined[order[test : test + validation]] = Part.VALIDATION
    return joined


def protocol_of(
    log: EventLog,
    test_users: NDArray[np.integer],
    split_seed: int,
    split: str = Protocol.split,
) -> Protocol:
    """The protocol of judging every event of some test users, parted by the rule `split`."""
    targets = int((log.offsets[np.asarray(test_users) + 1] - log.offsets[test_users]).sum())
    return Protocol(
        dataset=log.name,
        fingerprint=log.fingerprint,
        split_seed=split_seed,
        test_users=len(test_users),
        test_targets=targets,
        catalogue_items=log.catalogue.num_items,
        split=split,
    )


def write_split(path: str | Path, user_ids: Sequence[str], parts: NDArray[np.int8]) -> None:
    """Writes a split as a Parquet table of `user_id` and `part` (train, validation, test).

    Args:
      path: the file.
      user_ids: `[users]`.
      parts: `[users]`.

    Raises:
      RunError: the file can't be written.
    """
    names = [Part(int(part)).name.lower() for part in parts]
    frame = pl.DataFrame({"user_id": list(user_ids), "part": names}, schema_overrides=_SCHEMA)
    save_table(frame, path)


def read_split(path: str | Path, user_ids: Sequence[str]) -> NDArray[np.int8]:
    """Reads a split for the users of a log, in their order.

    Args:
      path: what `write_split` wrote, or any Parquet table with its columns.
      user_ids: `[users]` of the log.

    Returns:
      int8 `[users]` of `Part` values.

    Raises:
      RunError: no such file, or none of ours.
      DataError: a user without a part, or a part that doesn't exist.
    """
    try:
        frame = pl.read_parquet(path, columns=["user_id", "part"])
    except (OSError, pl.exceptions.PolarsError) as error:
        raise RunError(f"{path}: got no split, expected Parquet with user_id and part") from error
    part_of = dict(zip(frame["user_id"].to_list(), frame["part"].to_list(), strict=True))
    missing = [user for user in user_ids if user not in part_of]
    if missing:
        raise DataError(
            path,
            found=f"no part for the user {missing[0]!r}",
            expected="a part for every user of the log",
            more=len(missing) - 1,
        )
    known = {part.name.lower(): part for part in Part}
    for row, part in enumerate(frame["part"].to_list(), start=1):
        if part not in known:
            expected = "train, validation or test"
            raise DataError(path, found=repr(part), expected=expected, row=row, column="part")
    return np.array([known[part_of[user]] for user in user_ids], np.int8)


_SCHEMA: Final = {"user_id": pl.String, "part": pl.String}
