"""Fits epoch by epoch until a validation figure stops getting better, and goes back to the best."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

State = TypeVar("State")


class Best(NamedTuple, Generic[State]):
    """The best epoch of a fit.

    Attributes:
      figure: of validation; lower is better.
      epoch: from 1; 0 is what the fit began with.
      state: what was kept of it.
      epochs: how many were run.
    """

    figure: float
    epoch: int
    state: State
    epochs: int


def fit_until_best(
    run_epoch: Callable[[int], None],
    validate: Callable[[], float],
    keep: Callable[[], State],
    *,
    epochs: int,
    patience: int,
) -> Best[State]:
    """Runs epochs until there are `epochs`, or none of the last `patience` was the best one.

    Args:
      run_epoch: runs one, given its number from 1.
      validate: the validation figure, lower being better; not a number counts as worse than any.
      keep: a copy of what has been fitted so far.
      epochs: most epochs.
      patience: epochs without a new best after which to stop.

    Returns:
      The best epoch, the earliest among equals; the beginning counts as one.
    """
    best = Best(_comparable(validate()), 0, keep(), 0)
    for epoch in range(1, epochs + 1):
        run_epoch(epoch)
        figure = _comparable(validate())
        if figure < best.figure:
            best = Best(figure, epoch, keep(), epoch)
        best = best._replace(epochs=epoch)
        if epoch - best.epoch >= patience:
            break
    return best


def _comparable(figure: float) -> float:
    return math.inf if math.isnan(figure) else figure
