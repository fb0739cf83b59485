"""One base error for everything a caller can put right.

A message says where (file, row, column), what was found, what was expected, and how many more there
are like it. The command line turns any `TfhrnnError` into one line on standard error and exit code
2.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path


class TfhrnnError(ValueError):
    """Something in the caller's data, settings or files that the caller can put right."""


class DataError(TfhrnnError):
    """A table that cannot be read as interactions, items or users.

    Args:
      source: the file, or what to call a frame that came from memory.
      found: what stands there, shown as the caller wrote it.
      expected: what was expected instead.
      row: 1-based row of the data (the header is not counted), where known.
      column: the column's name, where known.
      more: how many further rows fail in the same way.

    >>> print(DataError("a.csv", row=17, column="time", found="'soon'", expected="seconds", more=3))
    a.csv, row 17, column time: got 'soon', expected seconds (3 more rows like it)
    """

    def __init__(
        self,
        source: str | Path,
        *,
        found: str,
        expected: str,
        row: int | None = None,
        column: str | None = None,
        more: int = 0,
    ) -> None:
        where = [str(source)]
        if row is not None:
            where.append(f"row {row}")
        if column is not None:
            where.append(f"column {column}")
        tail = (
            f" ({more} more rows like it)" if more > 1 else " (1 more row like it)" if more else ""
        )
        super().__init__(f"{', '.join(where)}: got {found}, expected {expected}{tail}")
        self.source, self.row, self.column, self.more = str(source), row, column, more


class ConfigError(TfhrnnError):
    """A setting that does not exist or holds a value it cannot take."""


class ProtocolError(TfhrnnError):
    """Two results of unlike evaluation protocols were about to be compared."""


class RunError(TfhrnnError):
    """A run, data or model folder that is missing, incomplete or of another kind."""


class UnmetValueWarning(UserWarning):
    """A filter names a value that nothing in the data has."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """What follows a name that does not exist: the closest one that does, or nothing.

    >>> did_you_mean("unit", ["units", "layers"]), did_you_mean("colour", ["units"])
    (" (did you mean 'units'?)", '')
    """
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
