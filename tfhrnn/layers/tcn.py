"""Temporal convolutional network: dilated causal convolutions in residual blocks.

A convolution of kernel size K and dilation d reads its input at distances 0, d, ..., (K - 1) d:

    y_k = b + Σ_j m_{k,jd} W_j x_{k-jd},   W = g v / ‖v‖,

where m_{k,s} is 1 if no reset lies in (k - s, k] and something was read s steps ago. A masked tap
is selected away rather than multiplied by 0, so that not even an infinity crosses a reset. What a
window must know of earlier ones are each convolution's last (K - 1) d inputs, and how many steps
were read since the reset.

Sources: Bai, Kolter and Koltun 2018; weight normalisation, Salimans and Kingma 2016.
"""

from __future__ import annotations

from math import sqrt
from typing import Any

import tensorflow as tf

from tfhrnn.errors import ConfigError
from tfhrnn.layers.control import Control, State


def steps_since_reset(reset: tf.Tensor, read: tf.Tensor) -> tf.Tensor:
    """How many steps of the present user were read up to each step, that step included.

    Args:
      reset: `[lanes, window]`, 1 where a user begins.
      read: `[lanes, 1]`, that number at the end of the window before.

    Returns:
      `[lanes, window]` int32.

    >>> steps_since_reset(tf.constant([[0, 0, 1, 0]]), tf.constant([[5.0]])).numpy().tolist()
    [[6, 7, 1, 2]]
    """
    begun = tf.cumsum(tf.cast(tf.cast(reset, tf.bool), tf.int32), axis=1)
    # The count rises at resets alone, so its first place in the row is the last reset's.
    first = tf.searchsorted(begun, begun, side="left")
    earlier = tf.where(begun == 0, tf.cast(read, tf.int32), 0)
    return earlier + tf.range(tf.shape(reset)[1]) - first + 1


class CausalConv(tf.keras.layers.Layer):
    """A dilated causal convolution with weight normalisation that reads nothing across a reset.

    Args:
      units: width of the output.
      kernel_size: taps, the present step among them.
      dilation: steps from one tap to the next.
      gain: Euclidean norm of every output's weights at the start; √2 keeps the mean square of what
        a ReLU lets through.
      seed: of weights.

    Attributes:
      span: steps before the present one that the furthest tap reaches.

    Source: Salimans and Kingma 2016; the start is that of Arpit et al. 2019.
    """

    def __init__(
        self,
        units: int,
        *,
        kernel_size: int,
        dilation: int,
        gain: float = sqrt(2.0),
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units, self.kernel_size, self.dilation = units, kernel_size, dilation
        self.gain, self.seed = gain, seed
        self.span = (kernel_size - 1) * dilation

    def build(self, input_shape: tf.TensorShape) -> None:
        """Adds v `[kernel_size, width, units]`, tap j at distance j · dilation, g and the bias."""
        # Norms are taken in the variables' own precision: squares underflow in float16.
        self.v = self.add_weight(
            "v",
            [self.kernel_size, input_shape[-1], self.units],
            initializer=tf.keras.initializers.HeNormal(seed=self.seed),
            experimental_autocast=False,
        )
        self.g = self.add_weight(
            "g",
            [self.units],
            initializer=tf.keras.initializers.Constant(self.gain),
            experimental_autocast=False,
        )
        self.bias = self.add_weight("bias", [self.units], initializer="zeros")
        super().build(input_shape)

    def kernel(self) -> tf.Tensor:
        """W = g v / ‖v‖, the norm over taps and inputs: `[kernel_size, width, units]`."""
        return self.g * tf.math.l2_normalize(self.v, axis=[0, 1])

    def call(self, x: tf.Tensor, since: tf.Tensor, past: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Runs one window.

        Args:
          x: `[lanes, window, width]`.
          since: `[lanes, window]` of `steps_since_reset`.
          past: `[lanes, span, width]`, the inputs before the window.

        Returns:
          `[lanes, window, units]`, and the inputs before the next window.
        """
        known = tf.concat([tf.cast(past, x.dtype), x], axis=1)  # [lanes, span + window, width]
        taps = [x]
        for distance in range(self.dilation, self.span + 1, self.dilation):
            tap = known[:, self.span - distance : -distance]
            own = (since > distance)[..., tf.newaxis]
            taps.append(tf.where(own, tap, tf.zeros([], x.dtype)))
        kernel = tf.reshape(tf.cast(self.kernel(), x.dtype), [-1, self.units])
        last = known[:, -self.span :]
        last.set_shape([None, self.span, None])
        return tf.tensordot(tf.concat(taps, axis=-1), kernel, axes=1) + self.bias, last

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        names = ("units", "kernel_size", "dilation", "gain", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


class TCNTower(tf.keras.layers.Layer):
    """Stacked residual blocks of two dilated causal convolutions, between two 1×1 projections.

    A block is relu(x + D relu(C₂ D relu(C₁ x))), C being convolutions of one dilation and D
    dropout. A stack has `blocks` of them, with dilations 1, 2, 4, ... An output depends on
    1 + 2 (kernel_size - 1) (2^blocks - 1) · layers steps, its own included: 125 with the defaults.
    One more block doubles that at the price of a fifth more layers; one more stack doubles it at
    twice the price, and with twice the depth at every distance.

    Two things differ from Bai et al. An input that is not `units` wide is first brought to that
    width; theirs projects it for the first block's residual only. So the state's width is known
    before the input's. And a linear map closes the tower, because outputs of a ReLU, none negative,
    are poor queries for a decoder that is tied to the item embeddings.

    At the start every block adds about 1 / (blocks · layers) of what it reads, so that the mean
    square stays near that of the input at any depth.

    Args:
      units: width of blocks, state and outputs.
      layers: stacks on top of each other.
      blocks: residual blocks a stack, each with twice the dilation of the one below.
      kernel_size: taps of every convolution, at least 2.
      dropout: share dropped after every convolution.
      seed: of weights and dropout.

    Raises:
      ConfigError: `layers` or `blocks` below 1, or `kernel_size` below 2.

    Source: Bai, Kolter and Koltun 2018; in HRNNs, Ma and Narayanaswamy, Figure 1.
    """

    flush_steps = 0

    def __init__(
        self,
        units: int,
        *,
        layers: int = 1,
        blocks: int = 5,
        kernel_size: int = 3,
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        for name, value, least in (
            ("layers", layers, 1),
            ("blocks", blocks, 1),
            ("kernel_size", kernel_size, 2),
        ):
            if value < least:
                raise ConfigError(f"{name}: got {value}, expected {least} or more")
        self.units, self.layers, self.blocks = units, layers, blocks
        self.kernel_size, self.dropout, self.seed = kernel_size, dropout, seed
        self.input_projection, self.output_projection = (
            tf.keras.layers.Dense(
                units,
                kernel_initializer=tf.keras.initializers.LecunNormal(self._seed(index)),
                dtype=self._dtype_policy,
                name=name,
            )
            for index, name in enumerate(("input_projection", "output_projection"))
        )
        self.convs = [
            CausalConv(
                units,
                kernel_size=kernel_size,
                dilation=2 ** (index // 2 % blocks),
                gain=sqrt(2.0) / (layers * blocks if index % 2 else 1),
                seed=self._seed(2 + index),
                dtype=self._dtype_policy,
                name=f"conv_{index}",
            )
            for index in range(2 * layers * blocks)
        ]
        self.drops = [
            tf.keras.layers.Dropout(
                dropout,
                seed=self._seed(200 + index),
                force_generator=True,
                dtype=self._dtype_policy,
            )
            for index in range(len(self.convs))
        ]

    def _seed(self, index: int) -> int | None:
        return None if self.seed is None else self.seed + index

    @property
    def receptive_field(self) -> int:
        """Steps that an output depends on, its own included."""
        return 1 + sum(conv.span for conv in self.convs)

    @property
    def state_size_bytes(self) -> int:
        """Bytes of one user's state."""
        steps = self.receptive_field - 1
        return steps * self.units * tf.as_dtype(self.compute_dtype).size + tf.float32.size

    def initial_state(self, lanes: int | tf.Tensor) -> State:
        """Zeros: `[lanes, span, units]` a convolution, and `[lanes, 1]` float32, steps read.

        The latter is float32 whatever the precision, as bfloat16 can't count past 256.
        """
        pasts = (
            tf.zeros([lanes, conv.span, self.units], self.compute_dtype) for conv in self.convs
        )
        return (*pasts, tf.zeros([lanes, 1]))

    def call(
        self, x: tf.Tensor, control: Control, state: State, training: bool = False
    ) -> tuple[tf.Tensor, State]:
        """Runs one window of every lane.

        Args:
          x: `[lanes, window, width]` event embeddings.
          control: `reset` `[lanes, window]`; `level` is not read, it reaches a TCN through `x`.
          state: from the previous window, or `initial_state(lanes)`, of lanes that read nothing.
          training: whether dropout draws.

        Returns:
          `[lanes, window, units]` outputs, and the state after the last step.
        """
        *pasts, read = state
        since = steps_since_reset(control.reset, read)
        if x.shape[-1] != self.units:
            x = self.input_projection(x)
        lasts = []
        for index, (conv, drop, past) in enumerate(zip(self.convs, self.drops, pasts, strict=True)):
            if index % 2 == 0:
                residual = x
            x, last = conv(x, since, past)
            x = drop(tf.nn.relu(x), training=training)
            if index % 2:
                x = tf.nn.relu(residual + x)
            lasts.append(last)
        read = tf.cast(tf.minimum(since[:, -1, tf.newaxis], self.receptive_field), tf.float32)
        return self.output_projection(x), (*lasts, read)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        names = ("units", "layers", "blocks", "kernel_size", "dropout", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
