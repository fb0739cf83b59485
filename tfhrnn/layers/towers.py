"""The towers by name, and the contract they keep.

`tower(x, control, state) -> (y, state)` under four laws: outputs from a reset on depend on nothing
before it; any split into windows gives the outputs of the whole; users packed into a lane get what
each gets alone; the first output depends on the first input.
"""

from __future__ import annotations

import inspect
from typing import Any, Protocol

import tensorflow as tf

from tfhrnn.errors import ConfigError
from tfhrnn.layers.control import Control, State
from tfhrnn.layers.hgru import HGRUTower
from tfhrnn.layers.item_to_item import LastItemTower
from tfhrnn.layers.linear_recurrence import LinearRecurrenceTower
from tfhrnn.layers.options import parse_options
from tfhrnn.layers.rnn import GRUTower, LSTMTower
from tfhrnn.layers.rnn_tcn import RNNTCNTower
from tfhrnn.layers.tcn import TCNTower
from tfhrnn.layers.transformer import TransformerTower

__all__ = ["COMMON", "TOWERS", "Control", "State", "Tower", "tower"]


class Tower(Protocol):
    """A sequence model over lanes of users."""

    units: int
    flush_steps: int

    @property
    def state_size_bytes(self) -> int:
        """Bytes of one user's state."""

    def initial_state(self, lanes: int | tf.Tensor) -> State:
        """The state of lanes that have read nothing."""

    def __call__(
        self, x: tf.Tensor, control: Control, state: State, *, training: bool = False
    ) -> tuple[tf.Tensor, State]:
        """From `[lanes, window, width]` to `[lanes, window, units]` and the last step's state."""


TOWERS: dict[str, Any] = {
    "gru": GRUTower,
    "hgru": HGRUTower,
    "last_item": LastItemTower,
    "linear_recurrence": LinearRecurrenceTower,
    "lstm": LSTMTower,
    "rnn_tcn": RNNTCNTower,
    "tcn": TCNTower,
    "transformer": TransformerTower,
}

# What every tower takes from the model's own settings. Its `dropout` may be stated: inside a deep
# tower, the share that suits its outputs drops too much.
COMMON = ("units", "layers", "variational_dropout", "seed")


def tower(name: str, *, units: int, variational_dropout: bool = False, **options: Any) -> Any:
    """A tower by name.

    Args:
      name: one of `TOWERS`.
      units: width of its outputs.
      variational_dropout: draw dropout between layers once a window and lane, in the towers that
        have it; the others draw it at each step.
      **options: the tower's own, such as `layers`, `dropout`, `seed`.

    Raises:
      ConfigError: there is no such tower.
    """
    if name not in TOWERS:
        raise ConfigError(f"no tower named {name!r}; there are: {', '.join(TOWERS)}")
    if variational_dropout and "variational_dropout" in inspect.signature(TOWERS[name]).parameters:
        options["variational_dropout"] = True
    return TOWERS[name](units=units, **options)


def tower_options(name: str, text: str) -> dict[str, Any]:
    """A tower's own options from text, such as "context=128,heads=4".

    Raises:
      ConfigError: there is no such tower, option or value.
    """
    if name not in TOWERS:
        raise ConfigError(f"no tower named {name!r}; there are: {', '.join(TOWERS)}")
    return parse_options(f"tower {name}", TOWERS[name], text, taken=COMMON)
