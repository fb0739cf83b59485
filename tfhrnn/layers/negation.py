"""Negative feedback as a sign: the item part of what a step reads, turned around."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


class Negation(tf.keras.layers.Layer):
    """−x where the feedback is known and below a threshold, x elsewhere. Nothing is learned.

    An item that was disliked pulls the state the opposite way of one that was liked.

    Args:
      below: the threshold, in the feedback's units; feedback equal to it is not negative.

    Source: Ma and Narayanaswamy, section 2, "negating the RNN inputs for negative feedback".
    """

    def __init__(self, below: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.below = float(below)

    def call(self, vectors: tf.Tensor, feedback: tf.Tensor) -> tf.Tensor:
        """Turns vectors around.

        Args:
          vectors: `[..., width]`.
          feedback: `[...]` float32, NaN where unknown, which is not negative.

        Returns:
          `[..., width]`, in the dtype of `vectors`.
        """
        # A comparison with NaN is false.
        negative = tf.cast(feedback, tf.float32) < self.below
        return tf.where(negative[..., tf.newaxis], -vectors, vectors)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "below": self.below}
