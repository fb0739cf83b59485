"""A factorization machine for ratings: user, item and the features of both, second order.

With user u, item i and their features x, Rendle's sum over all pairs (2012, eq. 1) is that of two
sides, r = μ + B_u + C_i + P_u · Q_i, each side with

    P = v_id + Σ_f x_f v_f,    B = w_id + Σ_f x_f w_f + ½ (|P|² − |v_id|² − Σ_f x_f² |v_f|²).

Without features that is biased matrix factorisation, with rank 0 the biases alone. It is fitted by
alternating least squares (Rendle et al. 2011, in blocks): given the other side, ids are ridge
regressions of their own and features follow one by one, so that no step makes the regularised
squared error larger. Of the other side an id needs no more than Σ q qᵀ and Σ q (r − μ − C) over its
ratings, q = (1, Q).

A user that was not trained on has features but no w_id and v_id. These are folded in: what the next
rating is predicted from is the ridge regression on the user's earlier ratings, with the penalties
of training, which is exactly what training would have given for these ratings and these items. Item
parameters and those of features come from training users alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from tfhrnn.baselines.checks import (
    require_at_least,
    require_catalogue,
    require_choices,
    require_fitted,
    require_users,
)
from tfhrnn.baselines.early_stopping import Best, fit_until_best
from tfhrnn.baselines.fold_in import one_step_ahead
from tfhrnn.baselines.search import search
from tfhrnn.data.catalogue import FIRST_ITEM
from tfhrnn.data.event_log import EventLog
from tfhrnn.evaluation.metrics import rmse
from tfhrnn.evaluation.ratings import rating_rows

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.floating]

_START: Final = 0.1  # deviation of the first vectors


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
    own = np.linalg.solve(squares + np.diag(penalties.own(width - 1)), products[:, :, None])[
        :, :, 0
    ]
    shared = side.shared.copy()
    for column, x in enumerate(side.features.T):
        shared[column] = 0
        some = np.flatnonzero(x)
        squares, products = regression(Side(side.features, own, shared).table())
        total = np.tensordot(x[some] ** 2, squares[some], axes=1) + penalties.features * np.eye(
            width
        )
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


class _Model(NamedTuple):
    """What is fitted; the penalties are kept for folding in."""

    mean: float
    users: Side
    items: Side
    penalties: Penalties


class RatingFM:
    """A factorization machine of users, items and their features.

    Args:
      rank: length of the vectors; 0 leaves the biases.
      features: whether features of users and items are used, as far as the log has them.
      bias_regularization: penalties of squared w to choose from.
      factor_regularization: penalties of squared v to choose from.
      feature_regularization: penalties of the features' w and v to choose from.
      sweeps: most passes over users and items.
      patience: sweeps without better validation RMSE after which fitting stops.
      seed: of the first vectors.
    """

    def __init__(
        self,
        rank: int = 8,
        *,
        features: bool = True,
        bias_regularization: Sequence[float] = (1.0, 3.0, 10.0),
        factor_regularization: Sequence[float] = (6.0, 10.0, 20.0),
        feature_regularization: Sequence[float] = (30.0, 100.0, 300.0),
        sweeps: int = 30,
        patience: int = 3,
        seed: int = 0,
    ) -> None:
        require_at_least(0, rank=rank)
        require_at_least(1, sweeps=sweeps, patience=patience)
        for name, values in (
            ("bias_regularization", bias_regularization),
            ("factor_regularization", factor_regularization),
            ("feature_regularization", feature_regularization),
        ):
            require_choices(name, values)
        self.rank, self.features = rank, features
        self.bias_regularization = tuple(bias_regularization)
        self.factor_regularization = tuple(factor_regularization) if rank else (1.0,)
        self.feature_regularization = tuple(feature_regularization) if features else (1.0,)
        self.sweeps, self.patience, self.seed = sweeps, patience, seed
        # Validation RMSE by (bias, factor, feature) penalties, and those that were chosen.
        self.validation: dict[tuple[float, ...], float] = {}
        self.chosen: Penalties | None = None
        self._model: _Model | None = None

    def fit(
        self, log: EventLog, train: npt.NDArray[np.integer], validation: npt.NDArray[np.integer]
    ) -> RatingFM:
        """Fits under all penalties there are to choose from, and keeps the best sweep of the best.

        Args:
          log: the events.
          train: user indices whose ratings are fitted.
          validation: user indices whose next ratings, predicted as those of test users are, choose
            penalties and sweep.

        Returns:
          Itself.

        Raises:
          DataError: no users, or none with ratings.
        """
        require_users(log, train=train.tolist(), validation=validation.tolist())
        rows, asked = rating_rows(log, train), rating_rows(log, validation)
        found = search(
            (self.bias_regularization, self.factor_regularization, self.feature_regularization),
            lambda setting: self._fit_one(log, train, rows, asked, Penalties(*setting)),
        )
        self.validation, self.chosen = found.figures, Penalties(*found.chosen)
        self._model = found.best.state
        return self

    def predict(self, log: EventLog, users: npt.NDArray[np.integer]) -> pl.DataFrame:
        """Each rating of some users from their features and earlier ratings, and the item.

        Args:
          log: of the same catalogue.
          users: user indices, none of them trained on.

        Returns:
          `tfhrnn.evaluation.ratings.rating_rows` with the column `prediction`. A first rating is
          predicted from features and item alone, that of an item without training ratings from what
          its features say and the user's own bias.

        Raises:
          RunError: not fitted.
          DataError: another catalogue, no users, or none with ratings.
        """
        model = require_fitted(self._model, self)
        require_catalogue(log, len(model.items.own))
        require_users(log, judged=users.tolist())
        rows = rating_rows(log, users)
        return rows.with_columns(prediction=pl.Series(self._predicted(log, model, rows)))

    def _fit_one(
        self,
        log: EventLog,
        train: npt.NDArray[np.integer],
        rows: pl.DataFrame,
        asked: pl.DataFrame,
        penalties: Penalties,
    ) -> Best[_Model]:
        random = np.random.default_rng(self.seed)

        def side(features: npt.NDArray[np.floating], ids: int) -> Side:
            used = np.asarray(features, np.float64)[:, : None if self.features else 0]
            own = np.zeros((ids, 1 + self.rank))
            own[:, 1:] = random.normal(scale=_START, size=(ids, self.rank))
            return Side(used, own, np.zeros((used.shape[1], 1 + self.rank)))

        rating = rows["feedback"].to_numpy()
        item = rows["item"].to_numpy() - FIRST_ITEM
        place = np.full(log.num_users, -1, np.int64)
        place[train] = np.arange(len(train))
        user = place[rows["user"].to_numpy()]
        by_user = Ratings.by(user, item, rating, len(train))
        by_item = Ratings.by(item, user, rating, log.num_items)
        model = _Model(
            float(rating.mean()),
            side(log.user_matrix[train], len(train)),
            side(log.catalogue.feature_matrix, log.num_items),
            penalties,
        )

        def sweep(_: int) -> None:
            nonlocal model
            users = update_side(model.users, model.items, by_user, model.mean, penalties)
            items = update_side(model.items, users, by_item, model.mean, penalties)
            model = model._replace(users=users, items=items)

        return fit_until_best(
            sweep,
            lambda: rmse(self._predicted(log, model, asked), asked["feedback"].to_numpy()),
            lambda: model,
            epochs=self.sweeps,
            patience=self.patience,
        )

    def _predicted(self, log: EventLog, model: _Model, rows: pl.DataFrame) -> Floats:
        """The next rating of users that were not trained on, `[ratings]`."""
        table = model.items.table()[rows["item"].to_numpy() - FIRST_ITEM]
        q = np.concatenate([np.ones((len(table), 1)), table[:, 1:]], axis=1)
        user = rows["user"].to_numpy()
        width = model.users.features.shape[1]
        features = np.asarray(log.user_matrix, np.float64)[user, :width]
        new = Side(features, np.zeros_like(table), model.users.shared).table(own=False)
        known = model.mean + table[:, 0] + (new * q).sum(axis=1)
        x, y = q.copy(), rows["feedback"].to_numpy() - known
        x[:, 1:] += new[:, 1:]
        origin, ridge = np.zeros(x.shape[1]), model.penalties.own(x.shape[1] - 1)
        # Rows of a user are contiguous.
        cuts = np.flatnonzero(np.diff(user)) + 1
        pieces = zip(np.split(x, cuts), np.split(y, cuts), strict=True)
        own = [one_step_ahead(some, left, origin, ridge) for some, left in pieces]
        return known + np.concatenate(own)


def matrix_factorization(rank: int = 8, *, seed: int = 0) -> RatingFM:
    """Biased matrix factorisation, μ + b_u + b_i + p_u · q_i, penalties chosen on validation."""
    return RatingFM(rank, features=False, seed=seed)


def bias_only() -> RatingFM:
    """The biases alone, μ + b_u + b_i, shrunk by a penalty that is chosen on validation."""
    return RatingFM(0, features=False)
