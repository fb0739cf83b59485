"""What a tower is told beside its input: where users begin, and the level of the next gap."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

# A tower's state: tensors with the lanes first, handed in and handed back.
State = tuple[tf.Tensor, ...]


class Control(NamedTuple):
    """Control signals of a window.

    Attributes:
      reset: `[lanes, window]`, 1 where a user begins and everything earlier is forgotten.
      level: `[lanes, window]` int32, level of the gap to the next event.
    """

    reset: tf.Tensor
    level: tf.Tensor
