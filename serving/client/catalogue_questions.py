"""Questions about items and about the model itself, which no user comes into."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

from serving.client.answers import Description, ModelInfo, Page, Similar, answered
from serving.client.columns import Row
from serving.client.question import Question
from serving.client.values import Value, feature_inputs, id_list, item_count, whole_number


@dataclass(frozen=True)
class _Alike(Question[Similar]):
    """How many similar items are wanted."""

    _: KW_ONLY
    k: int = 10

    def answer(self, row: Row) -> Similar:
        """The items, without what fills up the row."""
        count = answered(row["items"])
        return Similar(tuple(row["items"][:count]), tuple(row["similarities"][:count]))


@dataclass(frozen=True)
class SimilarItems(_Alike):
    """Asks for the items most similar to one.

    Args:
      item: its id.
      k: how many, 1 and more.

    Returns:
      A `Similar`.
    """

    signature = "similar_items"
    item: str

    def inputs(self) -> dict[str, Any]:
        """See `Question`."""
        (item,) = id_list("item", [self.item])
        return {"items": item, "k": item_count(self.k)}


@dataclass(frozen=True)
class SimilarByFeatures(_Alike):
    """Asks for the items most similar to one that is known by its features alone.

    Args:
      features: raw item features by name; those left out are unknown.
      k: how many, 1 and more.

    Returns:
      A `Similar`.
    """

    signature = "similar_by_features"
    features: Mapping[str, Value]

    def inputs(self) -> dict[str, Any]:
        """See `Question`."""
        return {**feature_inputs("item_", self.features), "k": item_count(self.k)}


def _description(row: Row, at: int, known: bool) -> Description:
    """One of the items that a row of outputs describes."""
    features = {
        name.removeprefix("item_"): values[at]
        for name, values in row.items()
        if name.startswith("item_")
    }
    return Description(row["items"][at], known, row["titles"][at], row["popularity"][at], features)


@dataclass(frozen=True)
class DescribeItems(Question[tuple[Description, ...]]):
    """Asks what the catalogue says of items.

    Args:
      items: ids.

    Returns:
      A `Description` an item, in their order; unknown ids have one too.
    """

    signature = "describe_items"
    items: Sequence[str]

    def inputs(self) -> dict[str, Any]:
        """See `Question`."""
        return {"items": id_list("items", self.items)}

    def answer(self, row: Row) -> tuple[Description, ...]:
        """A description an item."""
        return tuple(_description(row, at, row["known"][at]) for at in range(len(self.items)))


@dataclass(frozen=True)
class SearchItems(Question[Page]):
    """Asks for the items whose title or id holds every word of a text, in any case.

    The item whose id is the text comes first, then the most popular ones.

    Args:
      text: the words; "" for all items.
      k: how many, 1 and more.
      offset: how many found items to pass over, for further pages.

    Returns:
      A `Page`.
    """

    signature = "search_items"
    text: str
    _: KW_ONLY
    k: int = 10
    offset: int = 0

    def inputs(self) -> dict[str, Any]:
        """See `Question`."""
        if not isinstance(self.text, str):
            raise ValueError(f"text: got {self.text!r}, expected a text")
        if whole_number("offset", self.offset) < 0:
            raise ValueError(f"offset: got {self.offset}, expected 0 or more")
        return {"text": self.text, "k": item_count(self.k), "offset": self.offset}

    def answer(self, row: Row) -> Page:
        """The page, without what fills it up."""
        count = answered(row["items"])
        return Page(tuple(_description(row, at, True) for at in range(count)), row["found"])


@dataclass(frozen=True)
class AboutModel(Question[ModelInfo]):
    """Asks a model what it is.

    Returns:
      A `ModelInfo`.
    """

    signature = "model_info"

    def inputs(self) -> dict[str, Any]:
        """See `Question`."""
        return {}

    def answer(self, row: Row) -> ModelInfo:
        """The card's facts."""
        read: dict[str, Any] = {name: json.loads(row[name]) for name in ("versions", "card")}
        names = ("preset", "protocol_hash", "fingerprint", "catalogue_items", "state_size")
        told: dict[str, Any] = {name: row[name] for name in names}
        return ModelInfo(thresholds=tuple(row["thresholds"]), **told, **read)
