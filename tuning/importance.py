"""How much each choice mattered, from the trials alone.

The share of the trials' standing (0 best, 1 worst) that a choice by itself accounts for: the
correlation ratio η², between-group over total variance, of groups with the same value. Numbers with
many values are cut into thirds. With few trials chance alone makes shares large, so beside each
stands what 95 % of shuffles stay below; a share under that says nothing. Interactions are not seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

SHUFFLES: Final = 2000
_FEWEST: Final = 4  # trials that tell anything
_VALUES: Final = 5  # a number with more is cut into thirds


class Group(NamedTuple):
    """Trials with one value, or a third of the values.

    Attributes:
      label: the value, or its range.
      trials: how many.
      standing: their mean, from 0, the best, to 1.
    """

    label: str
    trials: int
    standing: float


class Importance(NamedTuple):
    """What is known of one choice.

    Attributes:
      name: of the setting.
      share: η², in [0, 1].
      chance: what 95 % of shuffles stay below.
      groups: in the order of their values.
    """

    name: str
    share: float
    chance: float
    groups: list[Group]

    @property
    def clear(self) -> bool:
        """Whether the share is more than chance would often make it."""
        return self.share > self.chance


def importances(
    settings: Sequence[Mapping[str, Any]], standing: npt.NDArray[np.floating], *, seed: int = 0
) -> list[Importance]:
    """What each choice explains, the most important first.

    Args:
      settings: of each trial; one that a trial lacks had no say in it.
      standing: `[trials]`, the smaller the better.
      seed: of the shuffles.

    Returns:
      A line for each setting that has at least two groups of values in at least four trials.

    >>> rows = [{"a": x, "b": y} for x in (1, 2) for y in "uvw"]
    >>> found = importances(rows, np.array([0.0, 0.2, 0.4, 0.6, 0.8, 1.0]))
    >>> [(one.name, round(one.share, 2)) for one in found]
    [('a', 0.77), ('b', 0.23)]
    """
    names = dict.fromkeys(name for row in settings for name in row)
    found = []
    for name in names:
        own = np.array([at for at, row in enumerate(settings) if name in row])
        groups = _groups([settings[at][name] for at in own])
        if len(own) < _FEWEST or len(groups) < 2:
            continue
        places = standing[own]
        member = np.array([inside for _, inside in groups], np.float64)  # [groups, trials]
        rng = np.random.default_rng(seed)
        shuffled = rng.permuted(np.tile(places, (SHUFFLES, 1)), axis=1)
        chance = float(np.quantile(_shares(member, shuffled), 0.95))
        means = member @ places / member.sum(1)
        found.append(
            Importance(
                name,
                share=float(_shares(member, places[None])[0]),
                chance=chance,
                groups=[
                    Group(label, int(inside.sum()), float(mean))
                    for (label, inside), mean in zip(groups, means, strict=True)
                ],
            )
        )
    return sorted(found, key=lambda one: (not one.clear, -one.share))


def _shares(
    member: npt.NDArray[np.float64], standing: npt.NDArray[np.floating]
) -> npt.NDArray[np.float64]:
    """η² of each row of standings; 0 where all stand alike."""
    centred = standing - standing.mean(1, keepdims=True)
    total = (centred**2).sum(1)
    between = ((centred @ member.T) ** 2 / member.sum(1)).sum(1)
    return np.asarray(np.divide(between, total, out=np.zeros_like(total), where=total > 0))


def _groups(values: Sequence[Any]) -> list[tuple[str, npt.NDArray[np.bool_]]]:
    """Label and members of each group."""
    distinct = sorted(set(values), key=lambda value: (isinstance(value, str), value))
    numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in distinct)
    if not numbers or len(distinct) <= _VALUES:
        column = list(values)
        return [(shown(v), np.array([other == v for other in column])) for v in distinct]
    array = np.asarray(values, np.float64)
    edges = np.quantile(array, [1 / 3, 2 / 3])
    third = np.searchsorted(edges, array, side="left")
    return [
        (f"{shown(array[third == k].min())} to {shown(array[third == k].max())}", third == k)
        for k in range(3)
        if (third == k).any()
    ]


def shown(value: Any) -> str:
    """A value for people.

    >>> shown(0.0123456), shown(True), shown("gru"), shown("60,3600")
    ('0.0123', 'yes', 'gru', '60,3600')
    """
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    return f"{value:.3g}" if isinstance(value, (float, np.floating)) else str(value)
