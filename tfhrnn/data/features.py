"""Turns columns of an item or user table into numbers.

In goes a column and its kind; out goes a fixed block of float32 columns. *multi-hot*: one column a
value, the row scaled to length 1, all zeros where there is none. *categorical*: one column a value
and a last one for any other or a missing one. *numeric*: the standardised number, 0 where missing,
and a column that is 1 where missing. *text*: a fixed number of buckets that its words are hashed
into (`words`), the row scaled to length 1, all zeros where there is no word.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Final, Literal, NamedTuple, get_args

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tfhrnn.data.cells import Problems, check_finite, row_numbers
from tfhrnn.data.words import word_buckets, words_of
from tfhrnn.errors import ConfigError

FeatureKind = Literal["multi-hot", "categorical", "numeric", "text"]

MAX_VALUES: Final = 255  # of one feature; rarer values count as unknown
# Of a text feature. ml-100k's titles hold 2,389 words, of which 303 come three times or more.
BUCKETS: Final = 512


class FeatureColumn(NamedTuple):
    """A column to use as a feature, as the caller asked for it.

    Attributes:
      name: the column.
      kind: "multi-hot", "categorical", "numeric" or "text".
      separator: between the values of a multi-hot cell.
      buckets: that a text's words are hashed into.
    """

    name: str
    kind: FeatureKind
    separator: str = "|"
    buckets: int = BUCKETS


def parse_feature(text: str, *, separator: str = "|") -> FeatureColumn:
    """Reads a feature as it is written on the command line.

    Args:
      text: "name:kind", or "name:text:buckets"; the name may hold colons itself.
      separator: between the values of a multi-hot cell.

    Returns:
      The column and its kind.

    Raises:
      ConfigError: no kind, no name, a kind that doesn't exist, or fewer than two buckets.

    >>> parse_feature("title:text:1024")
    FeatureColumn(name='title', kind='text', separator='|', buckets=1024)
    """
    stated, _, number = text.rpartition(":")
    buckets = BUCKETS
    if stated.endswith(":text") and number.isdecimal():
        text, buckets = stated, int(number)
        if not 2 <= buckets <= 2**20:
            raise ConfigError(f"feature: got {stated}:{number}, expected 2 to 1,048,576 buckets")
    name, _, kind = text.rpartition(":")
    if not name or kind not in get_args(FeatureKind):
        kinds = ", ".join(get_args(FeatureKind))
        raise ConfigError(f"feature: got {text!r}, expected NAME:KIND with one of {kinds}")
    if not separator:
        raise ConfigError("feature: got an empty separator, expected one or more characters")
    return FeatureColumn(name, kind, separator, buckets)  # type: ignore[arg-type]  # checked above


@dataclass(frozen=True)
class FeatureSpec:
    """One fitted feature.

    Attributes:
      name: the column.
      kind: how it becomes numbers.
      vocabulary: the values with a column of their own, in natural order; empty for numbers and
        texts.
      mean: of the numbers that were there.
      std: of the same, 1 where all are equal.
      separator: between the values of a multi-hot cell.
      cut: values that were left out because they are rarer than `MAX_VALUES` others.
      buckets: that a text's words are hashed into, 0 for any other kind.
    """

    name: str
    kind: FeatureKind
    vocabulary: tuple[str, ...] = ()
    mean: float = 0.0
    std: float = 1.0
    separator: str = "|"
    cut: int = 0
    buckets: int = 0

    @property
    def width(self) -> int:
        """Columns this feature takes."""
        if self.kind == "numeric":
            return 2
        if self.kind == "text":
            return self.buckets
        return len(self.vocabulary) + (self.kind == "categorical")

    @classmethod
    def fit(
        cls,
        column: FeatureColumn,
        values: pl.Series,
        *,
        max_values: int = MAX_VALUES,
        source: str = "table",
    ) -> FeatureSpec:
        """Reads vocabulary or scale off a column.

        Args:
          column: the feature asked for.
          values: its cells, `[rows]`.
          max_values: how many values get a column; the most common ones, ties in natural order.
          source: the file, for messages.

        Returns:
          The fitted feature.

        Raises:
          DataError: a cell of a numeric feature that is no finite number.
        """
        if column.kind == "numeric":
            numbers = _finite(column.name, values, source).drop_nans().drop_nulls()
            mean = float(numbers.mean() or 0.0)  # type: ignore[arg-type]  # floats only
            deviation = float(np.std(numbers.to_numpy())) if len(numbers) else 0.0
            return cls(column.name, "numeric", mean=mean, std=deviation or 1.0)
        if column.kind == "text":  # nothing to fit: any word has its bucket
            return cls(column.name, "text", buckets=column.buckets)
        split = _split(values, column.kind, column.separator)["value"]
        counts = split.alias("value").value_counts(name="count")
        ordered = natural_order(counts["value"].to_list())
        common = counts[ordered].sort("count", descending=True, maintain_order=True)["value"]
        kept = common.head(max_values).to_list()
        vocabulary = tuple(kept[at] for at in natural_order(kept))
        return cls(
            column.name,
            column.kind,
            vocabulary,
            separator=column.separator,
            cut=len(common) - len(kept),
        )

    def encode(self, values: pl.Series, *, source: str = "table") -> NDArray[np.float32]:
        """Turns cells into numbers.

        Args:
          values: `[rows]`.
          source: the file, for messages.

        Returns:
          float32 `[rows, width]`.

        Raises:
          DataError: a cell of a numeric feature that is no finite number.
        """
        encoded = np.zeros((len(values), self.width), np.float32)
        if self.kind == "numeric":
            numbers = _finite(self.name, values, source).fill_null(float("nan")).to_numpy()
            missing = np.isnan(numbers)
            encoded[:, 0] = np.where(missing, 0.0, (numbers - self.mean) / self.std)
            encoded[:, 1] = missing
            return encoded
        split = _split(values, self.kind, self.separator)
        if self.kind == "text":
            column_of = split["value"].unique(maintain_order=True)
            places = pl.Series(word_buckets(column_of, self.buckets))
        else:
            column_of = pl.Series(self.vocabulary, dtype=pl.String)
            places = pl.int_range(len(column_of), eager=True)
        known = split.with_columns(
            column=split["value"].replace_strict(
                column_of, places, default=None, return_dtype=pl.Int64
            )
        ).drop_nulls("column")
        encoded[known["row"].to_numpy(), known["column"].to_numpy()] = 1.0
        if self.kind == "categorical":
            encoded[:, -1] = encoded[:, :-1].sum(1) == 0
            return encoded
        length = np.sqrt(encoded.sum(1, keepdims=True))
        return np.divide(encoded, length, out=encoded, where=length > 0)

    def unknown(self, values: pl.Series) -> list[str]:
        """Returns the values without a column of their own, each once; none of numbers, texts."""
        if self.kind in ("numeric", "text"):
            return []
        found = _split(values, self.kind, self.separator)["value"].unique(maintain_order=True)
        return [value for value in found.to_list() if value not in set(self.vocabulary)]

    def to_json(self) -> dict[str, Any]:
        """Returns the feature as plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> FeatureSpec:
        """Reads a feature from what `to_json` returned."""
        return cls(**{**values, "vocabulary": tuple(values["vocabulary"])})


@dataclass(frozen=True)
class FeatureSet:
    """The features of all items, or of all users, side by side."""

    specs: tuple[FeatureSpec, ...]

    @property
    def width(self) -> int:
        """Columns of all features together."""
        return sum(spec.width for spec in self.specs)

    @property
    def slices(self) -> dict[str, slice]:
        """Feature → its columns."""
        ends = np.cumsum([0, *(spec.width for spec in self.specs)]).tolist()
        return {
            spec.name: slice(start, end)
            for spec, (start, end) in zip(self.specs, pairwise(ends), strict=True)
        }

    @classmethod
    def fit(
        cls,
        columns: tuple[FeatureColumn, ...],
        frame: pl.DataFrame,
        *,
        max_values: int = MAX_VALUES,
        source: str = "table",
    ) -> FeatureSet:
        """Fits every feature on its column of `frame`; see `FeatureSpec.fit`."""
        return cls(
            tuple(
                FeatureSpec.fit(c, frame[c.name], max_values=max_values, source=source)
                for c in columns
            )
        )

    def encode(self, frame: pl.DataFrame, *, source: str = "table") -> NDArray[np.float32]:
        """Turns a table into numbers.

        Args:
          frame: has a column for each feature; others don't matter.
          source: the file, for messages.

        Returns:
          float32 `[rows, width]`.
        """
        blocks = [spec.encode(frame[spec.name], source=source) for spec in self.specs]
        return np.concatenate([np.zeros((frame.height, 0), np.float32), *blocks], axis=1)

    def to_json(self) -> list[dict[str, Any]]:
        """Returns the features as plain values."""
        return [spec.to_json() for spec in self.specs]

    @classmethod
    def from_json(cls, values: list[dict[str, Any]]) -> FeatureSet:
        """Reads features from what `to_json` returned."""
        return cls(tuple(FeatureSpec.from_json(value) for value in values))


def natural_order(ids: list[str]) -> NDArray[np.int64]:
    """Returns the order of ids: as integers if every one is written as one, else as text.

    >>> natural_order(["10", "9", "-1"]).tolist(), natural_order(["10", "9", "a"]).tolist()
    ([2, 1, 0], [0, 1, 2])
    """
    column = pl.Series(ids, dtype=pl.String)
    integers = column.cast(pl.Int64, strict=False)
    canonical = integers.is_not_null().all() and bool((integers.cast(pl.String) == column).all())
    return (integers if canonical else column).arg_sort().to_numpy().astype(np.int64)


def _split(values: pl.Series, kind: FeatureKind, separator: str) -> pl.DataFrame:
    """Lists the values of each cell: columns `row` and `value`, none for an empty cell."""
    if kind == "text":
        lists = words_of(values)
    elif isinstance(values.dtype, pl.List):
        lists = values.cast(pl.List(pl.String))
    elif kind == "multi-hot":
        lists = values.cast(pl.String).str.split(separator)
    else:
        lists = values.cast(pl.String).to_frame("value").select(pl.concat_list("value")).to_series()
    frame = pl.DataFrame({"row": row_numbers(0, len(values)), "value": lists}).explode("value")
    frame = frame.with_columns(pl.col("value").str.strip_chars())
    return frame.filter(pl.col("value").is_not_null() & (pl.col("value") != "")).unique(
        maintain_order=True
    )


def _finite(name: str, values: pl.Series, source: str) -> pl.Series:
    problems = Problems(source)
    numbers = check_finite(values, problems, name, row_numbers(1, len(values)))
    problems.raise_first()
    return numbers.cast(pl.Float64)
