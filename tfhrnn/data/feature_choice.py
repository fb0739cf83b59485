"""Chooses feature columns of a table by their content, for callers who name none.

Numbers and dates are numeric; lists, and text with "|" between words, are multi-hot; sentences that
mostly differ are text; other text with few distinct values is categorical. Titles, ids and columns
of nearly unique words are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import polars as pl

from tfhrnn.data.columns import TableKind, map_columns
from tfhrnn.data.features import MAX_VALUES
from tfhrnn.data.sources import TableSource, open_source
from tfhrnn.data.tables import id_column
from tfhrnn.data.timestamps import is_date, iso_seconds

_SAMPLE_ROWS: Final = 10_000
_SEPARATOR: Final = "|"
_SENTENCE: Final = 5  # words a cell on average; names of categories are shorter
_MOST_ALIKE: Final = 10  # cells a distinct value; categories repeat more often


def features_of(
    source: TableSource | None,
    id_role: str,
    stated: Sequence[str] | None,
    columns: Mapping[str, str] | None = None,
) -> Sequence[str]:
    """The features that were stated, or those chosen by content; see `choose_features`."""
    return choose_features(source, id_role, columns) if stated is None else stated


def choose_features(
    source: TableSource | None, id_role: str, columns: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """Names features of an item or user table as `parse_feature` reads them.

    Args:
      source: the table, or None for none.
      id_role: "item_id" or "user_id".
      columns: role → column of the interactions, whose id column the table may share.

    Returns:
      Such as ("genres:multi-hot", "year:numeric").

    Raises:
      DataError: the table cannot be opened.
    """
    if source is None:
        return ()
    opened = open_source(source)
    kind: TableKind = "items" if id_role == "item_id" else "users"
    shared = id_column(source, id_role, columns)
    mapped = map_columns(opened.names, kind, columns=shared, source=opened.label)
    taken = set(mapped.values())
    names = [name for name in opened.names if name not in taken]
    if not names:
        return ()
    sample = next(iter(opened.chunks(names, _SAMPLE_ROWS)), None)
    if sample is None:
        return ()
    chosen = []
    for name in names:
        kind_ = _kind(sample[name].drop_nulls())
        if kind_ is not None:
            chosen.append(f"{name}:{kind_}")
    return tuple(chosen)


def _kind(values: pl.Series) -> str | None:
    """What a column's values are, None for nothing to learn from."""
    if isinstance(values.dtype, pl.List):
        words = values.cast(pl.List(pl.String)).explode()
        return "multi-hot" if 2 <= words.n_unique() <= MAX_VALUES else None
    if values.dtype.is_nested() or values.n_unique() < 2:
        return None
    if values.dtype.is_numeric() or is_date(values.dtype):
        return "numeric"
    text = values.cast(pl.String)
    told = text.filter(text.str.strip_chars() != "")
    if len(told) and iso_seconds(told.str.strip_chars()).is_not_null().all():
        return "numeric"
    # "nan" and "inf" read as numbers too, but are no number to learn from.
    if text.cast(pl.Float64, strict=False).is_finite().fill_null(False).all():
        return "numeric"
    if text.str.contains(_SEPARATOR, literal=True).any():
        words = text.str.split(_SEPARATOR).explode()
        if words.n_unique() <= MAX_VALUES:
            return "multi-hot"
        return "text" if _sentences(told) else None
    if _sentences(told):
        return "text"
    few = text.n_unique() <= min(MAX_VALUES, max(2, len(text) // 2))
    return "categorical" if few else None


def _sentences(text: pl.Series) -> bool:
    """Whether these are texts of several words that mostly differ, such as descriptions."""
    if text.n_unique() * _MOST_ALIKE <= max(len(text), 2 * _MOST_ALIKE):
        return False
    return float(text.str.count_matches(r"\S+").mean()) >= _SENTENCE  # type: ignore[arg-type]  # not empty
