"""The two sides of a factorization machine of ratings, and the regression that fits one of them.

A side is the users with their features, or the items with theirs: r = μ + B_u + C_i + P_u · Q_i,
see `rating_fm`. Of the other side an id needs no more than Σ q qᵀ and Σ q (r − μ − C) over its
ratings, q = (1, Q).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.floating]


class Side(NamedTuple):
    """The parameters of users, or of items; the first column is w, the others v.

    Attributes:
      features: `[ids, width]`.
      own: `[ids, 1 + rank]` of each id.
      shared: `[width, 1 + rank]` of each feature.
    """

    features: Floats
    own: Floats
    shared: Floats

    def table(self, own: bool = True) -> Floats:
        """(B, P) of each id, `[ids, 1 + rank]`; without what is its own, that of a new one."""
        ids = self.own if own else np.zeros_like(self.own)
        found = ids + self.features @ self.shared
        squares = (ids[:, 1:] ** 2).sum(1) + self.features**2 @ (self.shared[:, 1:] ** 2).sum(1)
        found[:, 0] += 0.5 * ((found[:, 1:] ** 2).sum(1) - squares)
        return found


class Ratings(NamedTuple):
    """Ratings of one side's ids, contiguous by id.

    Attributes:
      offsets: `[ids + 1]`; id n has the ratings offsets[n] to offsets[n + 1].
      other: `[ratings]` the other side's id.
      rating: `[ratings]`.
    """

    offsets: Ints
    other: Ints
    rating: Floats

    @classmethod
    def by(cls, one: Ints, other: Ints, rating: Floats, ids: int) -> Ratings:
        """Sorts ratings by the ids of one side."""
        order = np.argsort(one, kind="stable")
        offsets = np.concatenate([[0], np.cumsum(np.bincount(one, minlength=ids))])
        return cls(offsets.astype(np.int64), other[order], rating[order])


class Penalties(NamedTuple):
    """What squared parameters cost beside squared errors.

    Attributes:
      bias: w of an id.
      factors: each entry of v of an id.
      features: w and each entry of v of a feature, which stands for many ids.
    """

    bias: float
    factors: float
    features: float

    def own(self, rank: int) -> Floats:
        """`[1 + rank]` of an id's parameters."""
        return np.array([self.bias, *[self.factors] * rank], np.float64)


def update_side(
    side: Side, other: Side, ratings: Ratings, mean: float, penalties: Penalties
) -> Side:
    """Minimises the regularised squared error over one side's ids, then over each of its features.

    Args:
      side: what to change.
      other: what stays.
      ratings: by `side`'s ids.
      mean: μ.
      penalties: of squared parameters.

    Returns:
      The side anew.
    """
    width = side.own.shape[1]
    gram, moment = _statistics(other.table(), ratings, mean)

    def regression(base: Floats) -> tuple[Floats, Floats]:
        """Of what is left by `base` (B, P) on x = (1, Q + P): Σ x xᵀ and Σ x y of each id."""
        shift = np.tile(np.eye(base.shape[1]), (len(base), 1, 1))
        shift[:, 1:, 0] = base[:, 1:]
        left = moment - (gram @ base[:, :, None])[:, :, 0]
        return shift @ gram @ shift.transpose(0, 2, 1), (shift @ left[:, :, None])[:, :, 0]

    squares, products = regression(side.table(own=False))
    squares += np.diag(penalties.own(width - 1))
    own = np.linalg.solve(squares, products[:, :, None])[:, :, 0]
    shared = side.shared.copy()
    for column, x in enumerate(side.features.T):
        shared[column] = 0
        some = np.flatnonzero(x)
        squares, products = regression(Side(side.features, own, shared).table())
        total = np.tensordot(x[some] ** 2, squares[some], axes=1)
        total += penalties.features * np.eye(width)
        shared[column] = np.linalg.solve(total, x[some] @ products[some])
    return Side(side.features, own, shared)


def _statistics(table: Floats, ratings: Ratings, mean: float) -> tuple[Floats, Floats]:
    """Σ q qᵀ and Σ q (r − μ − C) over each id's ratings, q = (1, Q) and C of the other side."""
    left = ratings.rating - mean - table[ratings.other, 0]
    vectors = np.concatenate([np.ones((len(table), 1)), table[:, 1:]], axis=1)
    ids, width = len(ratings.offsets) - 1, table.shape[1]
    gram, moment = np.zeros((ids, width, width)), np.zeros((ids, width))
    for at in range(ids):
        begin, end = ratings.offsets[at], ratings.offsets[at + 1]
        q = vectors[ratings.other[begin:end]]
        gram[at], moment[at] = q.T @ q, left[begin:end] @ q
    return gram, moment
