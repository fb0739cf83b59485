"""What comes back: a record an answer, of one user or item."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from serving.client.values import Value


def answered(items: Sequence[str]) -> int:
    """How many items are answered before "" fills up.

    >>> answered(["a", "b", "", ""])
    2
    """
    return sum(item != "" for item in items)


@dataclass(frozen=True)
class Recommendation:
    """The best items, best first; fewer than k where fewer were left to choose from.

    Attributes:
      items: ids.
      log_probabilities: of each, over the whole catalogue and the cold items asked about.
      cold: whether each is one of those cold items.
      promoted: whether each is of the promotion that was asked for; none of a model without.
    """

    items: tuple[str, ...]
    log_probabilities: tuple[float, ...]
    cold: tuple[bool, ...]
    promoted: tuple[bool, ...] = ()


@dataclass(frozen=True)
class Ranking:
    """What the model says of given items, in the order in which they were given.

    Attributes:
      items: ids, as given.
      log_probabilities: of each, over the whole catalogue; −inf for an unknown id.
      feedback: expected of the user for each, NaN for an unknown id; None where the model has no
        ranking head.
    """

    items: tuple[str, ...]
    log_probabilities: tuple[float, ...]
    feedback: tuple[float, ...] | None

    def best_first(self) -> "Ranking":
        """The same, sorted by feedback, or by log-probability without a ranking head.

        >>> Ranking(("a", "b"), (-2.0, -1.0), None).best_first().items
        ('b', 'a')
        """
        keys = self.log_probabilities if self.feedback is None else self.feedback
        # Unknown ids, −inf or NaN, come last; equal ones keep their order.
        order = sorted(
            range(len(keys)), key=lambda i: math.inf if math.isnan(keys[i]) else -keys[i]
        )
        return Ranking(
            tuple(self.items[i] for i in order),
            tuple(self.log_probabilities[i] for i in order),
            None if self.feedback is None else tuple(self.feedback[i] for i in order),
        )


@dataclass(frozen=True)
class Similar:
    """The items most similar to one, most similar first.

    Attributes:
      items: ids; none for an unknown item.
      similarities: cosines, from −1 to 1.
    """

    items: tuple[str, ...]
    similarities: tuple[float, ...]


@dataclass(frozen=True)
class Description:
    """What the catalogue says of an item.

    Attributes:
      item: its id.
      known: whether the catalogue has it.
      title: its title; the id, where it has none or is unknown.
      popularity: its share of the training events, 0 for one that nobody met.
      features: raw features by name; "" or NaN where they are unknown.
    """

    item: str
    known: bool
    title: str
    popularity: float
    features: Mapping[str, Value]


@dataclass(frozen=True)
class Page:
    """Some of the items that a text finds.

    Attributes:
      items: those of the page.
      found: how many there are on all pages.
    """

    items: tuple[Description, ...]
    found: int


@dataclass(frozen=True)
class ModelInfo:
    """What a model says of itself.

    Attributes:
      preset: that it was trained with.
      protocol_hash: of the protocol under which it was judged.
      fingerprint: of the model; a state of another one is refused.
      catalogue_items: how many items it knows.
      state_size: bytes of a user's state.
      thresholds: between levels of gaps, seconds.
      versions: of the libraries that it was written with.
      card: the whole model card.
    """

    preset: str
    protocol_hash: str
    fingerprint: str
    catalogue_items: int
    state_size: int
    thresholds: tuple[int, ...]
    versions: Mapping[str, str]
    card: Mapping[str, Any]
