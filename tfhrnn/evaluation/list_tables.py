"""Ranked lists as the tables of other libraries, which then compute the same metrics.

In goes the file of `ranked_lists.write_lists`, a query a judged target. *ranx* reads `qrels` (what
is relevant) and `run` (what was found) with `q_id`, `doc_id` and `score`, by `Qrels.from_parquet`
and `Run.from_parquet`; *RecTools* calculates on `interactions` and `reco` with the names of
`rectools.Columns`. Each target is a query of its own, so RecTools' `user_id` is the query's, and
its NDCG is ours with `divide_by_achievable=True`, where the ideal list holds the one target.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from tfhrnn.data.files import save_table, whole_folder
from tfhrnn.errors import DataError, RunError


class ListTables(NamedTuple):
    """What was wanted and what was found.

    Attributes:
      wanted: a row a target.
      found: a row an answer, targets in order and the best first.
    """

    wanted: pl.DataFrame
    found: pl.DataFrame


def ranx_tables(lists: str | Path) -> ListTables:
    """Ranked lists as ranx' qrels and run.

    Args:
      lists: the Parquet file.

    Returns:
      `wanted`: `q_id` (text, the target's number from 1), `doc_id`, `score` (1), `user_id`;
      `found`: `q_id`, `doc_id` and `score`, float64 and strictly falling, so that any sorting keeps
      the order: see `strictly_falling`; where the lists have none, minus the place.

    Raises:
      DataError: a file without the columns.
      RunError: no such file.
    """
    wanted, found = _tables(lists)
    return ListTables(
        wanted.select(
            "q_id",
            pl.col("target").alias("doc_id"),
            pl.lit(1, pl.Int64).alias("score"),
            "user_id",
        ),
        found.select("q_id", pl.col("items").alias("doc_id"), "score"),
    )


def rectools_tables(lists: str | Path) -> ListTables:
    """Ranked lists as RecTools' interactions and recommendations; errors as `ranx_tables`.

    Returns:
      `wanted`: `user_id` (the query's, see above), `item_id`; `found`: `user_id`, `item_id`,
      `score` and `rank`, from 1.
    """
    wanted, found = _tables(lists)
    query = pl.col("q_id").alias("user_id")
    return ListTables(
        wanted.select(query, pl.col("target").alias("item_id")),
        found.select(query, pl.col("items").alias("item_id"), "score", "rank"),
    )


# Format → its tables and their files' names.
LIST_FORMATS: Final[dict[str, tuple[Callable[[str | Path], ListTables], tuple[str, str]]]] = {
    "ranx": (ranx_tables, ("qrels", "run")),
    "rectools": (rectools_tables, ("interactions", "reco")),
}


def write_list_tables(lists: str | Path, out: str | Path, kind: str) -> list[Path]:
    """Writes the two tables of a format as Parquet files of a new folder.

    Args:
      lists: the Parquet file.
      out: the folder.
      kind: one of `LIST_FORMATS`.

    Returns:
      The files.

    Raises:
      DataError: as `ranx_tables`.
      RunError: no such file, or the folder exists already or can't be written.
    """
    out = Path(out)
    if out.exists():
        raise RunError(f"{out}: got a path that exists, expected a new one")
    make, names = LIST_FORMATS[kind]
    tables = make(lists)
    with whole_folder(out) as folder:
        for name, table in zip(names, tables, strict=True):
            save_table(table, folder / f"{name}.parquet")
    return [out / f"{name}.parquet" for name in names]


def _tables(lists: str | Path) -> ListTables:
    """`q_id`, `user_id`, `target`; and `q_id`, `items`, `rank` from 1, `score`."""
    frame = _read(Path(lists))
    numbered = frame.with_columns(q_id=pl.int_range(1, pl.len() + 1).cast(pl.String))
    wanted = numbered.select("q_id", pl.col("user").alias("user_id"), "target")
    columns = ["items", *(["scores"] if "scores" in frame.columns else [])]
    found = (
        numbered.filter(pl.col("items").list.len() > 0)
        .select("q_id", *columns)
        .explode(columns)
        .with_columns(rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("q_id"))
    )
    place = found["rank"].to_numpy()
    if "scores" in found.columns:
        score = strictly_falling(found["scores"].cast(pl.Float64).to_numpy(), place)
    else:
        score = -place.astype(np.float64)
    return ListTables(wanted, found.select("q_id", "items", "rank", score=pl.Series(score)))


def strictly_falling(
    scores: npt.NDArray[np.float64], place: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Scores that never rise within a list, moved apart where they are equal.

    Args:
      scores: `[answers]`, lists one after the other.
      place: `[answers]` in their lists, from 1.

    Returns:
      `[answers]` of values that float32 holds, as trec_eval reads them, each at least a float32
      step below the one before it.

    >>> apart = strictly_falling(np.array([-1.0, -2.0, -2.0, -2.0]), np.array([1, 2, 3, 1]))
    >>> apart.tolist()
    [-1.0, -2.0, -2.000000238418579, -2.0]
    """
    apart = scores.astype(np.float32)
    for nth in range(2, int(place.max(initial=0)) + 1):
        (at,) = np.nonzero(place == nth)
        apart[at] = np.minimum(apart[at], np.nextafter(apart[at - 1], np.float32(-np.inf)))
    return apart.astype(np.float64)


def _read(path: Path) -> pl.DataFrame:
    try:
        frame = pl.read_parquet(path)
    except FileNotFoundError:
        raise RunError(f"{path}: got no such file, expected ranked lists as Parquet") from None
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(path, found="a file of another kind", expected="Parquet") from error
    for name in ("user", "target", "items"):
        if name not in frame.columns:
            raise DataError(path, column=name, found="no such column", expected="one")
    return frame.with_columns(
        pl.col("user", "target").cast(pl.String), pl.col("items").cast(pl.List(pl.String))
    )
