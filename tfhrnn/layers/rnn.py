"""Recurrent towers on Keras' fused cells, with an exact reset inside the input.

The reset is one more input channel. Its kernel row is held at −1e4 for the update and the reset
gate and at 0 for the
candidate: where the channel is 1 both gates are exactly 0, so the new state is the candidate of the
present input alone, h_k = tanh(W x_k + b), and no gradient passes to what came before. No mask, no
loop of our own, in every dtype.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfhrnn.layers.control import Control, State

_CLOSED = -1e4  # closes a gate exactly, and is finite in float16


class ResetRow(tf.keras.constraints.Constraint):
    """Holds the last row of a GRU kernel `[inputs + 1, 3 · units]` at its fixed values."""

    def __call__(self, kernel: tf.Tensor) -> tf.Tensor:
        """The kernel with its last row replaced."""
        units = kernel.shape[1] // 3
        row = tf.concat(
            [
                tf.fill([1, 2 * units], tf.cast(_CLOSED, kernel.dtype)),
                tf.zeros([1, units], kernel.dtype),
            ],
            axis=1,
        )
        return tf.concat([kernel[:-1], row], axis=0)


class ResetRowInitializer(tf.keras.initializers.Initializer):
    """Glorot uniform, with the reset row in its place."""

    def __init__(self, seed: int | None = None) -> None:
        self.seed = seed

    def __call__(self, shape: Any, dtype: Any = None, **kwargs: Any) -> tf.Tensor:
        """A kernel of `shape`."""
        glorot = tf.keras.initializers.GlorotUniform(seed=self.seed)
        return ResetRow()(glorot(shape, dtype=dtype, **kwargs))

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {"seed": self.seed}


class GRUTower(tf.keras.layers.Layer):
    """Stacked GRUs that forget exactly at resets.

    Args:
      units: width of the state and of the outputs.
      layers: GRUs on top of each other; each reads the one below and the reset.
      dropout: share dropped between layers (never of the reset channel).
      seed: of weights and dropout.

    Source: Cho et al. 2014; Ma and Narayanaswamy, section 2.
    """

    flush_steps = 0

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
        self.cells = [
            tf.keras.layers.GRU(
                units,
                return_sequences=True,
                return_state=True,
                kernel_initializer=ResetRowInitializer(None if seed is None else seed + index),
                kernel_constraint=ResetRow(),
                recurrent_initializer=tf.keras.initializers.Orthogonal(
                    seed=None if seed is None else seed + 100 + index
                ),
                dtype=self._dtype_policy,
                name=f"gru_{index}",
            )
            for index in range(layers)
        ]
        self.between = [
            tf.keras.layers.Dropout(
                dropout,
                seed=None if seed is None else seed + 200 + index,
                force_generator=True,
                dtype=self._dtype_policy,
            )
            for index in range(layers - 1)
        ]

    @property
    def state_size_bytes(self) -> int:
        """Bytes of one user's state."""
        return self.layers * self.units * tf.as_dtype(self.compute_dtype).size

    def initial_state(self, lanes: int | tf.Tensor) -> State:
        """Zeros, `[lanes, units]` a layer."""
        return tuple(tf.zeros([lanes, self.units], self.compute_dtype) for _ in range(self.layers))

    def call(
        self, x: tf.Tensor, control: Control, state: State, training: bool = False
    ) -> tuple[tf.Tensor, State]:
        """Runs one window of every lane.

        Args:
          x: `[lanes, window, width]` event embeddings.
          control: `reset` `[lanes, window]`; `level` is not read, it reaches a GRU through `x`.
          state: from the previous window, or `initial_state(lanes)`.
          training: whether dropout draws.

        Returns:
          `[lanes, window, units]` outputs, and the state after the last step.
        """
        reset = tf.cast(control.reset, self.compute_dtype)[..., tf.newaxis]
        states = []
        for index, cell in enumerate(self.cells):
            if index:
                x = self.between[index - 1](x, training=training)
            x, last = cell(
                tf.concat([x, reset], axis=-1),
                initial_state=tf.cast(state[index], self.compute_dtype),
            )
            states.append(last)
        return x, tuple(states)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        own = {
            "units": self.units,
            "layers": self.layers,
            "dropout": self.dropout,
            "seed": self.seed,
        }
        return {**super().get_config(), **own}
