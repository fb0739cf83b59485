"""Keras' fused GRU and LSTM with dropout on the recurrent kernel (DropConnect).

In training a share of U, the state-to-state weights, is set to 0 and the rest scaled up, drawn once
a call and so the same at each step of a window, for all lanes (Merity et al. 2017, section 2). The
input kernel, with the reset row in it, is never touched.
"""

from __future__ import annotations

import copy
from typing import Any

import tensorflow as tf


class _WeightDropout(tf.keras.layers.Layer):
    """What both layers add to Keras'; goes before it among the bases."""

    def __init__(
        self, units: int, *, weight_dropout: float, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(units, **kwargs)
        self.weight_dropout, self.weight_seed = weight_dropout, seed
        self.kernel_dropout = tf.keras.layers.Dropout(
            weight_dropout, seed=seed, force_generator=True, dtype=self._dtype_policy
        )

    def call(
        self, inputs: tf.Tensor, mask: Any = None, training: Any = None, initial_state: Any = None
    ) -> Any:
        """Runs the layer on what dropout leaves of the recurrent kernel."""
        whole = tf.convert_to_tensor(self.cell.recurrent_kernel)
        # Keras reads the kernel off its cell. Shallow copies of cell and layer take the dropped
        # one; the layer itself, what it tracks, and calls from other threads never see it.
        cell, layer = copy.copy(self.cell), copy.copy(self)
        cell.__dict__["recurrent_kernel"] = self.kernel_dropout(whole, training=training)
        layer.__dict__["cell"] = cell
        return super(_WeightDropout, layer).call(
            inputs, mask=mask, training=training, initial_state=initial_state
        )

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        own = {"weight_dropout": self.weight_dropout, "seed": self.weight_seed}
        return {**super().get_config(), **own}


class WeightDropoutGRU(_WeightDropout, tf.keras.layers.GRU):
    """`tf.keras.layers.GRU` whose recurrent kernel is dropped in part.

    Args:
      units: width of the state.
      weight_dropout: share of the recurrent kernel dropped in training.
      seed: of the draws; `kernel_dropout` holds their generator.
      **kwargs: the other arguments of the Keras layer.
    """


class WeightDropoutLSTM(_WeightDropout, tf.keras.layers.LSTM):
    """`tf.keras.layers.LSTM` whose recurrent kernel is dropped in part.

    Args:
      units: width of the state.
      weight_dropout: share of the recurrent kernel dropped in training.
      seed: of the draws; `kernel_dropout` holds their generator.
      **kwargs: the other arguments of the Keras layer.
    """
