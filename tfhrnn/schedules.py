"""The learning rate of each epoch: half at first, then as the schedule says.

"cosine" falls along a half cosine, "constant" stays, "plateau" is cut by a factor whenever the
watched figure (the validation perplexity, mostly) has not improved for some epochs. All are
functions of the epoch and of the figures before it, which a run's table holds: a schedule has no
state of its own to lose.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from tfhrnn.config import TrainingConfig


def plateaus(watched: Sequence[float], patience: int) -> int:
    """How often in a row of epochs `patience` ones passed without a new best.

    Waiting begins anew after each plateau, and with each epoch better than all before it.

    >>> plateaus([9.0, 8.0, 8.0, 8.5, 9.0, 7.0], patience=2)
    1
    >>> plateaus([9.0, 8.0, 8.0, 8.5, 9.0, 8.1], patience=2)
    2
    """
    best, waited, found = math.inf, 0, 0
    for value in watched:
        waited = 0 if value < best else waited + 1
        best = min(best, value)
        if waited == patience:
            found, waited = found + 1, 0
    return found


def learning_rate(config: TrainingConfig, epoch: int, watched: Sequence[float] = ()) -> float:
    """The rate of an epoch.

    Args:
      config: schedule, rates, epochs.
      epoch: from 0.
      watched: figures of the epochs before it, the lower the better; only "plateau" reads them.

    >>> config = TrainingConfig(epochs=10, learning_rate=1.0, final_learning_rate=0.1)
    >>> [round(learning_rate(config, epoch), 2) for epoch in (0, 1, 5, 9)]
    [0.5, 0.98, 0.55, 0.12]
    """
    if epoch == 0:
        return config.learning_rate / 2
    if config.schedule == "constant":
        return config.learning_rate
    if config.schedule == "plateau":
        cuts = plateaus(watched, config.plateau_patience)
        return config.learning_rate * config.plateau_factor**cuts
    cosine = 0.5 * (1 + math.cos(math.pi * epoch / config.epochs))
    return config.learning_rate * (
        config.final_learning_rate + (1 - config.final_learning_rate) * cosine
    )
