"""Chooses settings by a validation figure, one after the other, each fit made once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple

from tfhrnn.baselines.early_stopping import Best, State


class Found(NamedTuple, Generic[State]):
    """What a search found.

    Attributes:
      figures: the validation figure by setting, in the order tried; lower is better.
      chosen: the best setting, the first among equals.
      best: its fit.
    """

    figures: dict[tuple[float, ...], float]
    chosen: tuple[float, ...]
    best: Best[State]


def search(
    axes: Sequence[Sequence[float]], fit: Callable[[tuple[float, ...]], Best[State]]
) -> Found[State]:
    """Starts in the middle of every axis, and goes along one after the other to its best value.

    Args:
      axes: values to choose from, at least one of each.
      fit: a fit with one value of each axis.

    Returns:
      The best fit; the others are not held on to.
    """
    chosen = tuple(axis[len(axis) // 2] for axis in axes)
    best = fit(chosen)
    figures = {chosen: best.figure}
    for place, axis in enumerate(axes):
        for value in axis:
            setting = (*chosen[:place], value, *chosen[place + 1 :])
            if setting not in figures:
                found = fit(setting)
                figures[setting] = found.figure
                if found.figure < best.figure:
                    best = found
        chosen = min(figures, key=lambda setting: figures[setting])
    return Found(figures, chosen, best)
