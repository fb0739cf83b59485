"""Simulated events of users who come back to what they had: a log in which repeats are common.

MovieLens has no repeats at all, so that what a model learns of them there is one-sided. Here a user
reads in sessions, a few events half a minute apart and a day or more between them. An event either
repeats one of the user's recent items, evenly, if it is a staple (milk, not a sofa), or is new and
drawn by a Zipf law. Repeats are likelier where a session begins. What happens is known exactly:
repeats depend on the level of the gap and on the item, and on nothing else.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from tfhrnn.errors import ConfigError

DAY: Final = 86_400
_BEGINS: Final = 0.2  # share of events that begin a session
_STEP: Final = 30  # seconds between the events of a session
_FIRST: Final = 1_600_000_000


def repeat_shares(repeat: float) -> tuple[float, float]:
    """How likely a repeat is within a session and where one begins; their mean is `repeat`.

    >>> within, at_beginning = repeat_shares(0.6)
    >>> round(within, 6), round(at_beginning, 6), round(0.8 * within + 0.2 * at_beginning, 6)
    (0.525, 0.9, 0.6)
    """
    at_beginning = min(1.0, 1.5 * repeat)
    return (repeat - _BEGINS * at_beginning) / (1 - _BEGINS), at_beginning


def simulate_repeats(
    *,
    users: int = 400,
    items: int = 200,
    events: int = 80,
    repeat: float = 0.6,
    recent: int = 10,
    staples: float = 0.5,
    seed: int = 0,
) -> pl.DataFrame:
    """Draws a table of interactions.

    Args:
      users: how many.
      items: how many there are; the first ones are the most popular among new items.
      events: of each user.
      repeat: chance that an event repeats one of the user's recent items, over all gaps, as long as
        there is a staple among them.
      recent: how many distinct items back a user remembers.
      staples: share of the items that are ever repeated, drawn evenly over popularities.
      seed: of all draws; the table is a pure function of the arguments.

    Returns:
      `user_id`, `item_id` ("s…" for staples, "n…" for the others) and `timestamp` (Unix seconds), a
      user's events in order.

    Raises:
      ConfigError: a share outside [0, 1], or no more items than are remembered.
    """
    for name, share in (("repeat", repeat), ("staples", staples)):
        if not 0 <= share <= 1:
            raise ConfigError(f"{name}: got {share}, expected a share in [0, 1]")
    if items <= recent:
        raise ConfigError(f"items: got {items}, expected more than recent = {recent}")
    rng = np.random.default_rng(seed)
    is_staple = np.zeros(items, bool)
    is_staple[rng.permutation(items)[: round(staples * items)]] = True
    drawn_below = np.cumsum(1.0 / np.arange(1, items + 1))
    within, at_beginning = repeat_shares(repeat)
    rows: list[tuple[str, str, int]] = []
    for user in range(users):
        time = _FIRST + int(rng.integers(DAY))
        held: list[int] = []  # recent distinct items, the latest last
        for event in range(events):
            begins = bool(rng.random() < _BEGINS)
            if event:
                time += DAY + int(rng.integers(DAY)) if begins else _STEP
            again = [item for item in held if is_staple[item]]
            if again and rng.random() < (at_beginning if begins else within):
                item = again[int(rng.integers(len(again)))]
                held.remove(item)
            else:
                item = held[0] if held else -1
                while item in held or item < 0:
                    at = rng.random() * drawn_below[-1]
                    item = int(np.searchsorted(drawn_below, at, side="right"))
            held = [*held, item][-recent:]
            rows.append((f"u{user}", f"{'s' if is_staple[item] else 'n'}{item}", time))
    return pl.DataFrame(
        rows,
        schema={"user_id": pl.String, "item_id": pl.String, "timestamp": pl.Int64},
        orient="row",
    )
