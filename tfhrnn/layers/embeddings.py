"""What a step reads: item ⊕ level ⊕ feedback ⊕ user, and the numeric inputs beside them.

Each part is a layer of its own; `EventEmbedding` concatenates those that a model uses. Session
control, feedback and user features join at the input, so that any tower can use them (Ma and
Narayanaswamy, section 2, Figure 2).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfhrnn.layers.input_cross import InputCross
from tfhrnn.layers.item_dropout import ItemDropout
from tfhrnn.layers.negation import Negation
from tfhrnn.layers.replicas import gather_rows
from tfhrnn.layers.variational_dropout import VariationalDropout

FIRST_COLUMN = (
    2  # index of the item in the matrix's first row; 0 is the start event, 1 the unknown item
)


def _uniform(seed: int | None) -> tf.keras.initializers.Initializer:
    return tf.keras.initializers.RandomUniform(-0.1, 0.1, seed=seed)


class ItemEmbedding(tf.keras.layers.Layer):
    """Item indices to vectors: the decoder's rows if tied, else ID ⊕ features of its own.

    Args:
      num_items: items of the catalogue, without the start and the unknown index.
      units: width of an embedding.
      tied: rows come from the item matrix given at call; only start and unknown are learned here.
      features: `[items, width]` encoded features, for the untied form; width 0 for none.
      seed: of weights.
    """

    def __init__(
        self,
        num_items: int,
        units: int,
        *,
        tied: bool = True,
        features: npt.NDArray[np.float32] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_items, self.units, self.tied, self.seed = num_items, units, tied, seed
        self._features = (
            np.zeros((num_items, 0), np.float32) if features is None else np.asarray(features)
        )
        self.has_features = self._features.shape[1] > 0 and not tied

    def build(self, _: Any) -> None:
        """Creates the weights."""
        rows = FIRST_COLUMN if self.tied else FIRST_COLUMN + self.num_items
        self.table = self.add_weight("table", [rows, self.units], initializer=_uniform(self.seed))
        if self.has_features:
            padded = np.concatenate(
                [np.zeros((FIRST_COLUMN, self._features.shape[1])), self._features]
            )
            self.features = self.add_weight(
                "features",
                padded.shape,
                initializer=tf.keras.initializers.Constant(padded),
                trainable=False,
            )
            self.projection = tf.keras.layers.Dense(
                self.units,
                kernel_initializer=tf.keras.initializers.GlorotUniform(seed=self.seed),
                dtype=self._dtype_policy,
                name="feature_projection",
            )
            self.projection.build([None, self._features.shape[1]])
        super().build(_)

    def call(self, item: tf.Tensor, item_weights: tf.Tensor | None = None) -> tf.Tensor:
        """Embeds indices.

        Args:
          item: int32 indices of any shape: 0 start, 1 unknown, items from 2.
          item_weights: `[items, units]` from `Decoder.item_matrix`, needed if tied.

        Returns:
          `[..., units]`, or `[..., 2 · units]` for the untied form with features.
        """
        table = tf.cast(self.table, self.compute_dtype)
        if self.tied:
            if item_weights is None:
                raise ValueError(
                    "a tied ItemEmbedding needs item_weights, from Decoder.item_matrix"
                )
            table = tf.concat([table, tf.cast(item_weights, self.compute_dtype)], axis=0)
        vectors = gather_rows(table, item)
        if not self.has_features:
            return vectors
        return tf.concat([vectors, self.projection(tf.gather(self.features, item))], axis=-1)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, arrays as lists."""
        own = {
            "num_items": self.num_items,
            "units": self.units,
            "tied": self.tied,
            "features": self._features.tolist(),
            "seed": self.seed,
        }
        return {**super().get_config(), **own}


class LevelEmbedding(tf.keras.layers.Layer):
    """The level of the gap that follows, the paper's control signal.

    Args:
      num_levels: levels, the start level included.
      units: width.
      seed: of weights.
    """

    def __init__(
        self, num_levels: int, units: int, *, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.num_levels, self.units, self.seed = num_levels, units, seed

    def build(self, _: Any) -> None:
        """Creates the table."""
        start = tf.keras.initializers.RandomNormal(stddev=0.3, seed=self.seed)
        self.table = self.add_weight("table", [self.num_levels, self.units], initializer=start)
        super().build(_)

    def call(self, level: tf.Tensor) -> tf.Tensor:
        """`[...]` int32 levels to `[..., units]`."""
        return gather_rows(tf.cast(self.table, self.compute_dtype), level)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        own = {"num_levels": self.num_levels, "units": self.units, "seed": self.seed}
        return {**super().get_config(), **own}


class FeedbackEmbedding(tf.keras.layers.Layer):
    """Standardised feedback, with a flag for "known", through a dense layer.

    Args:
      units: width.
      mean: of the training events' feedback.
      std: of the same; 0 counts as 1.
      by_type: mean and std of each type of event instead, unknown types first; empty for one scale.
      seed: of weights.
    """

    def __init__(
        self,
        units: int,
        *,
        mean: float = 0.0,
        std: float = 1.0,
        by_type: Sequence[Sequence[float]] = (),
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        # A price can be out of float16's range, and is standardised in float32.
        super().__init__(autocast=False, **kwargs)
        self.units, self.mean, self.std, self.seed = units, mean, std or 1.0, seed
        self.by_type = [(float(mean), float(std)) for mean, std in by_type]

    def build(self, _: Any) -> None:
        """Creates the projection."""
        self.projection = tf.keras.layers.Dense(
            self.units,
            activation="tanh",
            kernel_initializer=tf.keras.initializers.GlorotUniform(seed=self.seed),
            dtype=self._dtype_policy,
            name="projection",
        )
        self.projection.build([None, 2])
        super().build(_)

    def call(self, feedback: tf.Tensor, event_type: tf.Tensor | None = None) -> tf.Tensor:
        """Embeds feedback.

        Args:
          feedback: `[...]` float32, NaN where unknown.
          event_type: `[...]` int32, with `by_type` alone; 0 where unknown.

        Returns:
          `[..., units]`.
        """
        feedback = tf.cast(feedback, tf.float32)
        known = tf.math.is_finite(feedback)
        mean: Any = self.mean
        std: Any = self.std
        if self.by_type:
            scales = tf.gather(tf.constant(self.by_type, tf.float32), event_type)
            mean, std = scales[..., 0], scales[..., 1]
        value = tf.where(known, (feedback - mean) / std, 0.0)
        return self.projection(tf.stack([value, tf.cast(known, tf.float32)], axis=-1))

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        own = {"units": self.units, "mean": self.mean, "std": self.std, "seed": self.seed}
        return {**super().get_config(), **own, "by_type": self.by_type}


class EventTypeEmbedding(tf.keras.layers.Layer):
    """The type of an event, such as a click or a purchase: feedback as a category.

    Args:
      num_types: types there are, the unknown one not counted.
      units: width.
      seed: of weights.

    Source: Ma and Narayanaswamy, section 2, interaction feedback.
    """

    def __init__(
        self, num_types: int, units: int, *, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.num_types, self.units, self.seed = num_types, units, seed

    def build(self, _: Any) -> None:
        """Creates the table; the unknown type's row is the first."""
        shape = [self.num_types + 1, self.units]
        self.table = self.add_weight("table", shape, initializer=_uniform(self.seed))
        super().build(_)

    def call(self, event_type: tf.Tensor) -> tf.Tensor:
        """`[...]` int32 types, 0 where unknown, to `[..., units]`."""
        return gather_rows(tf.cast(self.table, self.compute_dtype), event_type)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        own = {"num_types": self.num_types, "units": self.units, "seed": self.seed}
        return {**super().get_config(), **own}


class UserEmbedding(tf.keras.layers.Layer):
    """Encoded user features through a dense layer.

    Args:
      units: width.
      seed: of weights.
    """

    def __init__(self, units: int, *, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units, self.seed = units, seed

    def build(self, shape: Any) -> None:
        """Creates the projection from `[..., width]`."""
        self.projection = tf.keras.layers.Dense(
            self.units,
            activation="tanh",
            kernel_initializer=tf.keras.initializers.GlorotUniform(seed=self.seed),
            dtype=self._dtype_policy,
            name="projection",
        )
        self.projection.build([None, tf.TensorShape(shape)[-1]])
        super().build(shape)

    def call(self, user: tf.Tensor) -> tf.Tensor:
        """`[..., width]` encoded features to `[..., units]`."""
        return self.projection(user)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "units": self.units, "seed": self.seed}


class GapInputs(tf.keras.layers.Layer):
    """A gap as numbers: log(1 + seconds)/10, and whether it is 0. Nothing is learned."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)  # a day's seconds are infinite in float16

    def call(self, gap: tf.Tensor) -> tf.Tensor:
        """`[...]` float32 seconds to `[..., 2]`; negative gaps count as 0."""
        gap = tf.maximum(tf.cast(gap, tf.float32), 0.0)
        both = tf.stack([tf.math.log1p(gap) / 10.0, tf.cast(gap == 0, tf.float32)], axis=-1)
        return tf.cast(both, self.compute_dtype)


class PositionInput(tf.keras.layers.Layer):
    """Steps since the user's start as a number: log(1 + steps)/5. Nothing is learned."""

    def call(self, position: tf.Tensor) -> tf.Tensor:
        """`[...]` int32 steps to `[..., 1]`."""
        position = tf.maximum(tf.cast(position, tf.float32), 0.0)
        return tf.cast(tf.math.log1p(position)[..., tf.newaxis] / 5.0, self.compute_dtype)


class TimeBumps(tf.keras.layers.Layer):
    """The query time as radial bumps over the training data's time range.

    A time outside the range is clamped to its nearest end, so that a model asked years later
    answers as at the end of what it has seen instead of failing or extrapolating.

    Args:
      bumps: how many, evenly spaced; each as wide as their distance.
      first: start of the range, Unix seconds.
      last: end of the range, Unix seconds.
    """

    def __init__(self, bumps: int, *, first: int, last: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.bumps, self.first, self.last = bumps, first, last

    def call(self, time: tf.Tensor) -> tf.Tensor:
        """`[...]` int64 Unix seconds to `[..., bumps]` in (0, 1]."""
        span = max(self.last - self.first, 1)
        clamped = tf.clip_by_value(tf.cast(time, tf.int64), self.first, self.last)
        share = tf.cast(clamped - self.first, tf.float64) / span
        place = tf.cast(share, tf.float32)[..., tf.newaxis] * (self.bumps - 1)
        distance = place - tf.range(self.bumps, dtype=tf.float32)
        return tf.cast(tf.exp(-0.5 * tf.square(distance)), self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "bumps": self.bumps, "first": self.first, "last": self.last}


class EventEmbedding(tf.keras.layers.Layer):
    """Drops part of the item part, concatenates what a model reads, and may cross it.

    Args:
      item: the item part.
      level: the level part, or None.
      feedback: the feedback part, or None.
      user: the user part, or None.
      gap: the numeric gap part, or None.
      time: the query-time part, or None.
      position: the position part, or None.
      first_item: the first item's part, a `FirstItemEmbedding`, or None.
      negation: turns the item part around where the feedback is negative, or None.
      cross: adds products of all channels in the end, or None.
      dropout: share of the item part's channels dropped in training.
      item_dropout: share of the items dropped whole in training.
      variational: draw the dropped channels once a window and lane instead of at each step.
      seed: of the dropout.
      event_type: the event type's part, or None.
    """

    def __init__(
        self,
        item: ItemEmbedding,
        *,
        level: LevelEmbedding | None = None,
        feedback: FeedbackEmbedding | None = None,
        user: UserEmbedding | None = None,
        gap: GapInputs | None = None,
        time: TimeBumps | None = None,
        position: PositionInput | None = None,
        first_item: tf.keras.layers.Layer | None = None,
        negation: Negation | None = None,
        cross: InputCross | None = None,
        dropout: float = 0.0,
        item_dropout: float = 0.0,
        variational: bool = False,
        seed: int | None = None,
        event_type: EventTypeEmbedding | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)  # each part casts what it reads
        self.item, self.level, self.feedback, self.user = item, level, feedback, user
        self.gap, self.time, self.position = gap, time, position
        self.first_item, self.negation, self.cross = first_item, negation, cross
        self.event_type = event_type
        channels = VariationalDropout if variational else tf.keras.layers.Dropout
        self.dropout = channels(dropout, seed=seed, force_generator=True, dtype=self._dtype_policy)
        self.item_dropout = (
            ItemDropout(
                item.num_items,
                item_dropout,
                first_item=FIRST_COLUMN,
                seed=None if seed is None else seed + 50,
                dtype=self._dtype_policy,
                name="item_dropout",
            )
            if item_dropout
            else None
        )

    def call(
        self, event: Any, item_weights: tf.Tensor | None = None, training: bool = False
    ) -> tf.Tensor:
        """Embeds a window.

        Args:
          event: a record with `item`, `level`, `feedback`, `user`, `gap`, `query_time` and
            `position`, `[lanes, window]` each (`user` with a width), such as
            `tfhrnn.data.windows.Batch`; `first_item` and `event_type` too where they are read.
          item_weights: `[items, units]` from `Decoder.item_matrix`, for tied items.
          training: whether dropout draws.

        Returns:
          `[lanes, window, width]`.
        """
        # Only the item part is dropped: levels, gaps and times are few channels that each say
        # something of their own.
        item = self.item(event.item, item_weights)
        if self.item_dropout is not None:
            item = self.item_dropout(item, event.item, training=training)
        item = self.dropout(item, training=training)
        parts = [item if self.negation is None else self.negation(item, event.feedback)]
        feedback: tuple[Any, ...] = (event.feedback,)
        if self.feedback is not None and self.feedback.by_type:
            feedback = (event.feedback, event.event_type)
        for layer, values in (
            (self.level, (event.level,)),
            (self.feedback, feedback),
            (self.user, (event.user,)),
            (self.gap, (event.gap,)),
            (self.time, (event.query_time,)),
            (self.position, (event.position,)),
        ):
            if layer is not None:
                parts.append(tf.cast(layer(*values), self.compute_dtype))
        if self.first_item is not None:
            parts.append(tf.cast(self.first_item(event.first_item), self.compute_dtype))
        if self.event_type is not None:
            parts.append(tf.cast(self.event_type(event.event_type), self.compute_dtype))
        x = tf.concat(parts, axis=-1)
        return x if self.cross is None else self.cross(x)
