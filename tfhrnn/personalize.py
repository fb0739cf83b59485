"""Amazon Personalize's hyperparameters: what each means there, and which setting it is here.

Wherever settings are given by name, these names are taken too; `own_names` turns them into ours.
Ranges and defaults are those of the recipes' pages in the Amazon Personalize developer guide. They
are told, not enforced: a setting here has a range of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from tfhrnn.errors import ConfigError


class Hyperparameter(NamedTuple):
    """One hyperparameter of Personalize's recipes.

    Attributes:
      meaning: what it is, and in which recipe where it is not in all of them.
      range: of its values in Personalize.
      default: in Personalize.
      setting: our name of it; "" where there is none.
      reason: why there is none.
    """

    meaning: str
    range: str
    default: str
    setting: str = ""
    reason: str = ""

    def line(self) -> str:
        """All of it in one line."""
        here = f"here {self.setting}" if self.setting else f"refused here: {self.reason}"
        return f"{self.meaning}; there {self.range}, default {self.default}; {here}"


_BY_COUNT = "cold items are told by cold_start_max_interactions alone"
_EXPLORES = (
    "exploring is a matter of how an answer is drawn, not of training: --exploration and "
    "--exploration-item-age-cut-off"
)
_LEARNED = "sims learns its table of items after items, it counts no pairs"
_ALL_ITEMS = "every item of the catalogue is trained on and scored"

HYPERPARAMETERS: Final[dict[str, Hyperparameter]] = {
    "hidden_dimension": Hyperparameter(
        "width of the hidden state",
        "32 to 256",
        "43, and 149 in hrnn-coldstart, user-personalization and personalized-ranking",
        "units",
    ),
    "bptt": Hyperparameter(
        "steps of back-propagation through time", "2 to 32", "32", setting="bptt"
    ),
    "recency_mask": Hyperparameter(
        "place more weight on recent events", "true or false", "true", "recency_mask"
    ),
    "min_user_history_length_percentile": Hyperparameter(
        "leave users with shorter histories out of training",
        "0 to 1",
        "0.0, in sims 0.005",
        "min_user_history_length_percentile",
    ),
    "max_user_history_length_percentile": Hyperparameter(
        "leave users with longer histories out of training",
        "0 to 1",
        "0.99, in sims 0.995",
        "max_user_history_length_percentile",
    ),
    "cold_start_max_interactions": Hyperparameter(
        "most events of a cold item (hrnn-coldstart)", "1 or more", "15", "cold_max_events"
    ),
    "cold_start_max_duration": Hyperparameter(
        "most days that a cold item is old (hrnn-coldstart)",
        "a positive number",
        "5.0",
        reason=_BY_COUNT,
    ),
    "cold_start_relative_from": Hyperparameter(
        "where those days count back from (hrnn-coldstart)",
        "currentTime or latestItem",
        "latestItem",
        reason=_BY_COUNT,
    ),
    "exploration_weight": Hyperparameter(
        "how often items with few events or little relevance are shown (user-personalization)",
        "0 to 1",
        "0.3",
        reason=_EXPLORES,
    ),
    "exploration_item_age_cut_off": Hyperparameter(
        "most days of age of an item that is explored (user-personalization)",
        "a positive number",
        "30.0",
        reason=_EXPLORES,
    ),
    "popularity_discount_factor": Hyperparameter(
        "how far correlation outweighs popularity (sims)", "0 to 1", "0.5", reason=_LEARNED
    ),
    "min_cointeraction_count": Hyperparameter(
        "fewest users that two similar items share (sims)", "0 to 10", "3", reason=_LEARNED
    ),
    "min_item_interaction_count_percentile": Hyperparameter(
        "leave items with fewer events out of training (sims)",
        "0 to 1",
        "0.01",
        reason=_ALL_ITEMS,
    ),
    "max_item_interaction_count_percentile": Hyperparameter(
        "leave items with more events out of training (sims)", "0 to 1", "0.9", reason=_ALL_ITEMS
    ),
}


def own_names(settings: Mapping[str, object]) -> dict[str, object]:
    """Settings under our names.

    Args:
      settings: name, ours or Personalize's, to value.

    Returns:
      Our name to value, in the same order; unknown names are left as they are.

    Raises:
      ConfigError: one that is refused, or a setting given under both names.

    >>> own_names({"hidden_dimension": 149, "bptt": 16})
    {'units': 149, 'bptt': 16}
    """
    found: dict[str, object] = {}
    for name, value in settings.items():
        known = HYPERPARAMETERS.get(name)
        if known is not None and not known.setting:
            raise ConfigError(f"{name}: got {value!r}, expected it left out: {known.reason}")
        own = name if known is None else known.setting
        if own in found:
            other = next(key for key in settings if key != name and _own_name(key) == own)
            raise ConfigError(f"{own}: got it as {other} and as {name}, expected one of them")
        found[own] = value
    return found


def _own_name(name: str) -> str:
    return HYPERPARAMETERS[name].setting if name in HYPERPARAMETERS else name
