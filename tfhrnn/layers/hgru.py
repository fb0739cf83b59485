"""Hierarchical GRU: one GRU within sessions, another across them, inside the lanes.

With user state u, session states s_l (l = 0 at the bottom) and levels that say what gap follows:

- at a reset, u = 0 and s_l = tanh(b_l);
- each step, s_0 ← GRU_0(x_k, s_0), or GRU_0(x_k ⊕ u, s_0), and s_l ← GRU_l(s_{l−1}, s_l);
- where a session ends, u ← GRU_u(s_top, u), then s_l ← tanh(W_l u + b_l);
- y_k = s_top.

A session ends at k when the gap after event k is long enough, so y_k, from which the next
session's first item is predicted, is already that session's initial state. The level of a start
event tells no gap, and ends none. Source: Quadrana et al. 2017, section 3.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import tensorflow as tf

from tfhrnn.errors import ConfigError
from tfhrnn.layers.control import Control, State
from tfhrnn.layers.variational_dropout import VariationalDropout

Propagation = Literal["init", "all"]


class HGRUCell(tf.keras.layers.Layer):
    """One step of both levels, for `tf.keras.layers.RNN`.

    The state is `[u, s_0, …]`, each `[lanes, units]`. The input is a tuple of `[lanes, width]`
    event embeddings, `[lanes, 1]` flags `reset` and `ends` (0 or 1), and a `[lanes, units]` dropout
    mask for each session GRU but the lowest.

    Args:
      units: width of each state.
      layers: session GRUs on top of each other.
      read_user: whether the user state is also an input of the lowest session GRU.
      seed: of the weights.
    """

    def __init__(
        self,
        units: int,
        *,
        layers: int = 1,
        read_user: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units, self.layers, self.read_user, self.seed = units, layers, read_user, seed
        self.state_size = [units] * (1 + layers)
        self.output_size = units
        self.user = self._gru(layers, "user")
        self.sessions = [self._gru(index, f"session_{index}") for index in range(layers)]
        self.openings = [
            tf.keras.layers.Dense(
                units,
                activation="tanh",
                kernel_initializer=tf.keras.initializers.GlorotUniform(self._seed(300 + index)),
                dtype=self._dtype_policy,
                name=f"opening_{index}",
            )
            for index in range(layers)
        ]

    def _gru(self, index: int, name: str) -> tf.keras.layers.GRUCell:
        return tf.keras.layers.GRUCell(
            self.units,
            kernel_initializer=tf.keras.initializers.GlorotUniform(self._seed(index)),
            recurrent_initializer=tf.keras.initializers.Orthogonal(seed=self._seed(100 + index)),
            dtype=self._dtype_policy,
            name=name,
        )

    def _seed(self, offset: int) -> int | None:
        return None if self.seed is None else self.seed + offset

    def build(self, input_shape: Any) -> None:
        """Creates all weights now: the first call is inside a loop, where none may be created."""
        read = input_shape[0][-1] + (self.units if self.read_user else 0)
        for layer in [self.user, *self.sessions, *self.openings]:
            with tf.name_scope(layer.name):
                layer.build([None, read if layer is self.sessions[0] else self.units])
        super().build(input_shape)

    def call(self, inputs: tuple[tf.Tensor, ...], states: Any) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Reads one event of every lane; returns the top session state, and all states."""
        x, reset_flag, ends_flag, *masks = inputs
        reset, ends = reset_flag > 0, ends_flag > 0
        user = tf.where(reset, tf.zeros_like(states[0]), states[0])
        read = tf.concat([x, user], axis=-1) if self.read_user else x
        sessions: list[tf.Tensor] = []
        for index, gru in enumerate(self.sessions):
            # tanh(W 0 + b): no session of this user has ended yet.
            first = tf.tanh(tf.convert_to_tensor(self.openings[index].bias))
            session = tf.where(reset, first, states[1 + index])
            below = sessions[-1] * masks[index - 1] if index else read
            sessions.append(gru(below, [session])[0])
        user = tf.where(ends, self.user(sessions[-1], [user])[0], user)
        sessions = [
            tf.where(ends, opening(user), session)
            for opening, session in zip(self.openings, sessions, strict=True)
        ]
        return sessions[-1], [user, *sessions]

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        own = {
            "units": self.units,
            "layers": self.layers,
            "read_user": self.read_user,
            "seed": self.seed,
        }
        return {**super().get_config(), **own}


class HGRUTower(tf.keras.layers.Layer):
    """Hierarchical GRU, moving its user state only where a session ends.

    With several layers the user GRU reads the top one, which is what scores, and its state opens
    each of them: were only the lowest opened, y at a session's end would not show the user state.

    Args:
      units: width of each state and of the outputs.
      layers: session GRUs on top of each other; there is one user GRU.
      propagation: "init", the user state only opens sessions, or "all", it is also an input of
        every session step (of the lowest session GRU).
      session_level: lowest level of a gap that ends a session.
      dropout: share dropped between session GRUs.
      variational_dropout: draw what is dropped once a window and lane instead of at each step.
      seed: of weights and dropout.

    Raises:
      ConfigError: another `propagation`.

    Source: Quadrana et al. 2017, "HRNN Init" and "HRNN All"; the HGRU of Ma and Narayanaswamy,
    section 2.
    """

    flush_steps = 0

    def __init__(
        self,
        units: int,
        *,
        layers: int = 1,
        propagation: Propagation = "init",
        session_level: int = 1,
        dropout: float = 0.0,
        variational_dropout: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if propagation not in get_args(Propagation):
            known = " or ".join(map(repr, get_args(Propagation)))
            raise ConfigError(f"propagation: got {propagation!r}, expected {known}")
        self.units, self.layers, self.propagation = units, layers, propagation
        self.session_level, self.dropout, self.seed = session_level, dropout, seed
        self.variational_dropout = variational_dropout
        self.steps = tf.keras.layers.RNN(
            HGRUCell(
                units,
                layers=layers,
                read_user=propagation == "all",
                seed=seed,
                dtype=self._dtype_policy,
                name="cell",
            ),
            return_sequences=True,
            return_state=True,
            dtype=self._dtype_policy,
            name="steps",
        )
        between = VariationalDropout if variational_dropout else tf.keras.layers.Dropout
        self.between = [
            between(
                dropout,
                seed=None if seed is None else seed + 200 + index,
                force_generator=True,
                dtype=self._dtype_policy,
            )
            for index in range(layers - 1)
        ]

    @property
    def state_size_bytes(self) -> int:
        """Bytes of one user's state."""
        return (1 + self.layers) * self.units * tf.as_dtype(self.compute_dtype).size

    def initial_state(self, lanes: int | tf.Tensor) -> State:
        """Zeros, `[lanes, units]` each: the user state, then a session state a layer."""
        return tuple(
            tf.zeros([lanes, self.units], self.compute_dtype) for _ in range(1 + self.layers)
        )

    def call(
        self, x: tf.Tensor, control: Control, state: State, training: bool = False
    ) -> tuple[tf.Tensor, State]:
        """Runs one window of every lane.

        Args:
          x: `[lanes, window, width]` event embeddings.
          control: `reset` and `level`, `[lanes, window]`; a level from `session_level` up ends the
            session at its step, unless that step is a reset.
          state: from the previous window, or `initial_state(lanes)`.
          training: whether dropout draws.

        Returns:
          `[lanes, window, units]` outputs, and the state after the last step.
        """
        reset = tf.cast(control.reset, self.compute_dtype)
        ends = (1 - reset) * tf.cast(control.level >= self.session_level, self.compute_dtype)
        # Drawn for the whole window, before the loop over its steps.
        whole = tf.ones([*tf.unstack(tf.shape(x)[:2]), self.units], self.compute_dtype)
        masks = [dropout(whole, training=training) for dropout in self.between]
        y, *last = self.steps(
            (x, reset[..., tf.newaxis], ends[..., tf.newaxis], *masks),
            initial_state=[tf.cast(part, self.compute_dtype) for part in state],
        )
        return y, tuple(last)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        own = {
            "units": self.units,
            "layers": self.layers,
            "propagation": self.propagation,
            "session_level": self.session_level,
            "dropout": self.dropout,
            "variational_dropout": self.variational_dropout,
            "seed": self.seed,
        }
        return {**super().get_config(), **own}
