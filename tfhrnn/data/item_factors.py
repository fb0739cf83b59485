"""Item factors: which items stand near each other in users' histories, as a few numbers an item.

They are numbers like any other item feature, and reach the decoder under λ. A rare item borrows
through them from the items it was met with, which its own ID embedding sees too seldom to learn.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.linalg import svds

from tfhrnn.data.catalogue import FIRST_ITEM
from tfhrnn.data.event_log import EventLog

_NEAR: Final = 40  # events that two items of a history may lie apart
_MAX_EVENTS: Final = 2_000_000  # of the users that are read; co-occurrence needs no more


def item_factors(
    log: EventLog, users: npt.NDArray[np.integer], factors: int
) -> npt.NDArray[np.float32]:
    """Leading singular vectors of the items' positive pointwise mutual information.

    Two items co-occur once for every pair of their events that lie at most 40 events apart in one
    user's history; their information is max(0, log((observed + 1) / (expected + 1))), 0 where they
    never met.

    Args:
      log: the events.
      users: `[n]` user indices; only theirs are read, and of more than 2 million events an even
        sample of users.
      factors: how many; fewer come back where the catalogue has no more items than that.

    Returns:
      `[items, factors]` float32, strongest first, each column of deviation 1 and its largest entry
      positive; 0 for items that stand near none.

    Source: Levy and Goldberg 2014, after which skip-gram embeddings factorise this matrix.
    """
    size = log.catalogue.num_items
    information = _information(_co_occurrences(log, users))
    rank = min(factors, size - 1)
    if rank < 1 or information.nnz == 0:
        return np.zeros((size, 0), np.float32)
    # A given start makes the iteration, and so the training, repeatable.
    found, values, _ = svds(information, rank, v0=np.ones(size))
    found = found[:, np.argsort(-values)]
    found[np.diff(information.indptr) == 0] = 0
    largest = found[np.abs(found).argmax(axis=0), np.arange(rank)]
    # Where all items stand alike, a column hardly varies; scaled up it would be noise.
    spread = found.std(axis=0)
    found = found * np.sign(largest) / np.where(spread > 1e-3 * abs(largest), spread, 1.0)
    return np.ascontiguousarray(found, np.float32)


def extend_factors(
    factors: npt.NDArray[np.float32],
    known: npt.NDArray[np.bool_],
    log: EventLog,
    users: npt.NDArray[np.integer],
) -> npt.NDArray[np.float32]:
    """Factors of items that came later, in the coordinates of those that are known.

    A factor f is an eigenvector of the information M (M is symmetric), so that every item's entry
    is the sum of the others' weighted by what it shares with them, f_i = Σ_j M_ij f_j / μ. For an
    item that came later the same sum over the known items is its entry (Nyström's formula). |μ| is
    taken as |M f| / |f| over the known items: their present M is not quite that of the factors, and
    this never makes a new item's entries too large.

    Args:
      factors: `[items, factors]`; what stands in rows of unknown items does not matter.
      known: `[items]` bool, whose factors stay as they are.
      log: the events of before and since.
      users: `[n]` user indices; only theirs are read, as by `item_factors`.

    Returns:
      `[items, factors]` float32; 0 for new items that stand near no known one.

    Source: Bengio et al. 2004, "Learning eigenfunctions links spectral embedding and kernel PCA".
    """
    return _extended(factors, known, _information(_co_occurrences(log, users)))


def _extended(
    factors: npt.NDArray[np.float32], known: npt.NDArray[np.bool_], information: csr_matrix
) -> npt.NDArray[np.float32]:
    own = np.where(known[:, np.newaxis], factors, 0).astype(np.float64)
    sums = np.asarray(information @ own)
    old, seen = own[known], sums[known]
    size = np.sqrt((seen**2).sum(axis=0) / np.maximum((old**2).sum(axis=0), 1e-12))
    value = size * np.where((old * seen).sum(axis=0) < 0, -1.0, 1.0)
    new = np.divide(sums, value, out=np.zeros_like(sums), where=size > 1e-6)
    return np.where(known[:, np.newaxis], factors, new).astype(np.float32)


def _co_occurrences(log: EventLog, users: npt.NDArray[np.integer]) -> csr_matrix:
    """How often two items stand near each other, `[items, items]`, symmetric."""
    size = log.catalogue.num_items
    events = int((log.offsets[users + 1] - log.offsets[users]).sum()) if len(users) else 0
    users = users[:: 1 + events // _MAX_EVENTS]
    pieces = [np.asarray(log.item[log.events_of(int(user))]) - FIRST_ITEM for user in users]
    item = np.concatenate([*pieces, np.zeros(0, np.int32)])
    owner = np.repeat(np.arange(len(pieces)), [len(piece) for piece in pieces])
    counts = csr_matrix((size, size), dtype=np.float64)
    for apart in range(1, _NEAR + 1):
        same = owner[apart:] == owner[:-apart]
        pair = item[:-apart][same], item[apart:][same]
        counts = counts + coo_matrix((np.ones(len(pair[0])), pair), shape=(size, size)).tocsr()
    return (counts + counts.T).tocsr()


def _information(counts: csr_matrix) -> csr_matrix:
    """Positive pointwise mutual information of co-occurrences, each count raised by one."""
    total = np.asarray(counts.sum(axis=1)).ravel() + 1.0
    pairs = counts.tocoo()
    expected = total[pairs.row] * total[pairs.col] / total.sum()
    value = np.maximum(np.log((pairs.data + 1.0) / (expected + 1.0)), 0.0)
    found = coo_matrix((value, (pairs.row, pairs.col)), shape=counts.shape).tocsr()
    found.eliminate_zeros()
    return found
