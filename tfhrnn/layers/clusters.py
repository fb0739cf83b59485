"""Clusters of like items, none much larger than the others: k-means in NumPy.

The centres are found on a sample, every row then goes to its nearest one, and a cluster that grew
too large is halved along the coordinate in which it varies most, so that lists padded to the
largest stay short. Lloyd 1982.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

_SAMPLE = 32  # rows a centre is found from, on average
_BLOCK = 4096  # rows whose distances to all centres are held at once


class ClusterTables(NamedTuple):
    """An item matrix by clusters, each filled up to the largest.

    Attributes:
      columns: `[clusters, largest]` int32 columns of the item matrix, rising within a cluster, then
        −1.
      rows: `[clusters, largest, units]` float32 weights, then 0.
      offsets: `[clusters, largest]` float32 biases, then −inf, so that filling scores as nothing.
      centres: `[clusters, units + 1]` float32 means of weights ⊕ bias.
      spread: `[clusters]` float32 standard deviation around the centre, taken over items and
        coordinates alike.
      log_size: `[clusters]` float32 log of the number of items.
    """

    columns: npt.NDArray[np.int32]
    rows: Floats
    offsets: Floats
    centres: Floats
    spread: Floats
    log_size: Floats


def cluster_tables(
    weights: npt.ArrayLike,
    bias: npt.ArrayLike,
    clusters: int | None = None,
    *,
    seed: int = 0,
) -> ClusterTables:
    """Clusters items by weights ⊕ bias, since a score is the product with a state ⊕ 1.

    Args:
      weights: `[items, units]`, at least one item.
      bias: `[items]`.
      clusters: how many to begin with; None for twice the square root of the items.
      seed: of the clustering.

    Raises:
      ValueError: no items, numbers that are not finite, or `clusters` below 1.
    """
    rows = np.column_stack([np.asarray(weights), np.asarray(bias)]).astype(np.float32)
    if not len(rows):
        raise ValueError("weights: got no items, expected 1 or more")
    if not np.isfinite(rows).all():
        bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
        raise ValueError(
            f"weights and bias, item {bad[0]}: expected finite numbers ({len(bad) - 1} more items "
            "like it)"
        )
    wanted = round(2 * len(rows) ** 0.5) if clusters is None else clusters
    assignment = cluster_rows(rows, wanted, seed=seed)
    order = np.argsort(assignment, kind="stable")
    size = np.bincount(assignment)
    begin = np.cumsum(size) - size
    centres = np.add.reduceat(rows[order], begin, axis=0) / size[:, np.newaxis]
    squares = np.mean((rows - centres[assignment]) ** 2, axis=1)
    shape = len(size), int(size.max())
    tables = ClusterTables(
        columns=np.full(shape, -1, np.int32),
        rows=np.zeros((*shape, rows.shape[1] - 1), np.float32),
        offsets=np.full(shape, -np.inf, np.float32),
        centres=centres.astype(np.float32),
        spread=np.sqrt(np.bincount(assignment, squares) / size).astype(np.float32),
        log_size=np.log(size).astype(np.float32),
    )
    place = assignment[order], np.arange(len(rows)) - np.repeat(begin, size)
    tables.columns[place] = order
    tables.rows[place] = rows[order, :-1]
    tables.offsets[place] = rows[order, -1]
    return tables


def cluster_rows(
    rows: Floats, clusters: int, *, seed: int = 0, rounds: int = 5, most: float = 1.5
) -> Ints:
    """Assigns rows to clusters.

    Args:
      rows: `[rows, width]` float32, at least one.
      clusters: centres to begin with, at least 1; no more than there are rows are used.
      seed: of the sample and the starting centres.
      rounds: of k-means on the sample.
      most: a cluster's largest size, as a multiple of the mean, rows / clusters.

    Returns:
      `[rows]` cluster numbers 0, 1, ..., each in use. Splitting may make them more than `clusters`,
      and empty clusters make them fewer.

    Raises:
      ValueError: `clusters` is below 1.

    >>> rows = np.array([[0.0], [9.0], [0.1], [9.1]], np.float32)
    >>> first = cluster_rows(rows, 2)
    >>> bool(first[0] == first[2] != first[1] == first[3])
    True
    """
    if clusters < 1:
        raise ValueError(f"clusters: got {clusters}, expected 1 or more")
    rows = np.asarray(rows, np.float32)
    clusters = min(clusters, len(rows))
    rng = np.random.default_rng(seed)
    sample = rows[rng.permutation(len(rows))[: _SAMPLE * clusters]]
    centres = sample[:clusters].copy()
    for _ in range(rounds):
        centres = _means(sample, _nearest(sample, centres), centres)
    nearest = _nearest(rows, centres)
    largest = int(np.ceil(most * len(rows) / clusters))
    order = np.argsort(nearest, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(nearest[order])) + 1)
    assignment = np.empty(len(rows), np.int64)
    for number, group in enumerate(part for g in groups for part in _halved(rows, g, largest)):
        assignment[group] = number
    return assignment


def _nearest(rows: Floats, centres: Floats) -> Ints:
    """Each row's nearest centre."""
    # ‖x − c‖² = ‖x‖² − 2 (x·c − ‖c‖²/2), so the nearest has the largest bracket.
    half = np.einsum("cw,cw->c", centres, centres) / 2
    found = [
        np.argmax(rows[at : at + _BLOCK] @ centres.T - half, axis=1)
        for at in range(0, len(rows), _BLOCK)
    ]
    return np.concatenate(found)


def _means(rows: Floats, nearest: Ints, centres: Floats) -> Floats:
    """The mean of each centre's rows; a centre without rows stays."""
    count = np.bincount(nearest, minlength=len(centres))
    order = np.argsort(nearest, kind="stable")
    used = np.flatnonzero(count)
    sums = np.add.reduceat(rows[order], np.cumsum(count)[used] - count[used], axis=0)
    moved = centres.copy()
    moved[used] = sums / count[used, np.newaxis]
    return moved


def _halved(rows: Floats, group: Ints, largest: int) -> list[Ints]:
    """A group's rows in pieces of at most `largest`."""
    if len(group) <= largest:
        return [group]
    part = rows[group]
    order = group[np.argsort(part[:, np.argmax(part.var(axis=0))], kind="stable")]
    middle = len(order) // 2
    return _halved(rows, order[:middle], largest) + _halved(rows, order[middle:], largest)
