"""A simulated log of any size, drawn without a loop over events: bursts of short gaps, long pauses.

It stands in for ml-20m where only size and shape matter: many users of few events and few of many,
a Zipf law over items, ids that fill a part of an index space, half of the gaps 0. A burst has a
topic, so that the last items say something of the next.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from tfhrnn.errors import ConfigError

Numbers = npt.NDArray[np.int64]

TOPICS: Final = 20
_FIRST: Final = 900_000_000  # Unix seconds
_YEARS: Final = 300_000_000  # seconds in which users begin
_BEGINS: Final = 0.03  # share of events that begin a burst
_TIED: Final = 0.5  # share of a burst's gaps that are 0
_STEP: Final = 40.0  # seconds, mean of its other gaps
_LEAST: Final = 20  # events of a user, as in ml-20m
_SPREAD: Final = 1.1  # of the log of users' further events


def simulate_bursts(
    *, users: int, items: int, index_space: int, events: int, seed: int = 0
) -> pl.DataFrame:
    """Draws a table of interactions.

    Args:
      users: how many, each with at least 20 events (or the mean, if that is less).
      items: how many different items events may be of.
      index_space: item ids lie in [0, index_space).
      events: of all users together, exactly.
      seed: of all draws; the table is a pure function of the arguments.

    Returns:
      `user_id` (int32), `item_id` (int32) and `timestamp` (int64, Unix seconds); a user's events
      stand together and in order, of bursts with gaps of 0 or of about a minute, a day or more
      apart.

    Raises:
      ConfigError: fewer events than users, more items than ids, or fewer items than topics.
    """
    for name, value, least in (
        ("events", events, users),
        ("index_space", index_space, items),
        ("items", items, TOPICS),
    ):
        if value < least:
            raise ConfigError(f"{name}: got {value}, expected {least} or more")
    rng = np.random.default_rng(seed)
    lengths = _lengths(users, events, rng)
    owner = np.repeat(np.arange(users, dtype=np.int32), lengths)
    first = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    begins = rng.random(events) < _BEGINS
    begins[first] = True
    return pl.DataFrame(
        {
            "user_id": owner,
            "item_id": _ids(items, index_space, rng)[_items(begins, items, rng)],
            "timestamp": _times(begins, first, lengths, rng),
        }
    )


def _lengths(users: int, events: int, rng: np.random.Generator) -> Numbers:
    """Events a user, log-normal above the least, `events` in all."""
    least = min(_LEAST, events // users)
    share = rng.lognormal(sigma=_SPREAD, size=users)
    edges = np.rint(np.cumsum(share) / share.sum() * (events - least * users)).astype(np.int64)
    return least + np.diff(edges, prepend=0)


def _ids(items: int, index_space: int, rng: np.random.Generator) -> npt.NDArray[np.int32]:
    """The ids that events have, spread over the space, in no order of popularity."""
    return rng.permutation(index_space)[:items].astype(np.int32)


def _items(begins: npt.NDArray[np.bool_], items: int, rng: np.random.Generator) -> Numbers:
    """An item an event: of the burst's topic, the topics' items interleaved by popularity."""
    topic = rng.integers(TOPICS, size=int(begins.sum()))[np.cumsum(begins) - 1]
    drawn_below = np.cumsum(1.0 / np.arange(1, items // TOPICS + 1))
    rank = np.searchsorted(drawn_below, rng.random(len(begins)) * drawn_below[-1], side="right")
    # The left-over items, fewer than topics, are the least popular: each burst's event may be one.
    found = rank * TOPICS + topic
    rest = items % TOPICS
    if rest:
        strays = rng.random(len(begins)) < rest / items / 10
        found[strays] = items - rest + rng.integers(rest, size=int(strays.sum()))
    return np.asarray(found, np.int64)


def _times(
    begins: npt.NDArray[np.bool_], first: Numbers, lengths: Numbers, rng: np.random.Generator
) -> Numbers:
    """Unix seconds an event: sums of gaps, from each user's own first second."""
    count = len(begins)
    gap = np.ceil(rng.exponential(_STEP, size=count)).astype(np.int64)
    gap[rng.random(count) < _TIED] = 0
    pauses = int(begins.sum())
    gap[begins] = 86_400 * (1 + rng.pareto(1.2, size=pauses).clip(max=365)).astype(np.int64)
    gap[first] = 0
    sums = np.cumsum(gap)
    start = _FIRST + rng.integers(_YEARS, size=len(first))
    return np.asarray(sums + np.repeat(start - sums[first], lengths), np.int64)
