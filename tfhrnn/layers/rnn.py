"""Recurrent towers on Keras' fused layers, with an exact reset inside the input.

The reset is one more input channel, whose kernel row (`reset_row`) shuts the gates that let the
past through. No mask, no loop of our own, in every dtype.

- A GRU's new state is then the candidate of the present input alone, h_k = tanh(W x_k + b).
- An LSTM shuts its input gate too, or c_k would not be 0 exactly: that step forgets and reads
  nothing, h_k = c_k = 0, so the reset stands in a flush step of its own before the start event.
"""

from __future__ import annotations

from typing import Any, ClassVar

import tensorflow as tf

from tfhrnn.layers.control import Control, State
from tfhrnn.layers.reset_row import ResetRow, ResetRowInitializer
from tfhrnn.layers.variational_dropout import VariationalDropout
from tfhrnn.layers.weight_dropout import WeightDropoutGRU, WeightDropoutLSTM


class _RecurrentTower(tf.keras.layers.Layer):
    """What GRU and LSTM towers share: everything but the layer itself."""

    flush_steps: ClassVar[int]
    blocks: ClassVar[int]  # of columns in a kernel
    parts: ClassVar[int]  # tensors in a layer's state

    def __init__(
        self,
        units: int,
        *,
        layers: int = 1,
        dropout: float = 0.0,
        weight_dropout: float = 0.0,
        variational_dropout: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units, self.layers, self.dropout, self.seed = units, layers, dropout, seed
        self.weight_dropout, self.variational_dropout = weight_dropout, variational_dropout
        self.cells = [
            self._recurrent_layer(
                index,
                units=units,
                return_sequences=True,
                return_state=True,
                kernel_initializer=ResetRowInitializer(self.blocks, self._seed(index)),
                kernel_constraint=ResetRow(self.blocks),
                recurrent_initializer=tf.keras.initializers.Orthogonal(
                    seed=self._seed(100 + index)
                ),
                dtype=self._dtype_policy,
            )
            for index in range(layers)
        ]
        between = VariationalDropout if variational_dropout else tf.keras.layers.Dropout
        self.between = [
            between(
                dropout,
                seed=self._seed(200 + index),
                force_generator=True,
                dtype=self._dtype_policy,
            )
            for index in range(layers - 1)
        ]

    def _recurrent_layer(self, index: int, **options: Any) -> Any:
        raise NotImplementedError

    def _seed(self, offset: int) -> int | None:
        return None if self.seed is None else self.seed + offset

    @property
    def state_size_bytes(self) -> int:
        """Bytes of one user's state."""
        return self.layers * self.parts * self.units * tf.as_dtype(self.compute_dtype).size

    def initial_state(self, lanes: int | tf.Tensor) -> State:
        """Zeros, `[lanes, units]` each: one a GRU, hidden and cell state an LSTM."""
        return tuple(
            tf.zeros([lanes, self.units], self.compute_dtype)
            for _ in range(self.layers * self.parts)
        )

    def call(
        self, x: tf.Tensor, control: Control, state: State, training: bool = False
    ) -> tuple[tf.Tensor, State]:
        """Runs one window of every lane.

        Args:
          x: `[lanes, window, width]` event embeddings.
          control: `reset` `[lanes, window]`; `level` is not read, it reaches the layers through
            `x`.
          state: from the previous window, or `initial_state(lanes)`.
          training: whether dropout draws.

        Returns:
          `[lanes, window, units]` outputs, and the state after the last step.
        """
        reset = tf.cast(control.reset, self.compute_dtype)[..., tf.newaxis]
        states: list[tf.Tensor] = []
        for index, layer in enumerate(self.cells):
            if index:
                x = self.between[index - 1](x, training=training)
            own = state[index * self.parts : (index + 1) * self.parts]
            x, *last = layer(
                tf.concat([x, reset], axis=-1),
                initial_state=[tf.cast(part, self.compute_dtype) for part in own],
                training=training,
            )
            states += last
        return x, tuple(states)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        own = {
            "units": self.units,
            "layers": self.layers,
            "dropout": self.dropout,
            "weight_dropout": self.weight_dropout,
            "variational_dropout": self.variational_dropout,
            "seed": self.seed,
        }
        return {**super().get_config(), **own}


class GRUTower(_RecurrentTower):
    """Stacked GRUs that forget exactly at resets.

    Args:
      units: width of the state and of the outputs.
      layers: GRUs on top of each other; each reads the one below and the reset.
      dropout: share dropped between layers (never of the reset channel).
      weight_dropout: share of each recurrent kernel dropped, drawn once a window.
      variational_dropout: draw what is dropped between layers once a window and lane.
      seed: of weights and dropout.

    Source: Cho et al. 2014; Ma and Narayanaswamy, section 2.
    """

    flush_steps = 0
    blocks = 3
    parts = 1

    def _recurrent_layer(self, index: int, **options: Any) -> Any:
        options["name"] = f"gru_{index}"
        if not self.weight_dropout:
            return tf.keras.layers.GRU(**options)
        return WeightDropoutGRU(
            weight_dropout=self.weight_dropout, seed=self._seed(300 + index), **options
        )


class LSTMTower(_RecurrentTower):
    """Stacked LSTMs that forget exactly in a flush step.

    A step with `reset` sets both states to 0 and ignores its own input, so a user's first event
    comes in the step after it: windows add that step (`flush_steps`), with weight 0. A lane that
    starts from `initial_state` needs none.

    Args:
      units: width of the states and of the outputs.
      layers: LSTMs on top of each other; each reads the one below and the reset.
      dropout: share dropped between layers (never of the reset channel).
      weight_dropout: share of each recurrent kernel dropped, drawn once a window.
      variational_dropout: draw what is dropped between layers once a window and lane.
      seed: of weights and dropout.

    Source: Hochreiter and Schmidhuber 1997; Gers et al. 2000; Merity et al. 2017 for
    `weight_dropout`.
    """

    flush_steps = 1
    blocks = 4
    parts = 2

    def _recurrent_layer(self, index: int, **options: Any) -> Any:
        options["name"] = f"lstm_{index}"
        if not self.weight_dropout:
            return tf.keras.layers.LSTM(**options)
        return WeightDropoutLSTM(
            weight_dropout=self.weight_dropout, seed=self._seed(300 + index), **options
        )
