"""The bounds of bets against all walks of a small range, one by one, and the paper's figures."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Callable, Hashable

import numpy as np
import pytest

from tfhrnn.experiments.bet_bounds import KNOWN, Known, bet_contexts, bet_joint
from tfhrnn.experiments.bounds import best_predictor

HIGHEST, LONGEST = 4, 4
History = tuple[list[int], list[int]]  # bets and outcomes before a target

# What each row may know of a target: the sequence's first bet and the history, whole.
TOLD: dict[Known, Callable[[int, History], Hashable]] = {
    "none": lambda first, history: (),
    "item": lambda first, history: history[0][-1] % 2 if history[0] else None,
    "user": lambda first, history: first,
    "sequence": lambda first, history: tuple(history[0]),
    "all": lambda first, history: (first, tuple(history[0]), tuple(history[1])),
}


def walks() -> list[tuple[float, list[int], list[int]]]:
    """Chance, bets and outcomes of every sequence of the small range."""
    found = []
    for length in range(LONGEST + 1):
        for first in range(HIGHEST + 1):
            for coins in itertools.product((0, 1), repeat=length):
                items = [first][:length]
                for coin in coins[: max(length - 1, 0)]:
                    step = 1 if coin else -1
                    if not 0 <= items[-1] + step <= HIGHEST:
                        step = -step
                    items.append(items[-1] + step)
                chance = 1 / (LONGEST + 1) / (HIGHEST + 1) / 2**length
                found.append((chance, items, list(coins)))
    return found


@pytest.mark.parametrize("known", KNOWN)
def test_bounds_are_those_of_all_histories(known: Known) -> None:
    counts: dict[Hashable, dict[int, float]] = defaultdict(lambda: defaultdict(float))
    joint = np.zeros_like(bet_joint(known, highest=HIGHEST, longest=LONGEST))
    for chance, items, coins in walks():
        for at, item in enumerate(items):
            counts[TOLD[known](items[0], (items[:at], coins[:at]))][item] += chance
        if items:
            context = bet_contexts(known, np.array(items), np.array(coins), highest=HIGHEST)
            np.add.at(joint, (context, np.array(items)), chance)
    nats = sum(
        -n * math.log(n / sum(row.values())) for row in counts.values() for n in row.values()
    )
    total = sum(n for row in counts.values() for n in row.values())
    best = best_predictor(bet_joint(known, highest=HIGHEST, longest=LONGEST))
    assert best.perplexity == pytest.approx(math.exp(nats / total), rel=1e-12)
    np.testing.assert_allclose(joint, bet_joint(known, highest=HIGHEST, longest=LONGEST))


@pytest.mark.parametrize(
    ("known", "paper", "within"),
    # The paper prints whole numbers; of the user's features its text has "an average of 11 items".
    [("none", 100, 1), ("item", 54, 0.5), ("user", 11, 1.5), ("sequence", 3, 0.5), ("all", 1, 0)],
)
def test_bounds_of_the_whole_range_are_the_papers_figures(
    known: Known, paper: float, within: float
) -> None:
    assert abs(best_predictor(bet_joint(known)).perplexity - paper) <= within + 1e-9


def test_the_more_is_known_the_lower_the_bound() -> None:
    found = [best_predictor(bet_joint(known)).perplexity for known in KNOWN]
    assert found == sorted(found, reverse=True)
