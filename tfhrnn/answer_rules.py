"""What a model's answers keep to, decided once for all requests: filters, influence, exploration.

They are part of the graph, under the names of Amazon Personalize's campaign and batch settings, so
that an export, `recommend` and `recommend-all` with the same rules answer alike.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from tfhrnn.errors import ConfigError

FACTORS: Final = ("POPULARITY", "FRESHNESS")
FILTER: Final = "filter"  # what a filter without a name is called
PROMOTION: Final = "promotion"  # likewise


@dataclass(frozen=True)
class AnswerRules:
    """Rules of a predictor.

    Attributes:
      filters: expressions by name, of which a request may name one: `tfhrnn.filter_grammar`.
      ranking_influence: 0 to 1 of POPULARITY and FRESHNESS (Personalize's `rankingInfluence`).
        Items are chosen by log p + POPULARITY · log((events + 1) / (all events + items)) −
        FRESHNESS · log(1 + age in days).
      promotions: expressions by name, of which a request may name one to give its items a share of
        the places.
      exploration_item_age_cut_off: most days of age of an item that explores; None for all items.

    Raises:
      ConfigError: a factor that there is not, or a number that it can't be.
    """

    filters: Mapping[str, str] = field(default_factory=dict)
    ranking_influence: Mapping[str, float] = field(default_factory=dict)
    exploration_item_age_cut_off: float | None = None
    promotions: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, value in self.ranking_influence.items():
            if name not in FACTORS:
                raise ConfigError(f"ranking_influence: got {name}, expected POPULARITY, FRESHNESS")
            if not 0 <= value <= 1:
                raise ConfigError(f"ranking_influence: got {name}={value}, expected 0 to 1")
        cut_off = self.exploration_item_age_cut_off
        if cut_off is not None and not 0 < cut_off < math.inf:
            raise ConfigError(
                f"exploration_item_age_cut_off: got {cut_off}, expected days, more than 0"
            )

    @classmethod
    def of_question(
        cls,
        filter: str | None,
        promotion: str | None,
        ranking_influence: Mapping[str, float] | None,
        exploration_item_age_cut_off: float | None,
    ) -> AnswerRules:
        """Rules of a single question, whose filter and promotion have no names of their own."""
        return cls(
            {} if filter is None else {FILTER: filter},
            ranking_influence or {},
            exploration_item_age_cut_off,
            {} if promotion is None else {PROMOTION: promotion},
        )

    @property
    def reads_ages(self) -> bool:
        """Whether they ask how old items are."""
        fresh = self.ranking_influence.get("FRESHNESS", 0.0)
        return fresh != 0 or self.exploration_item_age_cut_off is not None

    @property
    def told(self) -> dict[str, object]:
        """What is set, in plain values."""
        found = {
            "filters": dict(self.filters),
            "promotions": dict(self.promotions),
            "ranking_influence": dict(self.ranking_influence),
            "exploration_item_age_cut_off": self.exploration_item_age_cut_off,
        }
        return {name: value for name, value in found.items() if value}
