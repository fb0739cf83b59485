"""Negatives that a window shares, drawn with replacement from a fixed distribution over items.

Draws go through an alias table: an item k is drawn evenly and kept with probability threshold_k,
else its alias is taken. A draw costs O(1), and an item's probability is right to within 1e-7/items;
a float32 running sum over 100,000 items would give the rarest ones no draws at all.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfhrnn.errors import ConfigError

SAMPLERS = ("log_uniform", "popularity", "uniform")


class Sample(NamedTuple):
    """Items that were drawn.

    Attributes:
      items: `[draws]` int32 columns of the item matrix; one may stand there more than once.
      log_expected: `[draws]` float32, log of how many draws of that item were to be expected.
    """

    items: tf.Tensor
    log_expected: tf.Tensor


def sampling_probabilities(
    name: str, item_counts: npt.NDArray[np.integer], *, alpha: float = 0.75
) -> npt.NDArray[np.float64]:
    """What each item's chance is in one draw.

    Every item has some: where one could never be drawn, no correction could bring it back into the
    sum over items. Counts are therefore taken plus 1.

    Args:
      name: "log_uniform", P(rank r from 0) ∝ log((r + 2) / (r + 1)) with items ranked by count,
        equal counts in catalogue order; "popularity", ∝ (count + 1)^alpha; "uniform".
      item_counts: `[items]` training events of each item.
      alpha: of "popularity"; 0 is uniform, 1 the items' own shares.

    Returns:
      `[items]` float64 that add up to 1.

    Raises:
      ConfigError: there is no such sampler, alpha is negative, or there are no items.

    Source: log-uniform is Zipf's law as TensorFlow's candidate samplers have it; alpha is
    `sample_alpha` of Hidasi and Karatzoglou 2018.

    >>> sampling_probabilities("popularity", np.array([0, 15]), alpha=0.5).tolist()
    [0.2, 0.8]
    """
    counts = np.asarray(item_counts, np.float64)
    if counts.ndim != 1 or not len(counts):
        raise ConfigError(f"item_counts: got shape {counts.shape}, expected one count an item")
    if alpha < 0:
        raise ConfigError(f"alpha: got {alpha!r}, expected 0 or a positive number")
    shares: npt.NDArray[np.float64]
    if name == "uniform":
        shares = np.ones(len(counts))
    elif name == "popularity":
        shares = (counts + 1) ** alpha
    elif name == "log_uniform":
        shares = np.empty(len(counts))
        order = np.argsort(-counts, kind="stable")
        shares[order] = np.log1p(1 / np.arange(1, len(counts) + 1))
    else:
        raise ConfigError(f"no sampler named {name!r}; there are: {', '.join(SAMPLERS)}")
    return shares / shares.sum()


def alias_table(
    probabilities: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int32]]:
    """Thresholds and aliases, `[items]` each, from which one draw costs O(1).

    Source: Walker 1977, built as in Vose 1991.

    >>> threshold, alias = alias_table(np.array([0.25, 0.75]))
    >>> threshold.tolist(), alias.tolist()
    ([0.5, 1.0], [1, 1])
    """
    scaled = (np.asarray(probabilities, np.float64) * len(probabilities)).tolist()
    threshold, alias = np.ones(len(scaled)), np.arange(len(scaled), dtype=np.int32)
    small = [at for at, share in enumerate(scaled) if share < 1]
    large = [at for at, share in enumerate(scaled) if share >= 1]
    while small and large:
        poor, rich = small.pop(), large[-1]
        threshold[poor], alias[poor] = scaled[poor], rich
        scaled[rich] -= 1 - scaled[poor]
        if scaled[rich] < 1:
            small.append(large.pop())
    return threshold, alias


class NegativeSampler(tf.Module):
    """Draws items independently and with replacement.

    Args:
      probabilities: `[items]` that add up to 1, each above 0.
      seed: of the draws. `generator` is an attribute, so a checkpoint of this module keeps where
        the draws stand. Compiled by XLA a seed gives other items than it does elsewhere.
    """

    def __init__(self, probabilities: npt.NDArray[np.float64], *, seed: int = 0) -> None:
        super().__init__()
        threshold, alias = alias_table(probabilities)
        self.num_items = len(threshold)
        self._threshold = tf.constant(threshold, tf.float32)
        self._alias = tf.constant(alias)
        self._log_probability = tf.constant(np.log(probabilities), tf.float32)
        self.generator = tf.random.Generator.from_seed(seed)

    def draw(self, draws: int) -> Sample:
        """That many items; the expected count of item j is `draws` times its probability."""
        column = self.generator.uniform([draws], maxval=self.num_items, dtype=tf.int32)
        kept = self.generator.uniform([draws]) < tf.gather(self._threshold, column)
        items = tf.where(kept, column, tf.gather(self._alias, column))
        return Sample(items, float(np.log(draws)) + tf.gather(self._log_probability, items))
