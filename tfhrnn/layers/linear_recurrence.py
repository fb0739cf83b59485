"""A tower of gated linear recurrences, trained over a whole window at once.

A block reads n = LayerNorm(x) and, elementwise over its channels,

    a = σ(−r),  h_k = a_k · h_{k−1} + √(1 − a_k²) · σ(i_k) · c_k,  y = x + W (gelu(g) · h)

where r, i, c and g are linear in the present n alone: no gate reads h, so the whole window is one
`associative_scan`. The input's scale keeps the variance of h whatever a is (as in RG-LRU, De et al.
2024), and the block is theirs without the convolution. The forget gate is minGRU's (Feng et al.
2024): RG-LRU bounds how fast a long memory may be given up, but an event that ends a session
(its level is in x) must be able to clear every channel. This form also has √(1 − a²) =
√(σ(r) (1 + a)), whose gradient is finite from a = 0 to a = 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfhrnn.layers.control import Control, State
from tfhrnn.layers.scan import associative_scan

# Steps after which channels have forgotten all but 1/e, at first: the shortest and the longest.
_MEMORY = (2.0, 4096.0)


def memory_steps(width: int) -> npt.NDArray[np.floating]:
    """The memories of a new block's channels in steps: evenly spaced in the logarithm.

    >>> memory_steps(12).round().astype(int).tolist()
    [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096]
    """
    return np.geomspace(*_MEMORY, num=width)


def _initial_bias(shape: Any, dtype: Any = None, **kwargs: Any) -> tf.Tensor:
    """Biases `[4, width]`: r such that a = σ(−r) = exp(−1 / memory_steps), and 0 for the others."""
    bias = np.zeros(shape)
    bias[0] = np.log(np.expm1(1 / memory_steps(shape[1])))
    return tf.constant(bias, dtype)


class LinearRecurrence(tf.keras.layers.Layer):
    """One residual block around a gated linear recurrence.

    Args:
      units: width of its input and output.
      expand: channels of the recurrence, as a multiple of `units`.
      dropout: share dropped of what the block adds.
      seed: of weights and dropout.
    """

    def __init__(
        self,
        units: int,
        *,
        expand: int = 1,
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units, self.expand, self.dropout, self.seed = units, expand, dropout, seed
        # Not Keras' 1e-3, which would shrink small inputs.
        self.norm = tf.keras.layers.LayerNormalization(
            epsilon=1e-5, dtype=self._dtype_policy, name="norm"
        )
        self.inner, self.outer = (
            tf.keras.layers.Dense(
                size,
                use_bias=use_bias,
                kernel_initializer=tf.keras.initializers.LecunNormal(
                    None if seed is None else seed + index
                ),
                dtype=self._dtype_policy,
                name=name,
            )
            for index, (name, size, use_bias) in enumerate(
                (("inner", 4 * expand * units, False), ("outer", units, True))
            )
        )
        self.drop = tf.keras.layers.Dropout(
            dropout, seed=seed, force_generator=True, dtype=self._dtype_policy
        )

    def build(self, input_shape: Any) -> None:
        """Makes the biases, which stay in float32: near a = 1 a half's digits are too few."""
        self.bias = self.add_weight(
            name="bias",
            shape=[4, self.expand * self.units],
            dtype=tf.float32,
            initializer=_initial_bias,
            experimental_autocast=False,
        )
        super().build(input_shape)

    def call(
        self, x: tf.Tensor, reset: tf.Tensor, start: tf.Tensor, training: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Runs one window of every lane.

        Args:
          x: `[lanes, window, units]`.
          reset: `[lanes, window]`, true or not 0 where everything earlier is forgotten.
          start: `[lanes, expand · units]` float32, h before the window.
          training: whether dropout draws.

        Returns:
          `[lanes, window, units]`, and `[lanes, expand · units]` float32, h after the last step.
        """
        inner = tf.cast(self.inner(self.norm(x)), tf.float32) + tf.reshape(self.bias, [-1])
        rate, write, candidate, read = tf.split(inner, 4, axis=-1)
        keep = tf.sigmoid(-rate)
        # √σ(r) by its logarithm: a root of σ(r) itself has no gradient where that rounds to 0.
        scale = tf.exp(0.5 * tf.math.log_sigmoid(rate)) * tf.sqrt(1.0 + keep)
        forget = tf.cast(reset, tf.bool)[..., tf.newaxis]
        keep = tf.where(forget, 0.0, keep)
        scale = tf.where(forget, 1.0, scale)
        h = associative_scan(keep, scale * tf.sigmoid(write) * candidate, start)
        step = self.outer(tf.cast(tf.nn.gelu(read) * h, self.compute_dtype))
        return x + self.drop(step, training=training), h[:, -1]

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        own = {
            "units": self.units,
            "expand": self.expand,
            "dropout": self.dropout,
            "seed": self.seed,
        }
        return {**super().get_config(), **own}


class LinearRecurrenceTower(tf.keras.layers.Layer):
    """Stacked linear recurrences that forget exactly at resets.

    At a reset a is set to 0, and the input's scale to the 1 that belongs to it. States, gates and
    sums over steps are float32 in every precision. Windows of any length, down to one step at a
    time, give the outputs of the whole up to rounding: within 1e-5 in float32.

    Gates see the present event alone: to tell an event by what came before it (the first after the
    start, say) takes two layers.

    Args:
      units: width of the blocks and of the outputs.
      layers: blocks on top of each other.
      dropout: share dropped of what each block adds.
      expand: channels of a block's recurrence, as a multiple of `units`.
      seed: of weights and dropout.

    Source: De et al. 2024 (Griffin), section 2; Feng et al. 2024, "Were RNNs all we needed?".
    """

    flush_steps = 0

    def __init__(
        self,
        units: int,
        *,
        layers: int = 1,
        dropout: float = 0.0,
        expand: int = 1,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units, self.layers, self.dropout = units, layers, dropout
        self.expand, self.seed = expand, seed
        self.entry = tf.keras.layers.Dense(
            units,
            kernel_initializer=tf.keras.initializers.LecunNormal(seed),
            dtype=self._dtype_policy,
            name="entry",
        )
        self.blocks = [
            LinearRecurrence(
                units,
                expand=expand,
                dropout=dropout,
                seed=None if seed is None else seed + 100 * (index + 1),
                dtype=self._dtype_policy,
                name=f"block_{index}",
            )
            for index in range(layers)
        ]
        self.norm = tf.keras.layers.LayerNormalization(
            epsilon=1e-5, dtype=self._dtype_policy, name="norm"
        )

    @property
    def state_size_bytes(self) -> int:
        """Bytes of one user's state."""
        return self.layers * self.expand * self.units * tf.float32.size

    def initial_state(self, lanes: int | tf.Tensor) -> State:
        """Zeros, `[lanes, expand · units]` float32 a layer."""
        return tuple(tf.zeros([lanes, self.expand * self.units]) for _ in range(self.layers))

    def call(
        self, x: tf.Tensor, control: Control, state: State, training: bool = False
    ) -> tuple[tf.Tensor, State]:
        """Runs one window of every lane.

        Args:
          x: `[lanes, window, width]` event embeddings.
          control: `reset` `[lanes, window]`; `level` is not read, it reaches the gates through `x`.
          state: from the previous window, or `initial_state(lanes)`.
          training: whether dropout draws.

        Returns:
          `[lanes, window, units]` outputs, and the state after the last step.
        """
        x = self.entry(x)
        states = []
        for block, start in zip(self.blocks, state, strict=True):
            x, last = block(x, control.reset, start, training=training)
            states.append(last)
        return self.norm(x), tuple(states)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        own = {
            "units": self.units,
            "layers": self.layers,
            "dropout": self.dropout,
            "expand": self.expand,
            "seed": self.seed,
        }
        return {**super().get_config(), **own}
