"""What can be known of simulated sessions: exact filters for models that hear sessions end or not.

While a sequence is in its s-th session and has read c of its items, all that the past says of the
future is (s, c): the number of sessions is uniform, and so is a session's length. The item gives s
away, since every sequence begins at the same one. Over sequences, with S sessions of L items each,

    P(the next event is in the same session, after (s, c)) = P(S ≥ s) P(L > c),
    P(it is the first of the next one, after (s, c))       = P(S > s) P(L = c),

and there is no target where neither happens. A model without levels is told (s, c). One with levels
hears at each event how long the gap after it is, thus which of the two will be: it knows the next
item for certain, its bound is 1.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from tfhrnn.data.simulate_sessions import LONGEST_SESSION, MOST_SESSIONS
from tfhrnn.experiments.bounds import Best, best_predictor

START: Final = 0  # the context before the first event


def context_of(session: int, read: int) -> int:
    """The number of a context, after `read` ≥ 1 items of the session with number `session` ≥ 0."""
    return 1 + session * LONGEST_SESSION + read - 1


def session_joint() -> npt.NDArray[np.float64]:
    """Expected targets a sequence `[contexts, items]` of one that is told (s, c).

    Item i is that of the i-th session, from 0. The first context stands before the first event.
    """
    joint = np.zeros((1 + MOST_SESSIONS * LONGEST_SESSION, MOST_SESSIONS))
    # Sessions are numbered from 0 here: S > s where the text has S ≥ s.
    more = [(MOST_SESSIONS - s) / (MOST_SESSIONS + 1) for s in range(MOST_SESSIONS + 1)]
    joint[START, 0] = more[0]
    for session in range(MOST_SESSIONS):
        for read in range(1, LONGEST_SESSION + 1):
            context = context_of(session, read)
            joint[context, session] = more[session] * (LONGEST_SESSION - read) / LONGEST_SESSION
            if session + 1 < MOST_SESSIONS:
                joint[context, session + 1] = more[session + 1] / LONGEST_SESSION
    return joint


def is_first() -> npt.NDArray[np.bool_]:
    """Which targets `[contexts, items]` are the first of a session."""
    first = np.zeros((1 + MOST_SESSIONS * LONGEST_SESSION, MOST_SESSIONS), bool)
    first[START] = True
    for session in range(MOST_SESSIONS - 1):
        for read in range(1, LONGEST_SESSION + 1):
            first[context_of(session, read), session + 1] = True
    return first


def without_levels() -> Best:
    """The best predictor that is told (s, c), and its perplexity on the sessions' first items.

    >>> round(without_levels().perplexity, 3)
    2.144
    """
    return best_predictor(session_joint(), is_first())


def contexts(items: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    """The context of each target of one sequence.

    Args:
      items: `[events]` numbers of their sessions, from 0.

    >>> contexts(np.array([0, 0, 1])).tolist()  # before the first, after one and two of session 0
    [0, 1, 2]
    """
    found = np.full(len(items), START, np.int64)
    read = 0
    for at in range(1, len(items)):
        same = at > 1 and items[at - 1] == items[at - 2]
        read = read + 1 if same else 1
        found[at] = context_of(int(items[at - 1]), read)
    return found
