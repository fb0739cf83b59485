"""Products of inputs before the tower: a deep-cross network over all parts of an event.

x_{i+1} = x_0 ⊙ (W_i x_i + b_i) + x_i; the tower stands on the last x, as the deep part.
Source: Wang et al. 2021 (DCN V2), equations 1 and 2; Wang et al. 2017 has a vector for W. Ma and
Narayanaswamy, section 2, name it beside plain concatenation.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tensorflow_recommenders as tfrs


class InputCross(tf.keras.layers.Layer):
    """Cross layers, one on top of the other.

    Args:
      layers: how many; n of them make products of up to n + 1 inputs.
      rank: of W_i as U_i V_i, which takes 2 · width · rank weights; 0 for a full matrix.
      seed: of weights.
    """

    def __init__(
        self, layers: int, *, rank: int = 0, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.layers, self.rank, self.seed = layers, rank, seed
        self.crosses = [
            tfrs.layers.dcn.Cross(
                projection_dim=rank or None,
                kernel_initializer=tf.keras.initializers.GlorotUniform(
                    seed=None if seed is None else seed + index
                ),
                dtype=self._dtype_policy,
                name=f"cross_{index}",
            )
            for index in range(layers)
        ]

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """`[..., width]` to the same shape, with the products added."""
        crossed = x
        for cross in self.crosses:
            crossed = cross(x, crossed)
        return crossed

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        own = {"layers": self.layers, "rank": self.rank, "seed": self.seed}
        return {**super().get_config(), **own}
