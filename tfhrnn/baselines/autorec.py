"""AutoRec: ratings through an autoencoder with the masked loss (Sedhain et al. 2015).

A row r of the matrix of ratings (an item's ratings by users for I-AutoRec, a user's of items for
U-AutoRec), less the mean of all and 0 where there is none, is reconstructed as

    h(r) = W g(V r + μ) + b,   minimising Σ_rows Σ_{rated} (r − h(r))² + λ/2 (|W|² + |V|²),

g the sigmoid and the output linear, which was the best of their four. Only rated entries are in the
loss. λ and the hidden width are chosen on validation users.

How users that were not trained on are predicted, from earlier ratings alone:

- U-AutoRec takes such a user as it is: the hidden layer reads the ratings so far, the output is
  asked for the next item. The sum V r grows by a column a rating.
- I-AutoRec has no input and no output for such a user, whose column of V and row of W were never
  trained. The inductive reading taken here: the items' hidden vectors g(V r_i + μ) are those of the
  training users' ratings, and stay; the user is a new output unit, whose row of W and bias are the
  ridge regression on the user's earlier ratings (what the loss above asks of such a row), towards
  the mean row of the training users, which answers for a first rating. Its penalty is chosen on
  validation too. Nothing that is asked about is ever in an input.

Sedhain and others report random splits of ratings, where all users are trained on: their figures
cannot be compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt
import polars as pl
import tensorflow as tf

from tfhrnn.baselines.autorec_layer import AutoRecLayer, RatingMatrix
from tfhrnn.baselines.checks import (
    require_at_least,
    require_choices,
    require_fitted,
    require_positive,
)
from tfhrnn.baselines.early_stopping import Best, fit_until_best
from tfhrnn.baselines.fold_in import one_step_ahead
from tfhrnn.baselines.rating_data import TrainingRatings, asked_ratings, of_each_user
from tfhrnn.baselines.search import search
from tfhrnn.data.catalogue import FIRST_ITEM
from tfhrnn.data.event_log import EventLog
from tfhrnn.errors import ConfigError
from tfhrnn.evaluation.metrics import rmse

Orientation = Literal["item", "user"]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.floating]


class _Weights(NamedTuple):
    """What predictions are made of, float64.

    Attributes:
      mean: of the training ratings.
      encoder: `[columns, hidden]`, V transposed.
      hidden_bias: `[hidden]`.
      decoder: `[columns, 1 + hidden]`, (b, W); 0 where a column had no training rating.
      item: `[items, 1 + hidden]`, (1, hidden vector) of each item; I-AutoRec's alone.
      fold_in: penalty of a new user's row of W.
    """

    mean: float
    encoder: Floats
    hidden_bias: Floats
    decoder: Floats
    item: Floats
    fold_in: float


class AutoRec:
    """AutoRec for the next rating of users that were not trained on.

    Args:
      orientation: "item" for I-AutoRec, "user" for U-AutoRec.
      hidden: widths of the hidden layer to choose from.
      regularization: values of λ to choose from.
      fold_in: of I-AutoRec, penalties of a new user's row of W to choose from.
      learning_rate: of Adam.
      batch: rows an update.
      epochs: most passes over the rows.
      patience: epochs without better validation RMSE after which training stops.
      seed: of weights and of the order of rows.
    """

    def __init__(
        self,
        orientation: Orientation = "item",
        *,
        hidden: Sequence[int] = (25, 50, 100),
        regularization: Sequence[float] = (3.0, 10.0, 30.0),
        fold_in: Sequence[float] = (3.0, 10.0, 30.0, 100.0),
        learning_rate: float = 3e-3,
        batch: int = 64,
        epochs: int = 100,
        patience: int = 5,
        seed: int = 0,
    ) -> None:
        if orientation not in get_args(Orientation):
            raise ConfigError(f"orientation: got {orientation!r}, expected 'item' or 'user'")
        require_choices("hidden", hidden)
        require_at_least(1, hidden=min(hidden), batch=batch, epochs=epochs, patience=patience)
        require_choices("regularization", regularization)
        require_choices("fold_in", fold_in)
        require_positive(learning_rate=learning_rate)
        self.orientation, self.hidden = orientation, tuple(hidden)
        self.regularization, self.fold_in = tuple(regularization), tuple(fold_in)
        self.learning_rate, self.batch = learning_rate, batch
        self.epochs, self.patience, self.seed = epochs, patience, seed
        # Validation RMSE by (hidden, regularization), those that were chosen, and their fit.
        self.validation: dict[tuple[float, ...], float] = {}
        self.chosen: tuple[float, ...] | None = None
        self.best: Best[_Weights] | None = None

    def fit(
        self, log: EventLog, train: npt.NDArray[np.integer], validation: npt.NDArray[np.integer]
    ) -> AutoRec:
        """Trains each width and λ tried, and keeps the best epoch of the best.

        Args:
          log: the events.
          train: user indices whose ratings are reconstructed.
          validation: user indices whose next ratings, predicted as those of test users are, choose.

        Returns:
          Itself.

        Raises:
          DataError: no users, or none with ratings.
        """
        given = TrainingRatings.of(log, train)
        asked = asked_ratings(log, validation, log.num_items, "validation")
        mean, shape = given.mean, (given.items, given.users)
        if self.orientation == "item":
            matrix = RatingMatrix.of(given.item, given.user, given.rating - mean, shape)
        else:
            matrix = RatingMatrix.of(given.user, given.item, given.rating - mean, shape[::-1])
        found = search(
            (self.hidden, self.regularization),
            lambda setting: self._fit_one(matrix, mean, asked, int(setting[0]), setting[1]),
        )
        self.validation, self.chosen, self.best = found
        return self

    def predict(self, log: EventLog, users: npt.NDArray[np.integer]) -> pl.DataFrame:
        """Each rating of some users from their earlier ones, and the item.

        Args:
          log: of the same catalogue.
          users: user indices, none of them trained on.

        Returns:
          `tfhrnn.evaluation.ratings.rating_rows` with the column `prediction`. A first rating is
          I-AutoRec's mean user's, or U-AutoRec's answer to a row of zeros; an item without training
          ratings is U-AutoRec's mean of all ratings.

        Raises:
          RunError: not fitted.
          DataError: another catalogue, no users, or none with ratings.
        """
        weights = require_fitted(self.best, self).state
        items = len(weights.item if self.orientation == "item" else weights.encoder)
        rows = asked_ratings(log, users, items)
        return rows.with_columns(prediction=pl.Series(self._predicted(weights, rows)))

    def _fit_one(
        self, matrix: RatingMatrix, mean: float, asked: pl.DataFrame, hidden: int, decay: float
    ) -> Best[_Weights]:
        layer = AutoRecLayer(matrix.columns, hidden, seed=self.seed)
        random = np.random.default_rng(self.seed)
        update = self._update(layer, decay, len(matrix.value))
        rated = np.flatnonzero(np.diff(matrix.offsets))
        weights: _Weights | None = None

        def run_epoch(epoch: int) -> None:
            order = random.permutation(rated)
            for at in range(0, len(order), self.batch):
                some = order[at : at + self.batch]
                update(*map(tf.constant, (*matrix.rows(some), np.int64(len(some)))))

        def validate() -> float:
            nonlocal weights
            plain = self._weights(layer, matrix, mean)
            feedback, best = asked["feedback"].to_numpy(), np.inf
            for fold_in in self.fold_in if self.orientation == "item" else (0.0,):
                tried = plain._replace(fold_in=fold_in)
                figure = rmse(self._predicted(tried, asked), feedback)
                if weights is None or figure < best:
                    weights, best = tried, figure
            return best

        def keep() -> _Weights:
            assert weights is not None  # `validate` was called before
            return weights

        return fit_until_best(run_epoch, validate, keep, epochs=self.epochs, patience=self.patience)

    def _update(self, layer: AutoRecLayer, decay: float, total: int) -> Any:
        """One step of Adam on some rows, with their share of the penalty."""
        optimizer = tf.keras.optimizers.Adam(self.learning_rate)
        optimizer.build(layer.trainable_variables)

        @tf.function(
            input_signature=[
                tf.TensorSpec([None, 2], tf.int64),
                tf.TensorSpec([None], tf.float32),
                tf.TensorSpec([], tf.int64),
            ],
            autograph=False,
        )
        def update(entries: tf.Tensor, values: tf.Tensor, rows: tf.Tensor) -> None:
            with tf.GradientTape() as tape:
                error = tf.reduce_sum((layer(entries, values, rows) - values) ** 2)
                share = tf.cast(tf.size(values), tf.float32) / total
                squares = tf.reduce_sum(layer.encoder**2) + tf.reduce_sum(layer.decoder**2)
                loss = error + share * decay / 2 * squares
            gradients = tape.gradient(loss, layer.trainable_variables)
            gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
            optimizer.apply_gradients(zip(gradients, layer.trainable_variables, strict=True))

        return update

    def _weights(self, layer: AutoRecLayer, matrix: RatingMatrix, mean: float) -> _Weights:
        encoder, decoder, hidden_bias, bias = (
            variable.numpy().astype(np.float64)
            for variable in (layer.encoder, layer.decoder, layer.hidden_bias, layer.bias)
        )
        rated = np.bincount(matrix.column, minlength=matrix.columns) > 0
        out = np.where(rated[:, None], np.concatenate([bias[:, None], decoder], axis=1), 0.0)
        item = np.zeros((0, out.shape[1]))
        if self.orientation == "item":
            pieces = []
            count = len(matrix.offsets) - 1
            for at in range(0, count, self.batch):
                some = np.arange(at, min(at + self.batch, count))
                entries, values = matrix.rows(some)
                pieces.append(layer.encode(entries, values, np.int64(len(some))).numpy())
            item = np.concatenate(pieces).astype(np.float64)
            item = np.concatenate([np.ones((len(item), 1)), item], axis=1)
        return _Weights(mean, np.where(rated[:, None], encoder, 0.0), hidden_bias, out, item, 0.0)

    def _predicted(self, weights: _Weights, rows: pl.DataFrame) -> npt.NDArray[np.float64]:
        """The next rating of users that were not trained on, `[ratings]`."""
        item = rows["item"].to_numpy() - FIRST_ITEM
        value = rows["feedback"].to_numpy() - weights.mean
        pieces = of_each_user(rows, item, value)
        if self.orientation == "user":
            found = [_of_prefixes(weights, some, given) for some, given in pieces]
        else:
            typical = weights.decoder.mean(axis=0)
            ridge = np.full(len(typical), weights.fold_in)
            found = [
                one_step_ahead(weights.item[some], given, typical, ridge) for some, given in pieces
            ]
        return weights.mean + np.concatenate(found)


def _of_prefixes(weights: _Weights, item: Ints, value: Floats) -> npt.NDArray[np.float64]:
    """U-AutoRec's answer for each item of a user from the ratings before it."""
    # A rating of an item rated before takes the place of the earlier one.
    frame = pl.DataFrame({"item": item, "value": value})
    before = frame.select(pl.col("value").shift(1).over("item").fill_null(0.0)).to_series()
    change = weights.encoder[item] * (value - before.to_numpy())[:, None]
    read = np.cumsum(change, axis=0) - change  # [ratings, hidden]
    hidden = 1 / (1 + np.exp(-(read + weights.hidden_bias)))
    out = weights.decoder[item]
    return out[:, 0] + (out[:, 1:] * hidden).sum(axis=1)
