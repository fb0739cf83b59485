"""The feedback that a user would give a given item: the ranking head, and how it is trained.

In come the hidden state h before the item and the item's vector e (ID embedding ⊕ feature
embedding), out comes one number in the feedback's own units, mean + std · f(h ⊕ e). f crosses its
input, x_{i+1} = x_0 ⊙ (W x_i + b) + x_i, so that products of h and e need not be approximated by
sums (Wang et al. 2021, eq. 1), and reads the result with a small dense layer. Ma and Narayanaswamy,
section 3 and Table 3: the root mean square error of the next item's rating.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tensorflow_recommenders as tfrs

from tfhrnn.layers.replicas import sum_over_replicas


class RatingHead(tf.keras.layers.Layer):
    """Predicted feedback of given items.

    A new head answers `mean` whatever it reads.

    Args:
      units: width of the hidden states, and of the dense layer.
      cross_layers: cross layers over h ⊕ e; 0 leaves the dense layer alone.
      rank: of the cross layers' matrices; 0 for full ones.
      dropout: share of h ⊕ e dropped in training.
      seed: of weights.
      mean: of the training events' feedback.
      std: of the same; 0 counts as 1.

    Source: Wang et al. 2021 (DCN V2); Ma and Narayanaswamy, section 3.
    """

    def __init__(
        self,
        units: int,
        *,
        cross_layers: int = 2,
        rank: int = 0,
        dropout: float = 0.0,
        seed: int | None = None,
        mean: float = 0.0,
        std: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units, self.cross_layers, self.seed = units, cross_layers, seed
        self.rank = rank
        self.mean, self.std = mean, std or 1.0

        def glorot(offset: int) -> tf.keras.initializers.Initializer:
            return tf.keras.initializers.GlorotUniform(seed=None if seed is None else seed + offset)

        self.crosses = [
            tfrs.layers.dcn.Cross(
                projection_dim=rank or None,
                kernel_initializer=glorot(index),
                dtype=self._dtype_policy,
                name=f"cross_{index}",
            )
            for index in range(cross_layers)
        ]
        self.inner = tf.keras.layers.Dense(
            units,
            activation="gelu",
            kernel_initializer=glorot(100),
            dtype=self._dtype_policy,
            name="inner",
        )
        # None at all where nothing is dropped: checkpoints hold the generator of each.
        self.dropout = (
            tf.keras.layers.Dropout(
                dropout, seed=seed, force_generator=True, dtype=self._dtype_policy
            )
            if dropout
            else None
        )
        # Two or three digits are too few for the answer itself.
        self.outer = tf.keras.layers.Dense(
            1, kernel_initializer="zeros", dtype=tf.float32, name="outer"
        )

    def call(self, hidden: tf.Tensor, item_vectors: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Predicts.

        Args:
          hidden: `[..., units]` states before the items, with a leading dimension at least.
          item_vectors: `[..., width]` of the items asked about. The leading dimensions equal those
            of `hidden` or broadcast with them: `[batch, 1, units]` and `[batch, items, width]` ask
            about several items at once.
          training: whether dropout draws.

        Returns:
          `[...]` float32, in the feedback's units.

        Raises:
          ValueError: `hidden` is not `units` wide.
        """
        if hidden.shape[-1] != self.units:
            raise ValueError(
                f"hidden: got width {hidden.shape[-1]}, expected the head's units, {self.units}"
            )
        item_vectors = tf.cast(item_vectors, self.compute_dtype)
        x = tf.concat(
            [
                hidden + tf.zeros_like(item_vectors[..., :1]),
                item_vectors + tf.zeros_like(hidden[..., :1]),
            ],
            axis=-1,
        )
        if self.dropout is not None:
            x = self.dropout(x, training=training)
        crossed = x
        for cross in self.crosses:
            crossed = cross(x, crossed)
        # The crossed part reaches the answer itself too, so that a product stays a product.
        out = self.outer(tf.concat([crossed, self.inner(crossed)], axis=-1))
        return self.mean + self.std * out[..., 0]

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        own = {
            "units": self.units,
            "cross_layers": self.cross_layers,
            "rank": self.rank,
            "dropout": 0.0 if self.dropout is None else self.dropout.rate,
            "seed": self.seed,
            "mean": self.mean,
            "std": self.std,
        }
        return {**super().get_config(), **own}


class RatingTask:
    """The head's loss and its RMSE, over known feedback only.

    A model keeps the head and `rmse` among its own attributes, so that Keras finds their variables.

    Args:
      head: whose predictions are judged.
      joint: whether the loss also moves the hidden states; False leaves whatever made them to
        other losses. Item vectors are not cut off: a caller that wants that stops their gradient.

    Source: Ma and Narayanaswamy, section 3 (RMSE of rating predictions).
    """

    def __init__(self, head: RatingHead, *, joint: bool = True) -> None:
        self.head, self.joint = head, joint
        self.rmse = tf.keras.metrics.RootMeanSquaredError("rmse", dtype=tf.float32)
        # A sum, because Keras' mean would also count what has weight 0.
        self.task = tfrs.tasks.Ranking(
            loss=tf.keras.losses.MeanSquaredError(reduction=tf.keras.losses.Reduction.SUM),
            metrics=[self.rmse],
        )

    def __call__(
        self,
        hidden: tf.Tensor,
        item_vectors: tf.Tensor,
        feedback: tf.Tensor,
        weight: tf.Tensor,
        training: bool = False,
    ) -> tf.Tensor:
        """Predicts, compares, and updates `rmse`.

        Args:
          hidden: `[..., units]`, see `RatingHead.call`.
          item_vectors: `[..., width]` of the items that got the feedback.
          feedback: `[...]` in its own units, NaN (or infinite) where unknown.
          weight: `[...]` 0 or more, what each counts; unknown feedback counts 0 whatever stands
            here.
          training: whether the head's dropout draws.

        Returns:
          Scalar float32, the weighted mean squared error in units of std² (so that its size beside
          a loss in nats does not depend on the feedback's scale); 0 where nothing counts. Each of
          several replicas gets its lanes' part of the mean over all. `rmse` is in the feedback's
          units.
        """
        if not self.joint:
            hidden = tf.stop_gradient(hidden)
        predicted = self.head(hidden, item_vectors, training=training)
        feedback, weight = tf.cast(feedback, tf.float32), tf.cast(weight, tf.float32)
        known = tf.math.is_finite(feedback)
        # NaN · 0 is NaN, so an unknown label is replaced before anything is computed from it.
        label = tf.where(known, feedback, self.head.mean)
        counts = tf.where(known, weight, 0.0)
        # `call` and not the layer itself: under mixed precision Keras would round the labels, the
        # first argument, to the precision of computing.
        total = self.task.call(
            labels=tf.reshape(label, [-1, 1]),
            predictions=tf.reshape(predicted, [-1, 1]),
            sample_weight=tf.reshape(counts, [-1, 1]),
        )
        weight_of_all = sum_over_replicas(tf.reduce_sum(counts))
        return tf.math.divide_no_nan(total, weight_of_all * self.head.std**2)
