"""A share of places for a promotion, against its definition place by place."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfhrnn.predicting.promoting import Ranked, promote


def ranked(choices: list[list[float]], prefix: str) -> Ranked:
    ids = [[f"{prefix}{at}" if x > -np.inf else "" for at, x in enumerate(row)] for row in choices]
    choice = tf.constant(choices, tf.float32)
    return Ranked(choice, choice * 2, tf.constant(ids), tf.zeros_like(choice, tf.bool))


def reference(firsts: list[float], others: list[float], k: int, n: int, width: int) -> list[str]:
    """By definition: the next promoted one where too few have come, else the better one."""
    found: list[str] = []
    a = b = 0
    while len(found) < width and (a < len(firsts) or b < len(others)):
        place = len(found) + 1
        due = place <= k and a < n and a < place * n // k
        natural = b == len(others) or (a < len(firsts) and firsts[a] >= others[b])
        if a < len(firsts) and (due or natural):
            found.append(f"p{a}")
            a += 1
        else:
            if b == len(others):
                break
            found.append(f"o{b}")
            b += 1
    return found


@settings(max_examples=200)
@given(
    rows=st.lists(
        st.tuples(
            st.lists(st.integers(-5, 5), max_size=8),
            st.lists(st.integers(-5, 5), max_size=8),
            st.integers(1, 9),
            st.integers(0, 100),
        ),
        min_size=1,
        max_size=3,
    )
)
def test_every_start_of_an_answer_has_its_share(rows: Any) -> None:
    width = 8
    sides = [[sorted(map(float, row[side]), reverse=True) for row in rows] for side in (0, 1)]
    padded = [[one + [-np.inf] * (width - len(one)) for one in side] for side in sides]
    k, percent = (tf.constant([row[at] for row in rows]) for at in (2, 3))
    found, promoted = promote(ranked(padded[0], "p"), ranked(padded[1], "o"), k, percent)
    for row in range(len(rows)):
        limit = min(rows[row][2], width)
        firsts, others = sides[0][row], sides[1][row]
        n = math.ceil(limit * rows[row][3] / 100)
        wanted = reference(firsts, others, limit, n, width)
        ids = [item.decode() for item in found.items.numpy()[row] if item]
        assert ids == wanted
        assert promoted.numpy()[row, : len(ids)].tolist() == [item[0] == "p" for item in ids]
        scores = found.scores.numpy()[row, : len(ids)]
        assert scores.tolist() == [
            2 * (firsts if item[0] == "p" else others)[int(item[1:])] for item in ids
        ]


@pytest.mark.parametrize(
    ("percent", "wanted"),
    [
        (0, "o0 o1 p0 o2 o3 o4"),
        (17, "o0 o1 p0 o2 o3 p1"),  # two of six: one of the first three
        (50, "o0 p0 o1 p1 o2 p2"),
        (100, "p0 p1 p2 o0 o1 o2"),  # there are no more than three
    ],
)
def test_a_share_by_hand(percent: int, wanted: str) -> None:
    none = -np.inf
    first = ranked([[3.5, -1.0, -2.0, none, none, none]], "p")
    others = ranked([[5.0, 4.0, 3.0, 2.0, 1.0, 0.0]], "o")
    found, _ = promote(first, others, tf.constant([6]), tf.constant([percent]))
    assert b" ".join(found.items.numpy()[0].tolist()).decode() == wanted
