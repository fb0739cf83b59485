"""The filters of simulated sessions against every sequence there can be, one by one."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Iterator

import numpy as np
import pytest

from tfhrnn.experiments.session_bounds import contexts, is_first, session_joint, without_levels


def sequences() -> Iterator[tuple[float, list[int], list[bool]]]:
    """Chance, items and "is a session's first" of each of the 3,906 sequences."""
    for number in range(6):
        for lengths in itertools.product(range(1, 6), repeat=number):
            items = [s for s, length in enumerate(lengths) for _ in range(length)]
            first = [n == 0 for length in lengths for n in range(length)]
            yield 1 / 6 / 5**number, items, first


def by_enumeration(*, hears_ends: bool) -> float:
    """The lowest perplexity on first items of who knows the whole history."""
    following: dict[tuple[int, ...], dict[int, float]] = defaultdict(lambda: defaultdict(float))
    judged: list[tuple[float, tuple[int, ...], int]] = []
    for chance, items, first in sequences():
        for at, item in enumerate(items):
            # After each event who hears ends is told whether the session goes on.
            ends = tuple(first[1 : at + 1]) if hears_ends else ()
            history = (*items[:at], -1, *map(int, ends))
            following[history][item] += chance
            if first[at]:
                judged.append((chance, history, item))
    nats = sum(
        -chance * math.log(following[history][item] / sum(following[history].values()))
        for chance, history, item in judged
    )
    return math.exp(nats / sum(chance for chance, _, _ in judged))


def test_the_bound_without_levels_is_that_of_all_histories() -> None:
    expected = by_enumeration(hears_ends=False)
    assert without_levels().perplexity == pytest.approx(expected, rel=1e-12)
    assert expected == pytest.approx(2.144, abs=5e-4)  # the paper: 2


def test_who_hears_sessions_end_knows_all() -> None:
    assert by_enumeration(hears_ends=True) == pytest.approx(1, abs=1e-12)


def test_contexts_and_counts_are_those_of_all_sequences() -> None:
    joint = np.zeros_like(session_joint())
    for chance, items, first in sequences():
        numbers = np.array(items, np.int64)
        context = contexts(numbers)
        np.add.at(joint, (context, numbers), chance)
        np.testing.assert_array_equal(is_first()[context, numbers], first)
    np.testing.assert_allclose(joint, session_joint(), atol=1e-14)
    # 2.5 sessions of 3 items.
    assert joint.sum() == pytest.approx(7.5)
