"""The training losses by name, and the contract they keep.

`loss(hidden, weights, bias, targets, weight=...) -> (sum, losses)`: how badly each step's targets
score. Of "full_softmax", "sampled_softmax" and "in_batch" the losses are nats, exact or estimated;
those of "bpr_max" and "gbce" are on scales of their own. Judging always takes the full softmax.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfhrnn.errors import ConfigError
from tfhrnn.layers.bpr_max import BPRMax
from tfhrnn.layers.gbce import GBCE
from tfhrnn.layers.in_batch import InBatch
from tfhrnn.layers.losses import Targets, chunked_cross_entropy
from tfhrnn.layers.options import parse_options
from tfhrnn.layers.sampled_softmax import SampledSoftmax

__all__ = ["COMMON", "LOSSES", "Loss", "make_loss"]


class Loss(Protocol):
    """How badly a window's targets score."""

    def __call__(
        self,
        hidden: tf.Tensor,
        weights: tf.Tensor,
        bias: tf.Tensor,
        targets: Targets,
        *,
        weight: tf.Tensor,
        stays: tf.Tensor | None = None,
        seen_bias: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Judges a window.

        Args:
          hidden: `[lanes, window, units]`, any float dtype; scores are float32.
          weights: `[items, units]` and
          bias: `[items]`, from `Decoder.item_matrix`.
          targets: whose scores are to be high.
          weight: `[lanes, window]` float32, what a step counts; no gradient flows to it.
          stays: `[lanes, entries, 3]`, see `seen_mask`; none if left out.
          seen_bias: β, a scalar, `[items]` or `[lanes, window]`; 0 if left out.

        Returns:
          Scalar Σ weight · loss, with gradients to hidden, weights, bias and seen_bias; and the
          `[lanes, window]` float32 losses themselves, without.
        """


def _full_softmax(*, label_smoothing: float = 0.0) -> Loss:
    """The exact softmax over all items, in chunks."""
    if not label_smoothing:
        return chunked_cross_entropy
    return functools.partial(chunked_cross_entropy, label_smoothing=label_smoothing)


LOSSES: dict[str, Callable[..., Loss]] = {
    "full_softmax": _full_softmax,
    "sampled_softmax": SampledSoftmax,
    "in_batch": InBatch,
    "bpr_max": BPRMax,
    "gbce": GBCE,
}


# What losses take from the training's own settings.
COMMON = ("item_counts", "seed", "label_smoothing")


def make_loss(
    name: str, *, item_counts: npt.NDArray[np.integer], seed: int = 0, **options: Any
) -> Loss:
    """A loss by name.

    Those that draw are `tf.Module`s holding a `tf.random.Generator`: make one an attribute of the
    model and its checkpoints keep where the draws stand.

    Args:
      name: one of `LOSSES`.
      item_counts: `[items]` training events of each item, for losses that draw or correct.
      seed: of losses that draw.
      **options: the loss's own, such as `negatives`, `sampler`, `calibration`, `label_smoothing`.

    Raises:
      ConfigError: there is no such loss or option, or an option has a value it cannot take.
    """
    if name not in LOSSES:
        raise ConfigError(f"no loss named {name!r}; there are: {', '.join(LOSSES)}")
    taken = inspect.signature(LOSSES[name]).parameters
    facts = {"item_counts": item_counts, "seed": seed}
    known = [option for option in taken if option not in facts]
    for option in options:
        if option not in known:
            raise ConfigError(
                f"loss {name!r} has no option {option!r}; there are: {', '.join(known) or 'none'}"
            )
    return LOSSES[name](**{fact: facts[fact] for fact in facts if fact in taken}, **options)


def loss_options_of(name: str, text: str) -> dict[str, Any]:
    """A loss's own options from text, such as "negatives=512,sampler=popularity".

    Raises:
      ConfigError: there is no such loss, option or value.
    """
    if name not in LOSSES:
        raise ConfigError(f"no loss named {name!r}; there are: {', '.join(LOSSES)}")
    return parse_options(f"loss {name}", LOSSES[name], text, taken=COMMON)
