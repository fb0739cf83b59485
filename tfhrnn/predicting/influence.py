"""How popularity and freshness change what items are chosen by, and which items explore.

log p + POPULARITY · log((events + 1) / (all events + items)) − FRESHNESS · log(1 + age in days): an
influence of 1 chooses by p times the item's share of events, or divided by its age. A request's
cold items have no events and are of today. Log-probabilities stay as they are.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfhrnn.answer_rules import AnswerRules


class Influence(tf.Module):
    """What is added to scores before answers are chosen.

    Args:
      rules: with the influences and the cut-off.
      counts: `[items]` training events of each item.
      ages: `[items]` days; read where the rules ask for them only.

    Attributes:
      added: `[items]` float32.
      added_to_new: the same of an item in no catalogue.
      explored: `[items]` float32, 1 where an item explores; None where all do.
    """

    def __init__(
        self,
        rules: AnswerRules,
        counts: npt.NDArray[np.int64],
        ages: npt.NDArray[np.float32] | None,
    ) -> None:
        super().__init__(name="influence")
        days = np.zeros(len(counts)) if ages is None else ages.astype(np.float64)
        popularity = rules.ranking_influence.get("POPULARITY", 0.0)
        freshness = rules.ranking_influence.get("FRESHNESS", 0.0)
        whole = math.log(float(counts.sum()) + len(counts))
        found = popularity * (np.log1p(counts) - whole) - freshness * np.log1p(days)
        self.added = tf.constant(found, tf.float32)
        self.added_to_new = -popularity * whole
        cut_off, self.explored = rules.exploration_item_age_cut_off, None
        if cut_off is not None:
            self.explored = tf.constant(days <= cut_off, tf.float32)
