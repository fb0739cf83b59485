"""A factorization machine for ratings: user, item and the features of both, second order.

With user u, item i and their features x, Rendle's sum over all pairs (2012, eq. 1) is that of two
sides, r = μ + B_u + C_i + P_u · Q_i, each side with

    P = v_id + Σ_f x_f v_f,    B = w_id + Σ_f x_f w_f + ½ (|P|² − |v_id|² − Σ_f x_f² |v_f|²).

Without features that is biased matrix factorisation, with rank 0 the biases alone. It is fitted by
alternating least squares (Rendle et al. 2011, in blocks): given the other side, ids are ridge
regressions of their own and features follow one by one, so that no step makes the regularised
squared error larger.

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
    require_choices,
    require_fitted,
)
from tfhrnn.baselines.early_stopping import Best, fit_until_best
from tfhrnn.baselines.fold_in import one_step_ahead
from tfhrnn.baselines.rating_data import TrainingRatings, asked_ratings, of_each_user
from tfhrnn.baselines.search import search
from tfhrnn.baselines.sides import Penalties, Ratings, Side, update_side
from tfhrnn.data.catalogue import FIRST_ITEM
from tfhrnn.data.event_log import EventLog
from tfhrnn.evaluation.metrics import rmse

Floats = npt.NDArray[np.floating]

_START: Final = 0.1  # deviation of the first vectors


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
        given = TrainingRatings.of(log, train)
        asked = asked_ratings(log, validation, log.num_items, "validation")
        found = search(
            (self.bias_regularization, self.factor_regularization, self.feature_regularization),
            lambda setting: self._fit_one(log, train, given, asked, Penalties(*setting)),
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
        rows = asked_ratings(log, users, len(model.items.own))
        return rows.with_columns(prediction=pl.Series(self._predicted(log, model, rows)))

    def _fit_one(
        self,
        log: EventLog,
        train: npt.NDArray[np.integer],
        given: TrainingRatings,
        asked: pl.DataFrame,
        penalties: Penalties,
    ) -> Best[_Model]:
        random = np.random.default_rng(self.seed)

        def side(features: npt.NDArray[np.floating], ids: int) -> Side:
            used = np.asarray(features, np.float64)[:, : None if self.features else 0]
            own = np.zeros((ids, 1 + self.rank))
            own[:, 1:] = random.normal(scale=_START, size=(ids, self.rank))
            return Side(used, own, np.zeros((used.shape[1], 1 + self.rank)))

        user, item, rating, users, items = given
        by_user = Ratings.by(user, item, rating, users)
        by_item = Ratings.by(item, user, rating, items)
        model = _Model(
            given.mean,
            side(log.user_matrix[train], users),
            side(log.catalogue.feature_matrix, items),
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
        width = model.users.features.shape[1]
        features = np.asarray(log.user_matrix, np.float64)[rows["user"].to_numpy(), :width]
        new = Side(features, np.zeros_like(table), model.users.shared).table(own=False)
        known = model.mean + table[:, 0] + (new * q).sum(axis=1)
        x, y = q.copy(), rows["feedback"].to_numpy() - known
        x[:, 1:] += new[:, 1:]
        origin, ridge = np.zeros(x.shape[1]), model.penalties.own(x.shape[1] - 1)
        own = [one_step_ahead(some, left, origin, ridge) for some, left in of_each_user(rows, x, y)]
        return known + np.concatenate(own)


def matrix_factorization(rank: int = 8, *, seed: int = 0) -> RatingFM:
    """Biased matrix factorisation, μ + b_u + b_i + p_u · q_i, penalties chosen on validation."""
    return RatingFM(rank, features=False, seed=seed)


def bias_only() -> RatingFM:
    """The biases alone, μ + b_u + b_i, shrunk by a penalty that is chosen on validation."""
    return RatingFM(0, features=False)
