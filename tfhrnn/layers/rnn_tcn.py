"""GRU and temporal convolutional network in one tower, for long histories.

A GRU remembers without a bound, but what it has of an event has passed a gate at every step since;
a TCN reads the last hundred steps or so along paths of a few layers, and nothing before. Their
outputs are added, so each is there from the first update on.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import tensorflow as tf

from tfhrnn.errors import ConfigError
from tfhrnn.layers.control import Control, State
from tfhrnn.layers.rnn import GRUTower
from tfhrnn.layers.tcn import TCNTower

Combine = Literal["stacked", "parallel"]


class RNNTCNTower(tf.keras.layers.Layer):
    """GRU(x) + TCN(z), where `combine` says what the TCN reads.

    - "stacked": z = GRU(x). A tap then reads a summary of all that went before it. States change
      slowly, so what a tap finds depends little on how many events a session happened to have,
      whereas a kernel over events knows them by exact distance. Gradients skip back over the GRU's
      steps, so that its memory has that much less way to go by itself; and what the convolutions
      read lies in (-1, 1). But one state must be memory, output and the TCN's input at once.
    - "parallel": z = x, the events. Neither part waits for the other, far events reach the output
      past no gate at all, and the GRU need not keep what the TCN sees. But beyond its receptive
      field the TCN adds nothing to what the GRU remembers.

    Stacked is the default for its reach, which is what long histories ask for; the sum gives the
    output the GRU's state itself, so that no more than in a GRU has to pass the convolutions.

    Args:
      units: width of both parts and of the outputs.
      layers: GRUs on top of each other, and stacks of the TCN.
      combine: "stacked" or "parallel".
      blocks: residual blocks a stack of the TCN; see `TCNTower`.
      kernel_size: taps of its convolutions.
      dropout: share dropped between GRUs and after convolutions.
      seed: of weights and dropout.

    Raises:
      ConfigError: another `combine`, or what `TCNTower` refuses.

    Source: Ma and Narayanaswamy, Figure 1, which leaves the manner open; Bai et al. 2018.
    """

    flush_steps = 0

    def __init__(
        self,
        units: int,
        *,
        layers: int = 1,
        combine: Combine = "stacked",
        blocks: int = 5,
        kernel_size: int = 3,
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if combine not in get_args(Combine):
            known = " or ".join(map(repr, get_args(Combine)))
            raise ConfigError(f"combine: got {combine!r}, expected {known}")
        self.units, self.layers, self.combine = units, layers, combine
        self.blocks, self.kernel_size = blocks, kernel_size
        self.dropout, self.seed = dropout, seed
        self.gru = GRUTower(
            units,
            layers=layers,
            dropout=dropout,
            seed=seed,
            dtype=self._dtype_policy,
            name="gru",
        )
        self.tcn = TCNTower(
            units,
            layers=layers,
            blocks=blocks,
            kernel_size=kernel_size,
            dropout=dropout,
            seed=None if seed is None else seed + 400,
            dtype=self._dtype_policy,
            name="tcn",
        )

    @property
    def state_size_bytes(self) -> int:
        """Bytes of one user's state."""
        return self.gru.state_size_bytes + self.tcn.state_size_bytes

    def initial_state(self, lanes: int | tf.Tensor) -> State:
        """The GRU's, then the TCN's."""
        return (*self.gru.initial_state(lanes), *self.tcn.initial_state(lanes))

    def call(
        self, x: tf.Tensor, control: Control, state: State, training: bool = False
    ) -> tuple[tf.Tensor, State]:
        """Runs one window of every lane.

        Args:
          x: `[lanes, window, width]` event embeddings.
          control: `reset` `[lanes, window]`; `level` is not read, it reaches both parts through
            `x`.
          state: from the previous window, or `initial_state(lanes)`.
          training: whether dropout draws.

        Returns:
          `[lanes, window, units]` outputs, and the state after the last step.
        """
        of_gru, of_tcn = state[: self.layers], state[self.layers :]
        y, of_gru = self.gru(x, control, tuple(of_gru), training=training)
        z = x if self.combine == "parallel" else y
        convolved, of_tcn = self.tcn(z, control, tuple(of_tcn), training=training)
        return y + convolved, (*of_gru, *of_tcn)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        names = ("units", "layers", "combine", "blocks", "kernel_size", "dropout", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
