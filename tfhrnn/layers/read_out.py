"""Between tower and decoder: a step on what the tower says and what it has just read."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


class ReadOut(tf.keras.layers.Layer):
    """y + W₂ gelu(W₁ [y ⊕ x]): a residual step, the same at every place.

    A recurrent state lies in (−1, 1) and must serve both as memory and as query; this one gives the
    query a form of its own, and lets the present event speak past the gates. It reads one step
    only, so that what a tower forgets stays forgotten.

    Args:
      units: width of y and of the hidden layer.
      seed: of weights.

    Source: residual blocks, He et al. 2016.
    """

    def __init__(self, units: int, *, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units, self.seed = units, seed
        self.inner, self.outer = (
            tf.keras.layers.Dense(
                units,
                activation=activation,
                kernel_initializer=tf.keras.initializers.GlorotUniform(
                    seed=None if seed is None else seed + index
                ),
                dtype=self._dtype_policy,
                name=name,
            )
            for index, (name, activation) in enumerate((("inner", "gelu"), ("outer", None)))
        )

    def call(self, y: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        """A tower's outputs `[..., units]` and inputs `[..., width]` to `[..., units]`."""
        return y + self.outer(self.inner(tf.concat([y, tf.cast(x, y.dtype)], axis=-1)))

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "units": self.units, "seed": self.seed}
