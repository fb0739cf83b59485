"""Reads the ranked lists of any system as places of the targets that a run is judged on.

The file is that of `ranked_lists.write_lists`. It must hold a list for every target and none else,
and say under which protocol they were made; what is wrong is told by row and column.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from tfhrnn.data.catalogue import FIRST_ITEM
from tfhrnn.data.event_log import EventLog
from tfhrnn.errors import DataError, ProtocolError, RunError
from tfhrnn.protocol import Protocol, require_same

PROTOCOL: Final = "protocol"
HASH: Final = "protocol_hash"
_NOWHERE: Final = np.iinfo(np.int32).max


def read_lists(
    path: Path,
    log: EventLog,
    targets: pl.DataFrame,
    protocol: Protocol,
    stated_hash: str | None = None,
) -> pl.DataFrame:
    """Reads another system's lists of the same targets.

    Args:
      path: the file.
      log: the events, for ids.
      targets: the rows that are to be judged: `user`, `position` and `item`.
      protocol: under which.
      stated_hash: what its maker says, where the file says nothing.

    Returns:
      `targets` with `rank`, the place in the list from 0; a large number where it isn't there.

    Raises:
      DataError: a table of another shape, a row of no target, an unknown item, a list with an item
        twice, scores that rise, or targets without a row.
      ProtocolError: another protocol, or none that is known.
      RunError: no such file.
    """
    _check_protocol(path, protocol, stated_hash)
    frame = _table(path, protocol.k)
    _check_lists(path, frame, set(log.catalogue.ids))
    key = ["user", "target", "nth"]
    nth = pl.int_range(pl.len()).over("user", "target").alias("nth")
    users, ids = np.array(log.user_ids, object), np.array(log.catalogue.ids, object)
    wanted = pl.DataFrame(
        {
            "user": users[targets["user"].to_numpy()].tolist(),
            "target": ids[targets["item"].to_numpy() - FIRST_ITEM].tolist(),
        },
        schema={"user": pl.String, "target": pl.String},
    ).with_columns(nth)
    frame = frame.with_columns(nth)
    judged_users = wanted["user"].unique()
    _refuse(
        path,
        frame.filter(~pl.col("user").is_in(judged_users.implode())),
        "user",
        f"one of the {len(judged_users)} test users",
    )
    _refuse(
        path,
        frame.join(wanted, on=key, how="anti", maintain_order="left"),
        "target",
        "one of the user's targets, as often as it is one",
    )
    places = (
        frame.select("row", "target", "items")
        .explode("items")
        .with_columns(rank=pl.int_range(pl.len()).over("row"))
        .filter(pl.col("items") == pl.col("target"))
        .select("row", "rank")
    )
    found = wanted.join(frame.select("row", *key), on=key, how="left", maintain_order="left")
    missing = found.filter(pl.col("row").is_null())
    if missing.height:
        user, target, _, _ = missing.row(0)
        raise DataError(
            path,
            found=f"no list for the target {target!r} of the user {user!r}",
            expected=f"a row for each of the {wanted.height} targets",
            more=missing.height - 1,
        )
    ranks = found.join(places, on="row", how="left", maintain_order="left")["rank"]
    return targets.select("user", "position", "item").with_columns(
        rank=ranks.cast(pl.Int64).fill_null(_NOWHERE)
    )


def _check_protocol(path: Path, protocol: Protocol, stated: str | None) -> None:
    try:
        metadata = pl.read_parquet_metadata(path)
    except FileNotFoundError:
        raise RunError(f"{path}: got no such file, expected ranked lists as Parquet") from None
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(path, found="a file of another kind", expected="Parquet") from error
    if PROTOCOL in metadata:
        try:
            record = json.loads(metadata[PROTOCOL])
        except ValueError as error:
            raise ProtocolError(f"{path}: got a protocol that is no JSON") from error
        require_same(Protocol.from_dict(record), protocol)
    own = metadata.get(HASH)
    for found in (own, stated):
        if found is not None and found != protocol.hash:
            raise ProtocolError(
                f"{path}: got lists of the protocol {found}, expected {protocol.hash}, the run's"
            )
    if own is None and PROTOCOL not in metadata and stated is None:
        raise ProtocolError(
            f"{path}: got no {HASH} in the file's metadata, expected the run's, {protocol.hash}, "
            "there or as --protocol, to say that the lists are of the same targets"
        )


def _table(path: Path, k: int) -> pl.DataFrame:
    """The columns of the file that count, ids as text, rows numbered from 1."""
    frame = pl.read_parquet(path)
    for name in ("user", "target", "items"):
        if name not in frame.columns:
            raise DataError(path, column=name, found="no such column", expected="one")
    for name in ("items", *(name for name in ("scores",) if name in frame.columns)):
        kind = frame[name].dtype
        if not isinstance(kind, pl.List | pl.Array):
            raise DataError(path, column=name, found=f"a column of {kind}", expected="lists")
    frame = frame.select(
        pl.int_range(1, pl.len() + 1).alias("row"),
        pl.col("user").cast(pl.String),
        pl.col("target").cast(pl.String),
        pl.col("items").cast(pl.List(pl.String)),
        *([pl.col("scores").cast(pl.List(pl.Float64))] if "scores" in frame.columns else []),
    )
    for name in frame.columns[1:]:
        _refuse(path, frame.filter(pl.col(name).is_null()), name, "a value")
    longest = frame["items"].list.len().max() if frame.height else 0
    if isinstance(longest, int) and longest < k:
        raise DataError(
            path,
            column="items",
            found=f"lists of at most {longest} items",
            expected=f"{k} or more, the protocol's k",
        )
    return frame


def _check_lists(path: Path, frame: pl.DataFrame, known: set[str]) -> None:
    twice = pl.col("items").list.n_unique() != pl.col("items").list.len()
    _refuse(path, frame.filter(twice), "items", "each item once")
    items = frame.select("row", "items").filter(pl.col("items").list.len() > 0).explode("items")
    unknown = items.filter(~pl.col("items").is_in(list(known)) | pl.col("items").is_null())
    _refuse(path, unknown, "items", "items of the catalogue")
    if "scores" not in frame.columns:
        return
    lengths = pl.col("scores").list.len() != pl.col("items").list.len()
    _refuse(path, frame.filter(lengths), "scores", "as many as there are items")
    steps = pl.col("scores").list.eval((pl.element().diff() > 0) | pl.element().is_nan())
    _refuse(path, frame.filter(steps.list.any()), "scores", "numbers that never rise")


def _refuse(path: Path, wrong: pl.DataFrame, column: str, expected: str) -> None:
    """Raises an error that names the first row of some that are wrong."""
    if wrong.height:
        value = wrong[column][0]
        found = value.to_list() if isinstance(value, pl.Series) else value
        text = json.dumps(found, ensure_ascii=False)
        raise DataError(
            path,
            row=int(wrong["row"][0]),
            column=column,
            found=text if len(text) < 200 else text[:200] + " ...",
            expected=expected,
            more=wrong.height - 1,
        )
