"""A causal transformer over a user's last events, with exact resets and a bounded cache.

Each layer attends over the last `context` events of the present user (`tfhrnn.layers.attention`
has the formula), so that `layers` of them reach back layers · (context − 1) events. The cached keys
and values of context − 1 events are all that the next window needs, so that every split into
windows gives the outputs of the whole.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfhrnn.errors import ConfigError
from tfhrnn.layers.attention import LEVELS, Sight, SlidingAttention, survey
from tfhrnn.layers.control import Control, State


class TransformerBlock(tf.keras.layers.Layer):
    """x + attention(norm(x)), and to that the same with W₂ gelu(W₁ ·).

    Args:
      units: width of inputs and outputs, a multiple of `heads`.
      heads: of the attention.
      context: events a query sees, itself included.
      feed_forward: width of the hidden layer, in multiples of `units`.
      dropout: share dropped of what is added.
      seed: of weights and dropout; numbers up to `seed + 5` are used.

    Source: Vaswani et al. 2017; norms before the branches as in Xiong et al. 2020.
    """

    def __init__(
        self,
        units: int,
        *,
        heads: int,
        context: int,
        feed_forward: int,
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units, self.heads, self.context = units, heads, context
        self.feed_forward, self.dropout, self.seed = feed_forward, dropout, seed
        seeds = [None if seed is None else seed + index for index in range(6)]
        dtype = self._dtype_policy
        # Normalised in float32 under mixed precision, at this epsilon.
        self.norms = [
            tf.keras.layers.LayerNormalization(epsilon=1e-5, dtype=dtype, name=f"norm_{index}")
            for index in range(2)
        ]
        self.attention = SlidingAttention(
            units, heads=heads, context=context, seed=seeds[0], dtype=dtype, name="attention"
        )
        self.inner, self.outer = (
            tf.keras.layers.Dense(
                width,
                activation=activation,
                kernel_initializer=tf.keras.initializers.GlorotUniform(seed=own),
                dtype=dtype,
                name=name,
            )
            for name, width, activation, own in (
                ("inner", feed_forward * units, "gelu", seeds[2]),
                ("outer", units, None, seeds[3]),
            )
        )
        self.drops = [
            tf.keras.layers.Dropout(dropout, seed=own, force_generator=True, dtype=dtype)
            for own in seeds[4:]
        ]

    def call(
        self,
        x: tf.Tensor,
        sight: Sight,
        keys: tf.Tensor,
        values: tf.Tensor,
        training: bool = False,
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """From `[lanes, window, units]` to the same, and keys and values as `SlidingAttention`."""
        read, keys, values = self.attention(self.norms[0](x), sight, keys, values)
        x += self.drops[0](read, training=training)
        added = self.outer(self.inner(self.norms[1](x)))
        return x + self.drops[1](added, training=training), keys, values

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        names = ("units", "heads", "context", "feed_forward", "dropout", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


class TransformerTower(tf.keras.layers.Layer):
    """Stacked attention blocks that forget exactly at resets.

    Args:
      units: width of the blocks and of the outputs, a multiple of `heads`.
      layers: blocks on top of each other.
      heads: of each attention.
      context: events each layer sees, the present one included.
      feed_forward: width of the blocks' hidden layers, in multiples of `units`.
      dropout: share dropped of what each branch adds.
      seed: of weights and dropout.

    Raises:
      ConfigError: one of them is out of range, or `heads` does not divide `units`.

    Source: Vaswani et al. 2017; causal for recommendation, Kang and McAuley 2018; control signals
    beyond recurrent networks, Ma and Narayanaswamy, section 1.
    """

    flush_steps = 0

    def __init__(
        self,
        units: int,
        *,
        layers: int = 1,
        heads: int = 2,
        context: int = 64,
        feed_forward: int = 2,
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units, self.layers, self.heads, self.context = units, layers, heads, context
        self.feed_forward, self.dropout, self.seed = feed_forward, dropout, seed
        for name in ("units", "layers", "heads", "context", "feed_forward"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name}: got {getattr(self, name)}, expected 1 or more")
        if units % heads:
            raise ConfigError(f"heads: got {heads}, expected a divisor of units, {units}")
        dtype = self._dtype_policy
        self.project = tf.keras.layers.Dense(
            units,
            kernel_initializer=tf.keras.initializers.GlorotUniform(seed=seed),
            dtype=dtype,
            name="project",
        )
        self.blocks = [
            TransformerBlock(
                units,
                heads=heads,
                context=context,
                feed_forward=feed_forward,
                dropout=dropout,
                seed=None if seed is None else seed + 10 * index,
                dtype=dtype,
                name=f"block_{index}",
            )
            for index in range(1, layers + 1)
        ]
        self.norm = tf.keras.layers.LayerNormalization(epsilon=1e-5, dtype=dtype, name="norm")

    @property
    def state_size_bytes(self) -> int:
        """Bytes of one user's state."""
        cached = 2 * self.layers * self.units * tf.as_dtype(self.compute_dtype).size
        return (self.context - 1) * (cached + (1 + LEVELS) * tf.float32.size)

    def initial_state(self, lanes: int | tf.Tensor) -> State:
        """Zeros, which say that no cached key is of the present user.

        Returns:
          For each of context − 1 cached keys, oldest first: float32 validity `[lanes, keys]` and
          counts of gaps since of at least level 1, 2, … `[lanes, keys, levels]`; then a layer's
          keys and values, `[lanes, keys, units]` each, layer by layer.
        """
        count = self.context - 1
        cached = [
            tf.zeros([lanes, count, self.units], self.compute_dtype) for _ in range(2 * self.layers)
        ]
        return (tf.zeros([lanes, count]), tf.zeros([lanes, count, LEVELS]), *cached)

    def call(
        self, x: tf.Tensor, control: Control, state: State, training: bool = False
    ) -> tuple[tf.Tensor, State]:
        """Runs one window of every lane.

        Args:
          x: `[lanes, window, width]` event embeddings.
          control: `reset` and `level`, `[lanes, window]`; levels bias the attention.
          state: from the previous window, or `initial_state(lanes)`.
          training: whether dropout draws.

        Returns:
          `[lanes, window, units]` outputs, and the state after the last step.
        """
        valid, borders = (tf.cast(part, tf.float32) for part in state[:2])
        sight, valid, borders = survey(control, valid, borders, self.context)
        stays = valid[..., tf.newaxis] > 0.5
        x = self.project(x)
        cached: list[tf.Tensor] = []
        for index, block in enumerate(self.blocks):
            keys, values = state[2 + 2 * index : 4 + 2 * index]
            x, keys, values = block(x, sight, keys, values, training=training)
            # What no later query sees is not kept either.
            cached += [tf.where(stays, part, tf.zeros_like(part)) for part in (keys, values)]
        return self.norm(x), (valid, borders, *cached)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        names = ("units", "layers", "heads", "context", "feed_forward", "dropout", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
