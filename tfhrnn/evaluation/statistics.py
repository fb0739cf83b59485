"""How sure a figure is: bootstrap intervals and paired tests, users being what is drawn.

Targets of one user are alike, so that users are drawn whole (a cluster bootstrap). A figure is a
mean over targets, Σ_u s_u / Σ_u n_u with a user's sum s_u and number (or weight) n_u: draws need
the users' sums alone. Everything is a function of its arguments and a seed.

Sources: Efron and Tibshirani 1993, chapters 13 and 16 (percentile intervals, tests); Cameron,
Gelbach and Miller 2008 (clusters); Smucker, Allan and Carterette 2007 (randomisation in retrieval).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]
Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]

SAMPLES: Final = 2000
LEVEL: Final = 0.95
_CHUNK: Final = 1 << 20  # drawn users held at a time


class Interval(NamedTuple):
    """A figure and where it lies in a share `level` of draws."""

    value: float
    low: float
    high: float


class PairedTest(NamedTuple):
    """Two models' difference, second less first, on the same targets.

    Attributes:
      difference: of the means, with its bootstrap interval.
      bootstrap_p: two-sided: twice the smaller share of draws on either side of 0.
      permutation_p: two-sided, of exchanging the models user by user.
      first_better: users whose mean is higher under the first.
      second_better: and under the second.
    """

    difference: Interval
    bootstrap_p: float
    permutation_p: float
    first_better: int
    second_better: int


def user_sums(values: Floats, users: Ints, weight: Floats | None = None) -> tuple[Values, Values]:
    """Each user's weighted sum of values and sum of weights.

    Args:
      values: `[targets]`.
      users: `[targets]` whose target each is.
      weight: `[targets]`, 1 if left out; `metrics.user_weights` makes the mean one over users.

    Returns:
      `[users]` sums and `[users]` weights, by ascending user.

    >>> user_sums(np.array([1.0, 5.0, 3.0]), np.array([8, 2, 8]))
    (array([5., 4.]), array([1., 2.]))
    """
    _, group = np.unique(users, return_inverse=True)
    own = np.ones(len(values)) if weight is None else np.asarray(weight, np.float64)
    totals = [np.bincount(group, weights=column) for column in (own * values, own)]
    return totals[0].astype(np.float64), totals[1].astype(np.float64)


def bootstrap_means(
    sums: Values, weights: Values, *, samples: int = SAMPLES, seed: int = 0
) -> Values:
    """Means over users drawn with replacement, as many as there are.

    Args:
      sums: `[users]`, or `[users, figures]` to draw the same users for several figures.
      weights: `[users]`.
      samples: how many draws.
      seed: of them.

    Returns:
      `[samples]`, or `[samples, figures]`.
    """
    pieces = [
        sums[drawn].sum(axis=1)
        / (weights[drawn].sum(axis=1) if sums.ndim == 1 else weights[drawn].sum(axis=1)[:, None])
        for drawn in _draws(len(weights), samples, seed)
    ]
    return np.concatenate(pieces)


def bootstrap_interval(
    values: Floats,
    users: Ints,
    weight: Floats | None = None,
    *,
    level: float = LEVEL,
    samples: int = SAMPLES,
    seed: int = 0,
) -> Interval:
    """The mean of some values with the interval between its draws' percentiles.

    Args:
      values: `[targets]`: −log p, or what a target is worth by a rank metric.
      users: `[targets]` whose target each is; those of one user are drawn together.
      weight: `[targets]`, as in `user_sums`.
      level: share of draws inside.
      samples: how many draws.
      seed: of them.

    Returns:
      The interval; of a single user it is the value alone. The exponential of one of −log p is that
      of the perplexity, since percentiles go through a rising function.
    """
    sums, weights = user_sums(values, users, weight)
    return _interval(
        sums.sum() / weights.sum(),
        bootstrap_means(sums, weights, samples=samples, seed=seed),
        level,
    )


def paired_test(
    first: Floats,
    second: Floats,
    users: Ints,
    weight: Floats | None = None,
    *,
    level: float = LEVEL,
    samples: int = SAMPLES,
    seed: int = 0,
) -> PairedTest:
    """Whether the second of two models differs from the first on the same targets.

    Args:
      first: `[targets]` values under one model.
      second: `[targets]` under the other.
      users: `[targets]` whose target each is.
      weight: `[targets]`, as in `user_sums`.
      level: of the interval.
      samples: draws of the bootstrap, and of the permutation.
      seed: of both.

    Returns:
      The difference of the means and its two p-values. The permutation exchanges the two models for
      whole users: under the null hypothesis that they are alike, a user's difference could as well
      have the other sign. With few users all exchanges are gone through. Of draws a p-value is at
      least 1 / (samples + 1).
    """
    sums, weights = user_sums(
        np.asarray(second, np.float64) - np.asarray(first, np.float64), users, weight
    )
    means = bootstrap_means(sums, weights, samples=samples, seed=seed)
    tails = [(1 + int(count)) / (samples + 1) for count in ((means <= 0).sum(), (means >= 0).sum())]
    return PairedTest(
        _interval(sums.sum() / weights.sum(), means, level),
        min(1.0, 2 * min(tails)),
        sign_flip_p(sums, samples=samples, seed=seed),
        int((sums < 0).sum()),
        int((sums > 0).sum()),
    )


def sign_flip_p(sums: Values, *, samples: int = SAMPLES, seed: int = 0) -> float:
    """Two-sided p of users' summed differences under random signs.

    Args:
      sums: `[users]`.
      samples: random signs tried; where all 2^users of them are no more, these are gone through.
      seed: of the signs.

    Returns:
      The share of signs under which |Σ ± sum| is no less than |Σ sum|, the true signs included.

    >>> sign_flip_p(np.array([1.0, 2.0, 4.0]))  # of 8 signs only all alike reach 7
    0.25
    """
    # Rounding makes a sum in another order a little less than itself.
    least = abs(float(sums.sum())) - 1e-9 * float(np.abs(sums).sum())
    users = len(sums)
    if users < 31 and 1 << users <= samples:
        every = (np.arange(1 << users)[:, np.newaxis] >> np.arange(users)) & 1
        return float((np.abs((2 * every - 1) @ sums) >= least).mean())
    rng, reached, done = np.random.default_rng([seed, 1]), 1, 0
    while done < samples:
        count = min(max(1, _CHUNK // users), samples - done)
        signs = rng.integers(0, 2, (count, users), dtype=np.int8)
        # Σ ± s = Σ s − 2 Σ of those turned around.
        turned = sums.sum() - 2 * (signs @ sums)
        reached += int((np.abs(turned) >= least).sum())
        done += count
    return reached / (samples + 1)


def _draws(users: int, samples: int, seed: int) -> Iterator[Ints]:
    """Users drawn with replacement, `[some samples, users]` at a time."""
    rng, done = np.random.default_rng([seed, 0]), 0
    while done < samples:
        count = min(max(1, _CHUNK // users), samples - done)
        yield rng.integers(0, users, (count, users))
        done += count


def _interval(value: float, means: Values, level: float) -> Interval:
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(value), float(low), float(high))
