"""Simulated bets: a random walk over items whose steps the outcomes tell, and side information.

The paper: "The recommender chooses an item to bet on at each time. The first item is uniformly
random, and is also presented as user feature side information. The following bets are always +1 or
-1 in item ids depending on the previous interaction outcomes. The parity of the bet is recorded as
item features. The total range is 0-100 and there are 1000 independent sequence of random lengths
0-20" (Ma and Narayanaswamy, section 3, Table 2). Read here as: 101 items, both ends included;
lengths uniform from 0 to 20, both included; outcomes fair coins, 1 or 0, given as the feedback of
the event, so that they tell the step to the next one; and at the ends of the range the only step
there is, whatever the outcome ("always +1 or -1").
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import polars as pl

HIGHEST: Final = 100
LONGEST: Final = 20
_STEP: Final = 30  # seconds between bets; they say nothing
_FIRST: Final = 1_600_000_000


class Bets(NamedTuple):
    """Tables of simulated bets.

    Attributes:
      interactions: `user_id` (the sequence's number), `item_id`, `timestamp` (Unix seconds) and
        `feedback`, the outcome of the bet, 1.0 or 0.0.
      items: `item_id` "0" to "100" and `parity`, "even" or "odd".
      users: `user_id`, and the number of the first item as a category, `first`, and as a number,
        `first_number`; a row a sequence, those without bets included.
    """

    interactions: pl.DataFrame
    items: pl.DataFrame
    users: pl.DataFrame


def next_bet(item: int, outcome: int, highest: int = HIGHEST) -> int:
    """The bet after one of `item` with an outcome of 1 or 0.

    >>> next_bet(7, 1), next_bet(7, 0), next_bet(100, 1), next_bet(0, 0)
    (8, 6, 99, 1)
    """
    if item in (0, highest):
        return 1 if item == 0 else highest - 1
    return item + (1 if outcome else -1)


def simulate_bets(sequences: int, *, seed: int = 0) -> Bets:
    """Draws the tables.

    Args:
      sequences: how many; one in 21 has no bet.
      seed: of all draws. The first n sequences are the same whatever `sequences` is.
    """
    rows: list[tuple[str, str, int, float]] = []
    firsts = []
    for user in range(sequences):
        rng = np.random.default_rng([seed, user])
        item = int(rng.integers(HIGHEST + 1))
        firsts.append(item)
        for step in range(int(rng.integers(LONGEST + 1))):
            outcome = int(rng.integers(2))
            rows.append((str(user), str(item), _FIRST + step * _STEP, float(outcome)))
            item = next_bet(item, outcome)
    numbers = range(HIGHEST + 1)
    return Bets(
        pl.DataFrame(
            rows,
            schema={
                "user_id": pl.String,
                "item_id": pl.String,
                "timestamp": pl.Int64,
                "feedback": pl.Float64,
            },
            orient="row",
        ),
        pl.DataFrame(
            {
                "item_id": [str(number) for number in numbers],
                "parity": ["odd" if number % 2 else "even" for number in numbers],
            }
        ),
        pl.DataFrame(
            {
                "user_id": [str(user) for user in range(sequences)],
                "first": [str(first) for first in firsts],
                "first_number": firsts,
            }
        ),
    )
