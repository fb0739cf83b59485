"""A tower without memory: each output is read off the present event alone.

With one layer it is linear, y_k = W x_k + b, so that with untied item embeddings the score of item
j after item i is v_i W w_j + c_j: a first-order Markov chain whose table of items × items is
factorised (Rendle et al. 2010, the item-to-item part of FPMC). Nothing is carried, so the four laws
hold of themselves.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfhrnn.layers.control import Control, State


class LastItemTower(tf.keras.layers.Layer):
    """A map of each event by itself: next items depend on the last one only.

    Args:
      units: width of the outputs.
      layers: 1 is linear; each further one puts a tanh layer in front.
      dropout: share dropped between layers.
      seed: of weights and dropout.

    Source: Rendle, Freudenthaler and Schmidt-Thieme 2010, section 4 (the item part of FPMC).
    """

    flush_steps = 0
    state_size_bytes = 0

    def __init__(
        self,
        units: int,
        *,
        layers: int = 1,
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units, self.layers, self.dropout, self.seed = units, layers, dropout, seed
        self.maps = [
            tf.keras.layers.Dense(
                units,
                activation=None if index == layers - 1 else "tanh",
                kernel_initializer=tf.keras.initializers.GlorotUniform(
                    seed=None if seed is None else seed + index
                ),
                dtype=self._dtype_policy,
            )
            for index in range(layers)
        ]
        # Only where it is used: a layer that is never called has no generator to checkpoint.
        self.between = (
            tf.keras.layers.Dropout(
                dropout, seed=seed, force_generator=True, dtype=self._dtype_policy
            )
            if layers > 1
            else None
        )

    def initial_state(self, lanes: int | tf.Tensor) -> State:
        """Nothing."""
        return ()

    def call(
        self, x: tf.Tensor, control: Control, state: State, training: bool = False
    ) -> tuple[tf.Tensor, State]:
        """Maps every step of a window.

        Args:
          x: `[lanes, window, width]` event embeddings.
          control: not read: what a step says of itself is in `x`, and nothing else is kept.
          state: empty.
          training: whether dropout draws.

        Returns:
          `[lanes, window, units]` outputs, and the empty state.
        """
        for index, layer in enumerate(self.maps):
            if index and self.between is not None:
                x = self.between(x, training=training)
            x = layer(x)
        return x, ()

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        own = {
            "units": self.units,
            "layers": self.layers,
            "dropout": self.dropout,
            "seed": self.seed,
        }
        return {**super().get_config(), **own}
