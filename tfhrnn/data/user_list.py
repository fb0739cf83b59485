"""Which users a file names."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import polars as pl

from tfhrnn.data.cells import Problems, read_ids, row_numbers
from tfhrnn.data.columns import map_columns
from tfhrnn.data.sources import CHUNK_ROWS, TableSource, open_source
from tfhrnn.errors import DataError

_PLAIN: Final = ("", ".txt", ".list")


def read_user_list(source: TableSource) -> list[str]:
    """Reads the ids of users, each once, in the order of their first rows.

    Args:
      source: a table with a column of user ids, of any other columns too (CSV, Parquet, a frame);
        or a text file (.txt, .list, or a name without suffix) with an id a line.

    Returns:
      The ids; none is empty.

    Raises:
      DataError: the file cannot be read, has no such column, lacks an id, or names nobody.
    """
    if isinstance(source, (str, Path)) and Path(source).suffix.lower() in _PLAIN:
        ids = _lines(Path(source))
    else:
        opened = open_source(source)
        column = map_columns(opened.names, "users", source=opened.label)["user_id"]
        problems, first, found = Problems(opened.label), 1, []
        for chunk in opened.chunks([column], CHUNK_ROWS):
            cells = chunk[column]
            found.append(
                read_ids(cells, problems, column, row_numbers(first, len(cells))).unique(
                    maintain_order=True
                )
            )
            first += len(cells)
        problems.raise_first()
        ids = pl.concat(found).unique(maintain_order=True).to_list() if found else []
    if not ids:
        raise DataError(_label(source), found="no users", expected="one or more ids")
    return ids


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        found = error.strerror or str(error)
        raise DataError(path, found=found, expected="a file of user ids") from None
    except UnicodeDecodeError:
        raise DataError(path, found="other bytes", expected="UTF-8 text, an id a line") from None
    # Read in text mode, all line ends are "\n"; spaces may belong to an id.
    return list(dict.fromkeys(line for line in text.split("\n") if line))


def _label(source: TableSource) -> str:
    return str(source) if isinstance(source, (str, Path)) else "frame"
