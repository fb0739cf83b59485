"""Weights of training targets that grow with recency.

Amazon Personalize's `recency_mask` "places more weight on recent events", without saying how much.
Here a target's weight halves with every half-life that it is older than the newest one.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def recency_weights(
    time: npt.NDArray[np.int64], *, first: int, last: int, half_life: float
) -> npt.NDArray[np.float32]:
    """(1/2)^((last − time) / (half_life · (last − first))); 1 where the range is empty.

    Args:
      time: `[...]` Unix seconds of the targets.
      first: start of the data's time range, Unix seconds.
      last: end of it.
      half_life: as a share of that range.

    Returns:
      `[...]` float32 in (0, 1] for times up to `last`.

    >>> time = np.array([0, 250, 500, 1000])
    >>> recency_weights(time, first=0, last=1000, half_life=0.25).tolist()
    [0.0625, 0.125, 0.25, 1.0]
    """
    if last == first:
        return np.ones(np.shape(time), np.float32)
    return np.exp2((time - last) / (half_life * (last - first))).astype(np.float32)
