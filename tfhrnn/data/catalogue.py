"""The items: their ids, indices, titles and features.

Index 0 is the start event and 1 an unknown item; real items follow from `FIRST_ITEM` on in natural
order of their ids (as integers if every id is one, otherwise as text). Rows of `feature_matrix` and
`frame`, and entries of `ids` and `titles`, count real items only: the item with index i stands in
row i − FIRST_ITEM.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tfhrnn.data.features import FeatureSet

START: Final = 0
UNKNOWN: Final = 1
FIRST_ITEM: Final = 2


@dataclass(frozen=True, eq=False)
class Catalogue:
    """Every item with an event or with a row in the item table.

    Attributes:
      frame: a row an item, with `item_id`, `title` and the raw feature columns, for display.
      features: how raw columns became `feature_matrix`, None without features.
      feature_matrix: float32 `[items, width]`, width 0 without features.
    """

    frame: pl.DataFrame
    features: FeatureSet | None
    feature_matrix: NDArray[np.float32]

    @classmethod
    def from_frame(cls, frame: pl.DataFrame, features: FeatureSet | None = None) -> Catalogue:
        """Builds a catalogue.

        Args:
          frame: a row an item, in catalogue order, with `item_id` and the columns of `features`.
          features: fitted features, if any.

        Returns:
          The catalogue; titles are "" where `frame` has none.
        """
        if "title" not in frame.columns:
            frame = frame.with_columns(pl.lit("").alias("title"))
        matrix = (features or FeatureSet(())).encode(frame, source="items")
        return cls(frame, features, matrix)

    @cached_property
    def ids(self) -> list[str]:
        """Item ids in catalogue order."""
        return self.frame["item_id"].to_list()

    @cached_property
    def titles(self) -> list[str]:
        """Titles in catalogue order, "" where there is none."""
        return self.frame["title"].fill_null("").to_list()

    @property
    def num_items(self) -> int:
        """Real items; the start event and the unknown item don't count."""
        return self.frame.height

    @cached_property
    def _indices(self) -> dict[str, int]:
        return {item: index for index, item in enumerate(self.ids, start=FIRST_ITEM)}

    def index_of(self, item: str) -> int:
        """Returns an item's index, `UNKNOWN` for an id that is not in the catalogue."""
        return self._indices.get(item, UNKNOWN)

    def id_of(self, index: int) -> str:
        """Returns a real item's id.

        Raises:
          IndexError: the index is no real item's, as 0 and 1 are not.
        """
        return self.ids[self._row(index)]

    def title_of(self, index: int) -> str:
        """Returns a real item's title, or its id where it has none; see `id_of`."""
        return self.titles[self._row(index)] or self.id_of(index)

    def _row(self, index: int) -> int:
        if not FIRST_ITEM <= index < FIRST_ITEM + self.num_items:
            end = FIRST_ITEM + self.num_items - 1
            raise IndexError(f"item index: got {index}, expected {FIRST_ITEM} to {end}")
        return index - FIRST_ITEM
