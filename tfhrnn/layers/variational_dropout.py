"""Dropout whose mask a lane keeps over all steps of a window.

y_k = m ⊙ x_k with one m for the lane, m ~ Bernoulli(1 − rate)/(1 − rate), so that a channel is
absent from a whole stretch of history instead of flickering from step to step (Gal and Ghahramani
2016, section 4; "locked dropout" in Merity et al. 2017). A mask belongs to a lane and a window, not
to a user: it changes where a window ends, and users that meet in one window share it. It is drawn
apart from all data, so resets stay exact.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf


class VariationalDropout(tf.keras.layers.Dropout):
    """`tf.keras.layers.Dropout` of `[lanes, window, width]` with one draw for all steps of a lane.

    Args:
      rate: share of channels dropped in training; the others are scaled by 1/(1 − rate).
      **kwargs: the other arguments of the Keras layer but `noise_shape`.
    """

    def __init__(self, rate: float, **kwargs: Any) -> None:
        super().__init__(rate, noise_shape=(None, 1, None), **kwargs)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        config: dict[str, Any] = super().get_config()
        del config["noise_shape"]
        return config
