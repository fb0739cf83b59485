"""Answers as frames of the kind that the question came in: polars, or pandas for a pandas table."""

from __future__ import annotations

import importlib
from typing import Any

import polars as pl

Frame = pl.DataFrame | Any  # the second: a pandas frame


def in_kind_of(source: object, frame: pl.DataFrame) -> Frame:
    """A frame of answers, as pandas where it was asked by means of a pandas object.

    Args:
      source: what was asked with; pandas is loaded only where this is an object of pandas.
      frame: the answers.

    Returns:
      `frame` itself, or a pandas frame with the same columns and rows numbered from 0. Ids are text
      in both, whatever their column was: `answers["user"].astype(int)` gives numbers back.

    >>> in_kind_of([["a"]], pl.DataFrame({"rank": [1]})).shape
    (1, 1)
    """
    if type(source).__module__.partition(".")[0] != "pandas":
        return frame
    pandas = importlib.import_module("pandas")
    # Column by column, because polars' own `to_pandas` needs pyarrow.
    columns = {
        column.name: column.to_numpy() if column.dtype.is_numeric() else column.to_list()
        for column in frame
    }
    return pandas.DataFrame(columns)
