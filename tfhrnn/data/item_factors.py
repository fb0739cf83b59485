"""Item factors: what a truncated SVD of who met what says about each item.

They are numbers like any other item feature, and reach the decoder under λ. A rare item borrows
through them from the items of the same users, which its own ID embedding is seen too seldom to
learn.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import svds

from tfhrnn.data.catalogue import FIRST_ITEM
from tfhrnn.data.event_log import EventLog

_SHRINK: Final = 10.0  # users added to an item's count, so that a rare item does not make a factor


def item_factors(
    log: EventLog, users: npt.NDArray[np.integer], factors: int
) -> npt.NDArray[np.float32]:
    """The leading right singular vectors of the users' item sets, one row an item.

    The matrix holds 1 / √(n_u · (n_i + 10)) where user u met item i at least once, n_u being the
    user's distinct items and n_i the item's users.

    Args:
      log: the events.
      users: `[n]` user indices; only theirs are read.
      factors: how many; fewer come back where users or items are not more than that.

    Returns:
      `[items, factors]` float32, strongest first, each column of deviation 1 and its largest entry
      positive; 0 for items that none of the users met.

    Source: latent semantic analysis, Deerwester et al. 1990; Sarwar et al. 2000 for recommenders.
    """
    size = log.catalogue.num_items
    sets = [
        np.unique(np.asarray(log.item[log.events_of(int(user))])) - FIRST_ITEM for user in users
    ]
    items = np.concatenate(sets) if sets else np.zeros(0, np.int64)
    met = np.array([len(own) for own in sets], np.float64)
    popularity = np.bincount(items, minlength=size) + _SHRINK
    rows = np.repeat(np.arange(len(sets)), met.astype(np.int64))
    matrix = csr_matrix(
        (1.0 / np.sqrt(met[rows] * popularity[items]), (rows, items)), shape=(len(sets), size)
    )
    rank = min(factors, min(matrix.shape) - 1)
    if rank < 1:
        return np.zeros((size, 0), np.float32)
    # A given start makes the iteration, and so the training, repeatable.
    _, values, vectors = svds(matrix, rank, v0=np.ones(min(matrix.shape)))
    found = (vectors * values[:, np.newaxis])[::-1].T
    largest = found[np.abs(found).argmax(axis=0), np.arange(rank)]
    spread = found.std(axis=0)
    found = found * np.sign(largest) / np.where(spread > 0, spread, 1.0)
    return np.ascontiguousarray(found, np.float32)
