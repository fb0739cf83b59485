"""What can be known of simulated bets: the best predictor of each row of the table, exactly.

The walk is a Markov chain, so whole histories say no more of the next bet than the last bet (and,
where it is told, its outcome) does. The k-th bet is a target in P(length ≥ k) of the sequences. For
what a row may know, the contexts are

- "none": one for all targets;
- "item": no bet yet, or the last one's parity;
- "user": the first item, at whatever place in the sequence;
- "sequence": no bet yet, or the last one;
- "all": no bet yet, and the first item, or the last one and its outcome.
"""

from __future__ import annotations

from typing import Final, Literal, get_args

import numpy as np
import numpy.typing as npt

from tfhrnn.data.simulate_bets import HIGHEST, LONGEST, next_bet
from tfhrnn.evaluation.metrics import Ints

Known = Literal["none", "item", "user", "sequence", "all"]
KNOWN: Final[tuple[Known, ...]] = get_args(Known)


def steps(highest: int = HIGHEST) -> npt.NDArray[np.float64]:
    """The chance `[outcomes, from, to]` of each step, given an outcome of 0 or 1."""
    chance = np.zeros((2, highest + 1, highest + 1))
    for outcome in range(2):
        for item in range(highest + 1):
            chance[outcome, item, next_bet(item, outcome, highest)] = 1.0
    return chance


def bet_joint(
    known: Known, *, highest: int = HIGHEST, longest: int = LONGEST
) -> npt.NDArray[np.float64]:
    """Expected targets a sequence `[contexts, items]`, by forward steps of the chain.

    Args:
      known: what the predictor may know; contexts are numbered as in `bet_contexts`.
      highest: the last item.
      longest: sequence.
    """
    items = highest + 1
    told = steps(highest)
    step = told.mean(axis=0)
    is_target = 1 - np.arange(1, longest + 1) / (longest + 1)  # P(length ≥ k), for k = 1, 2, …
    # where[a, i]: P(the k-th bet is i | the first one is a)
    where = np.eye(items)
    by_first = np.zeros((items, items))  # of the k-th bet, summed over k
    before = np.zeros(items)  # of the bet before a target
    for place, weight in enumerate(is_target):
        by_first += weight * where / items
        if place + 1 < longest:
            before += is_target[place + 1] * where.mean(axis=0)
        where = where @ step
    first = np.full(items, is_target[0] / items)
    if known == "none":
        return by_first.sum(axis=0, keepdims=True)
    if known == "user":
        return by_first
    follows = before[:, np.newaxis] * step
    if known == "sequence":
        return np.concatenate([first[np.newaxis], follows])
    if known == "item":
        odd = np.arange(items) % 2 == 1
        return np.stack([first, follows[~odd].sum(axis=0), follows[odd].sum(axis=0)])
    by_outcome = before[:, np.newaxis, np.newaxis] * told.transpose(1, 0, 2) / 2
    return np.concatenate([np.diag(first), by_outcome.reshape(2 * items, items)])


def bet_contexts(
    known: Known, items: Ints, outcomes: Ints, *, highest: int = HIGHEST
) -> npt.NDArray[np.int64]:
    """The context of each target of one sequence.

    Args:
      known: what the predictor may know.
      items: `[bets]`, from 0.
      outcomes: `[bets]`, 0 or 1.
      highest: the last item.

    >>> bet_contexts("sequence", np.array([7, 8, 7]), np.array([1, 0, 0])).tolist()
    [0, 8, 9]
    """
    last = np.asarray(items, np.int64)[:-1]
    if known == "none":
        return np.zeros(len(items), np.int64)
    if known == "user":
        return np.full(len(items), items[0], np.int64)
    if known == "sequence":
        return np.concatenate([[0], 1 + last])
    if known == "item":
        return np.concatenate([[0], 1 + last % 2])
    after = highest + 1 + 2 * last + np.asarray(outcomes, np.int64)[:-1]
    return np.concatenate([np.asarray(items[:1], np.int64), after])
