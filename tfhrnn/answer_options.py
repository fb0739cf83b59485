"""What is wanted of an answer: how many items, which ones may come, how much to explore."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from tfhrnn.data.features import FeatureSpec
from tfhrnn.errors import ConfigError, DataError
from tfhrnn.feature_cells import feature_array

ID_COLUMN: Final = "item_id"
_MOST: Final = 2**31 - 1  # of an int32; far beyond any catalogue, and there k is cut

FilterValues: TypeAlias = Mapping[str, str | float | Sequence[str | float]]


@dataclass(frozen=True)
class AnswerOptions:
    """Options of `recommend`, the same for all users asked about.

    Attributes:
      k: how many items, 1 and more.
      exclude_seen: leave out the history's last distinct items.
      allow: the only ids to answer; None for all.
      deny: ids not to answer.
      exploration: what Gumbel noise is multiplied by that is added to log-probabilities before
        items are chosen; 0 for none, 1 for a draw from the model's distribution.
      seed: of that noise.
      cold_items: items in no catalogue: `item_id` and raw features by name, a value an item; a
        missing feature is unknown.
      filter: the name of one of the model's filters; "" for none.
      filter_values: of parameters of filters and promotions, by name: one value or several.
      promotion: the name of one of the model's promotions; "" for none.
      percent_promoted_items: 0 to 100, of the k places for its items.

    Raises:
      ConfigError: an `allow` list without ids, which a server would read as no restriction.
    """

    k: int = 10
    exclude_seen: bool = False
    allow: Sequence[str] | None = None
    deny: Sequence[str] = ()
    exploration: float = 0.0
    seed: int = 0
    cold_items: Mapping[str, Sequence[Any]] | None = None
    filter: str = ""
    filter_values: FilterValues = field(default_factory=dict)
    promotion: str = ""
    percent_promoted_items: int = 0

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ConfigError(f"k: got {self.k}, expected 1 or more")
        for name, ids in (("allow", self.allow), ("deny", self.deny)):
            if isinstance(ids, str):
                raise ConfigError(f"{name}: got {ids!r}, expected a list of ids")
        if self.allow is not None and not any(self.allow):
            raise ConfigError("allow: got no ids, expected one or more, or None for all items")
        if not 0 <= self.percent_promoted_items <= 100:
            got = self.percent_promoted_items
            raise ConfigError(f"percent_promoted_items: got {got}, expected 0 to 100")
        if bool(self.promotion) != bool(self.percent_promoted_items):
            given, lacking = "promotion", "percent_promoted_items"
            if not self.promotion:
                given, lacking = lacking, given
            raise ConfigError(f"{given}: got it without {lacking}, expected both")
        if not 0 <= self.exploration < float("inf"):
            raise ConfigError(f"exploration: got {self.exploration}, expected 0 or more")

    def inputs(
        self,
        size: int,
        item_specs: Sequence[FeatureSpec] | None,
        takes: Container[str] = (),
    ) -> dict[str, npt.NDArray[Any]]:
        """The arrays of a request.

        Args:
          size: users.
          item_specs: features of cold items that the signature asks for; None where it has no cold
            items.
          takes: the inputs of the signature, some of which not every model has.

        Raises:
          ConfigError: cold items for a model without item features, or without ids; a filter,
            promotion or values for a model without.
          DataError: a feature with too few or many values, or no number where one belongs.
        """
        arrays: dict[str, npt.NDArray[Any]] = {
            "k": np.full(size, min(self.k, _MOST), np.int32),
            "exclude_seen": np.full(size, self.exclude_seen),
            "allow": _rows(self.allow or (), size),
            "deny": _rows(self.deny, size),
            "exploration": np.full(size, self.exploration, np.float32),
            "seed": np.full(size, self.seed, np.int64),
        }
        pairs = [f"{name}={value}" for name, value in self.pairs()]
        for name, given, array in (
            ("filter", self.filter, np.full(size, self.filter, object)),
            ("filter_values", pairs, _rows(pairs, size)),
            ("promotion", self.promotion, np.full(size, self.promotion, object)),
            (
                "percent_promoted_items",
                self.percent_promoted_items,
                np.full(size, self.percent_promoted_items, np.int32),
            ),
        ):
            if name in takes:
                arrays[name] = array
            elif given and name == "filter_values":
                got = ", ".join(pairs)
                raise ConfigError(f"{name}: got {got}, but no filter or promotion asks for a value")
            elif given:
                raise ConfigError(f"{name}: got {given!r}, but this model was made without")
        cold = self.cold_items
        if item_specs is None:
            if cold is not None:
                raise ConfigError(
                    "cold_items: got some, but this model reads no item features "
                    "(item_features=false)"
                )
            return arrays
        if cold is not None and ID_COLUMN not in cold:
            raise ConfigError(f"cold_items: got no {ID_COLUMN}, expected a column of ids")
        ids = [] if cold is None else [str(item) for item in cold[ID_COLUMN]]
        # One blank item where there is none: not every client can send an empty tensor.
        arrays["cold_items"] = _rows(ids, size)
        for feature in item_specs:
            values = [None] * max(len(ids), 1)
            if cold is not None and ids:
                values = list(cold.get(feature.name, values))
            if len(values) != max(len(ids), 1):
                found, expected = f"{len(values)} values", f"{len(ids)}, one an item"
                raise DataError("cold items", column=feature.name, found=found, expected=expected)
            row = feature_array(values, feature, "cold items")
            arrays[f"cold_item_{feature.name}"] = np.tile(row, (size, 1))
        return arrays

    def pairs(self) -> Iterator[tuple[str, str | float]]:
        """Names of parameters and their values, one by one."""
        for name, given in self.filter_values.items():
            for value in [given] if isinstance(given, (str, float, int)) else given:
                yield name, value


def _rows(ids: Sequence[str], size: int) -> npt.NDArray[Any]:
    """The same ids for every user, `[size, n]`, "" where there are none."""
    return np.tile(np.array(list(ids) or [""], object), (size, 1))
