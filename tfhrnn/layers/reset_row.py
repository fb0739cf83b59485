"""The reset as one more input channel: the kernel row that closes gates where the channel is 1.

Keras orders the columns of a recurrent layer's input kernel in blocks of `units`: a GRU's are
update gate, reset gate, candidate; an LSTM's are input gate, forget gate, candidate, output gate.
In both the first two, once shut, cut off the past. So the row is −1e4 there, which a sigmoid takes
to exactly 0 in value and gradient in every dtype, and 0 in the other blocks.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

_CLOSED = -1e4  # closes a gate exactly, and is finite in float16


class ResetRow(tf.keras.constraints.Constraint):
    """Holds the last row of a kernel `[inputs + 1, blocks · units]` at its fixed values.

    Args:
      blocks: 3 for a GRU, 4 for an LSTM; the first two are gates to close.
    """

    def __init__(self, blocks: int) -> None:
        self.blocks = blocks

    def __call__(self, kernel: tf.Tensor) -> tf.Tensor:
        """The kernel with its last row replaced."""
        closed = 2 * (kernel.shape[1] // self.blocks)
        row = tf.concat(
            [
                tf.fill([1, closed], tf.cast(_CLOSED, kernel.dtype)),
                tf.zeros([1, kernel.shape[1] - closed], kernel.dtype),
            ],
            axis=1,
        )
        return tf.concat([kernel[:-1], row], axis=0)

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {"blocks": self.blocks}


class ResetRowInitializer(tf.keras.initializers.Initializer):
    """Glorot uniform, with the reset row in its place.

    Args:
      blocks: as in `ResetRow`.
      seed: of the other rows.
    """

    def __init__(self, blocks: int, seed: int | None = None) -> None:
        self.blocks, self.seed = blocks, seed

    def __call__(self, shape: Any, dtype: Any = None, **kwargs: Any) -> tf.Tensor:
        """A kernel of `shape`."""
        glorot = tf.keras.initializers.GlorotUniform(seed=self.seed)
        return ResetRow(self.blocks)(glorot(shape, dtype=dtype, **kwargs))

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {"blocks": self.blocks, "seed": self.seed}
