"""A moving average of the weights: judged and kept, while training goes on with the raw ones.

a ← d a + (1 − d) w after each update t = 0, 1, …, d = min(decay, (1 + t)/(10 + t)), so that early
averages forget the start (Polyak and Juditsky 1992; the rising decay is that of TensorFlow's
`ExponentialMovingAverage`). Keras' optimizers keep the average among their variables, and so do
checkpoints.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf


class AveragingAdamW(tf.keras.optimizers.AdamW):
    """AdamW that also averages the weights.

    Args:
      learning_rate: as in Keras.
      decay: what the average keeps of itself at an update, in [0, 1), once it has warmed up.
      **kwargs: the other arguments of Keras' AdamW.
    """

    def __init__(self, learning_rate: Any = 1e-3, *, decay: float = 0.999, **kwargs: Any) -> None:
        super().__init__(learning_rate, use_ema=True, ema_momentum=decay, **kwargs)

    @property
    def ema_momentum(self) -> tf.Tensor:
        """The decay of the update that is under way, which Keras' update reads."""
        updates = tf.cast(self.iterations, tf.float32)
        return tf.minimum(self._decay, (1.0 + updates) / (10.0 + updates))

    @ema_momentum.setter
    def ema_momentum(self, decay: float) -> None:
        """Sets the decay that the updates' own rise to."""
        self._decay = decay

    def restart_average(self, variables: Sequence[tf.Variable]) -> None:
        """Makes the average of some variables their present values."""
        for variable in variables:
            index = self._index_dict[self._var_key(variable)]
            self._model_variables_moving_average[index].assign(variable)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        config: dict[str, Any] = super().get_config()
        for name in ("use_ema", "ema_momentum"):
            del config[name]
        return {**config, "decay": self._decay}


class WeightAverage:
    """Puts a model's averaged weights in place of the raw ones for a while.

    Args:
      model: compiled with an `AveragingAdamW`, alone or under loss scaling, that is built.
    """

    def __init__(self, model: tf.keras.Model) -> None:
        self.model = model
        self._raw: list[tf.Tensor] | None = None

    def show(self) -> None:
        """Puts the averages in place; does nothing if they are."""
        if self._raw is not None:
            return
        variables = self.model.trainable_variables
        self._raw = [tf.identity(variable) for variable in variables]
        self.model.optimizer.finalize_variable_values(variables)
        # Keras averages what an update leaves before its constraints hold again.
        for variable in variables:
            if variable.constraint is not None:
                variable.assign(variable.constraint(variable))

    def hide(self) -> None:
        """Puts the raw weights back, bit for bit; does nothing if they are there."""
        if self._raw is None:
            return
        for variable, raw in zip(self.model.trainable_variables, self._raw, strict=True):
            variable.assign(raw)
        self._raw = None

    def restart(self) -> None:
        """Lets the average begin anew at the weights that the model has now."""
        optimizer = self.model.optimizer
        inner = getattr(optimizer, "inner_optimizer", optimizer)
        inner.restart_average(self.model.trainable_variables)
