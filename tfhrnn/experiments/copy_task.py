"""What the memory test draws: sequences that ask for the item shown D events ago.

A user reads some random items and a marked one: the gap after it, of level `MARK`, ends its
session. D − 1 further items of later sessions follow; the last gap, of level `ASK`, asks for the
marked item. How many items stand before the marked one is drawn from 1 to `LEAD`, or its place
from the user's first would tell it without any level. Chance is one over `ITEMS`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

ITEMS: Final = 16
LEAD: Final = 16
MARK, ASK, START = 2, 3, 4
LANES: Final = 32


class Sample(NamedTuple):
    """Sequences of one length; the last step asks.

    Attributes:
      item: `[lanes, window]` int32.
      level: `[lanes, window]` int32.
      reset: `[lanes, window]` float32.
      wanted: `[lanes]` int32, the item that is asked for.
    """

    item: npt.NDArray[np.int32]
    level: npt.NDArray[np.int32]
    reset: npt.NDArray[np.float32]
    wanted: npt.NDArray[np.int32]


def sample(rng: np.random.Generator, distance: int, lanes: int, longest: int) -> Sample:
    """Draws sequences that ask for the item `distance` events ago.

    Args:
      rng: draws.
      distance: steps from the marked event to the target, at least 2.
      lanes: how many.
      longest: the window is that of this distance and the longest lead; shorter ones come after
        blank steps that the reset at the user's first event forgets.
    """
    window = LEAD + longest
    item = rng.integers(ITEMS, size=(lanes, window)).astype(np.int32)
    # Sessions of a dozen events in between; neither mark nor ask.
    level = (rng.random((lanes, window)) < 1 / 12).astype(np.int32)
    reset = np.zeros((lanes, window), np.float32)
    marked = window - distance
    reset[np.arange(lanes), marked - rng.integers(1, LEAD + 1, size=lanes)] = 1
    level[:, marked] = MARK
    level[:, -1] = ASK
    return Sample(item, level, reset, item[:, marked].copy())


def curriculum(
    rng: np.random.Generator, distance: int, *, shorter: float = 0.5
) -> Iterator[tuple[Sample, bool]]:
    """What training draws, without end, and whether each is of the whole distance.

    Args:
      rng: draws.
      distance: D.
      shorter: share of the draws that are of distances from 2 up to D, even in the logarithm.
    """
    # A few window lengths only, so that few graphs are made.
    longest = [int(n) for n in 2.0 ** np.arange(2, 20) if n < distance] + [distance]
    while True:
        whole = rng.random() >= shorter
        drawn = distance if whole else int(np.exp(rng.uniform(np.log(2), np.log(distance))))
        window = next(length for length in longest if length >= drawn)
        yield sample(rng, drawn, LANES, window), whole
