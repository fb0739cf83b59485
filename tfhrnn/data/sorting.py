"""Sorts columns on the disk by user and time, a part of the users at a time.

The sort of an external kind: users are numbered already, so that their events can be dealt to
parts of neighbouring users, each small enough to be sorted in memory; the sorted parts follow each
other in the result. It is stable: equal times keep the order of the rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tfhrnn.data.disk_arrays import append, read_part, slices

PART_EVENTS: Final = 2_000_000  # sorted at once; about 100 bytes each

Columns = Mapping[str, "np.dtype[Any]"]


def part_starts(counts: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Cuts users into neighbours of at most `most` events, a single user at least.

    Args:
      counts: `[users]` events.
      most: of a part.

    Returns:
      int64 `[parts + 1]`: part p has the users from starts[p] to starts[p + 1].

    >>> part_starts(np.array([2, 2, 5, 1, 1]), 4).tolist()
    [0, 2, 3, 5]
    """
    starts, held = [0], 0
    for user, count in enumerate(counts.tolist()):
        if held and held + count > most:
            starts.append(user)
            held = 0
        held += count
    return np.array([*starts, len(counts)], np.int64)


def deal(
    scratch: Path,
    columns: Columns,
    user_of: NDArray[np.int32],
    counts: NDArray[np.int64],
    starts: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Rewrites NAME.raw so that each part's rows stand together, in the order that they had.

    Args:
      scratch: the folder of NAME.raw.
      columns: name → dtype; "user" holds provisional numbers.
      user_of: `[users]`, the place of each provisional number.
      counts: `[users]` events, by place.
      starts: `[parts + 1]`, as `part_starts` returned them.

    Returns:
      int64 `[parts + 1]`, where each part's rows begin.
    """
    sizes = np.add.reduceat(counts, starts[:-1])
    bounds = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    if len(sizes) == 1:
        return bounds
    next_row = bounds[:-1].copy()
    with ExitStack() as stack:
        read = {n: stack.enter_context((scratch / f"{n}.raw").open("rb")) for n in columns}
        write = {n: stack.enter_context((scratch / f"{n}.dealt").open("wb")) for n in columns}
        for rows in slices(int(bounds[-1])):
            block = {n: read_part(read[n], columns[n], rows.start, rows.stop) for n in columns}
            part = np.searchsorted(starts, user_of[block["user"]], side="right") - 1
            order = np.argsort(part, kind="stable")
            edges = np.concatenate([[0], np.cumsum(np.bincount(part, minlength=len(sizes)))])
            for name, values in block.items():
                dealt = values[order]
                for p in np.flatnonzero(np.diff(edges)).tolist():
                    write[name].seek(int(next_row[p]) * columns[name].itemsize)
                    append(write[name], dealt[edges[p] : edges[p + 1]], columns[name])
            next_row += np.diff(edges)
    for name in columns:
        (scratch / f"{name}.dealt").replace(scratch / f"{name}.raw")
    return bounds


def sorted_parts(
    scratch: Path,
    columns: Columns,
    user_of: NDArray[np.int32],
    bounds: Sequence[int] | NDArray[np.int64],
) -> Iterator[tuple[int, dict[str, NDArray[Any]], NDArray[np.int64]]]:
    """Yields each part's columns sorted by user and time.

    Args:
      scratch: the folder of NAME.raw, as `deal` left it.
      columns: name → dtype.
      user_of: `[users]`, the place of each provisional number.
      bounds: `[parts + 1]`, where each part's rows begin.

    Yields:
      The part's number; its columns, "user" by place; and for each sorted row its number in the
      part before.
    """
    with ExitStack() as stack:
        files = {n: stack.enter_context((scratch / f"{n}.raw").open("rb")) for n in columns}
        for part in range(len(bounds) - 1):
            start, stop = int(bounds[part]), int(bounds[part + 1])
            user = user_of[read_part(files["user"], columns["user"], start, stop)]
            time = read_part(files["time"], columns["time"], start, stop)
            # one key for both sorts three times as fast; times end in 2100, below 2 to the 32
            order = np.argsort((user.astype(np.int64) << 32) | time, kind="stable")
            found = {"user": user[order], "time": time[order]}
            del user, time
            for name in columns:
                if name not in found:
                    found[name] = read_part(files[name], columns[name], start, stop)[order]
            yield part, found, order


def count_users(scratch: Path, dtype: np.dtype[Any], users: int, rows: int) -> NDArray[np.int64]:
    """Events of each provisional user number among the first `rows`, int64 `[users]`."""
    counts = np.zeros(users, np.int64)
    with (scratch / "user.raw").open("rb") as file:
        for block in slices(rows):
            part = read_part(file, dtype, block.start, block.stop)
            counts += np.bincount(part, minlength=users)
    return counts
