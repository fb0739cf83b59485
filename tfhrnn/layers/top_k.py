"""The k best items of the catalogue for hidden states: over the whole matrix, in chunks, clustered.

score_j = w_j·h + b_j, plus β where a row has seen item j lately. Equal scores keep catalogue order.
The normaliser is log Σ_j exp(score_j) over the whole catalogue, so that score − normaliser is a
log-probability; items excluded from the answer count in it.

Standard TensorFlow ops only, so that stock TensorFlow Serving runs all three. The stream is a loop
of our own: `tfrs.layers.factorized_top_k.Streaming` keeps catalogue order too, but has no bias
(except as one more factor, which rounds otherwise), no seen term and no normaliser; what it
excludes comes back where fewer than k are left; and it reads a tf.data pipeline, which XLA can't
compile.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfhrnn.layers.clusters import cluster_tables
from tfhrnn.layers.marks import Marks, Part, added, among, candidates, marked, stretch

# A product with a single column is added up in another order than one with several.
_LEAST_CHUNK = 16


class TopK(NamedTuple):
    """The best items of each row, best first.

    Attributes:
      scores: `[batch, min(k, items)]` float32, without noise and influence, by which they were
        chosen and sorted too; −inf where a row has no more candidates.
      columns: `[batch, min(k, items)]` int32 columns of the item matrix, −1 where there are no
        more.
      log_normalizer: `[batch]` float32, log Σ_j exp(score_j).
    """

    scores: tf.Tensor
    columns: tf.Tensor
    log_normalizer: tf.Tensor


def exact_top_k(
    hidden: tf.Tensor,
    weights: tf.Tensor,
    bias: tf.Tensor,
    k: int | tf.Tensor,
    *,
    marks: Marks | None = None,
) -> TopK:
    """Scores every item at once and holds `[batch, items]`.

    Args:
      hidden: `[batch, units]`, any float dtype.
      weights: `[items, units]` and
      bias: `[items]`, from `Decoder.item_matrix`; scores are finite or −inf, which is no candidate.
      k: how many, 1 and more; cut at the number of items.
      marks: what sets items apart for each row.

    Returns:
      The best, and the exact normaliser.

    Raises:
      ValueError: `k` is a number below 1.
    """
    items = _items(weights)
    width = _width(k, items)
    part = stretch(0, items, items)
    scores = marked(_scores(hidden, weights, bias), marks, part)
    best, columns = tf.math.top_k(candidates(scores, marks, part), width)
    return _answer(best, columns, tf.reduce_logsumexp(scores, axis=1), marks)


def streaming_top_k(
    hidden: tf.Tensor,
    weights: tf.Tensor,
    bias: tf.Tensor,
    k: int | tf.Tensor,
    chunk: int = 8192,
    *,
    marks: Marks | None = None,
) -> TopK:
    """The answers of `exact_top_k`, holding `[batch, chunk]`.

    Scores are the same bit for bit as long as TensorFlow's product adds up `units` in one order
    whatever the number of columns. On a CPU it did so in every case tried up to 512 units; at 1,000
    units some chunks differ in the last bit, and then two items that close may change places.

    Args:
      hidden: as in `exact_top_k`.
      weights: as in `exact_top_k`.
      bias: as in `exact_top_k`.
      k: as in `exact_top_k`.
      chunk: items scored at once, 1 and more; need not divide their number. Less than 16 count as
        16.
      marks: as in `exact_top_k`.

    Returns:
      The best, and the exact normaliser (another order of adding up: the same within 1e-5).

    Raises:
      ValueError: `k` or `chunk` is a number below 1.
    """
    if chunk < 1:
        raise ValueError(f"chunk: got {chunk}, expected 1 or more")
    items = _items(weights)
    width = _width(k, items)
    size = _at_most(max(chunk, _LEAST_CHUNK), items)
    weights, bias = tf.convert_to_tensor(weights), tf.convert_to_tensor(bias)
    batch, shape = tf.shape(hidden)[0], [size, weights.shape[1]]

    def body(
        first: tf.Tensor, scores: tf.Tensor, columns: tf.Tensor, normalizer: tf.Tensor
    ) -> tuple[tf.Tensor, ...]:
        # The last chunk reaches back over items already scored, so that all have one shape.
        at = tf.minimum(first, items - size)
        own = _scores(hidden, tf.slice(weights, [at, 0], shape), tf.slice(bias, [at], [size]))
        part = stretch(at, size, items)
        own = marked(own, marks, part)
        fresh = part.columns >= first
        choice = tf.where(fresh, candidates(own, marks, part), -np.inf)
        best, place = tf.math.top_k(choice, _at_most(width, size))
        # Earlier columns stand in front, so that ties keep catalogue order.
        joined = tf.concat([columns, at + place], axis=1)
        scores, order = tf.math.top_k(tf.concat([scores, best], axis=1), width)
        fresh_sum = tf.reduce_logsumexp(tf.where(fresh, own, -np.inf), axis=1)
        sums = tf.stack([normalizer, fresh_sum])
        return (
            first + size,
            scores,
            tf.gather(joined, order, batch_dims=1),
            tf.reduce_logsumexp(sums, axis=0),
        )

    flat = tf.TensorShape([hidden.shape[0]])
    table = flat.concatenate([width if isinstance(width, int) else None])
    _, best, columns, normalizer = tf.while_loop(
        lambda first, *_: first < items,
        body,
        (
            tf.constant(0),
            tf.fill([batch, width], np.float32(-np.inf)),
            tf.fill([batch, width], -1),
            tf.fill([batch], np.float32(-np.inf)),
        ),
        shape_invariants=(tf.TensorShape([]), table, table, flat),
        parallel_iterations=1,
    )
    return _answer(best, columns, normalizer, marks)


class ClusteredIndex(tf.Module):
    """Approximate: scores only the items of the clusters that look best for a row.

    Items are clustered by their rows w_j ⊕ b_j (a hidden state with a 1 behind it then scores by
    one product: maximum inner product search). A cluster looks as good as the mean of its items'
    scores plus two standard deviations, taking it for round. Padded tables, no custom ops.

    Args:
      weights: `[items, units]` and
      bias: `[items]`, finite.
      clusters: how many to begin with; None for twice the square root of the items.
      probes: clusters scored for a row, unless a query says otherwise.
      seed: of the clustering.

    Attributes:
      columns: `[clusters, largest]` int32 columns of each cluster's items in catalogue order,
        filled up with −1: each column stands once.

    Raises:
      ValueError: no items, numbers that are not finite, or `clusters` or `probes` below 1.

    Source: Auvolat et al. 2015, on clustering for maximum inner product search.
    """

    def __init__(
        self,
        weights: npt.ArrayLike,
        bias: npt.ArrayLike,
        *,
        clusters: int | None = None,
        probes: int = 16,
        seed: int = 0,
    ) -> None:
        super().__init__(name="clustered_index")
        if probes < 1:
            raise ValueError(f"probes: got {probes}, expected 1 or more")
        tables = cluster_tables(weights, bias, clusters, seed=seed)
        self.num_items, self.units = np.shape(weights)
        self.num_clusters, self.probes = len(tables.columns), probes
        # Variables, because a graph's constants end at 2 GB.
        self.columns, self.rows, self.offsets, self.centres, self.spread, self.log_size = (
            tf.Variable(table, trainable=False, name=name)
            for name, table in tables._asdict().items()
        )

    def top_k(
        self,
        hidden: tf.Tensor,
        k: int | tf.Tensor,
        *,
        probes: int | None = None,
        marks: Marks | None = None,
    ) -> TopK:
        """The best items of the best clusters, by their exact scores.

        Args:
          hidden: `[batch, units]`, any float dtype.
          k: how many, 1 and more; cut at the number of items.
          probes: clusters to score; all of them give every item, as `exact_top_k` does.
          marks: what sets items apart for each row.

        Returns:
          The best found; fewer than k where the probed clusters hold fewer. The normaliser is an
          estimate: exact over the probed clusters, and each other one counts as if all its items
          scored their mean, without the seen term. Without that term it is never above the true
          one (Jensen's inequality), save by rounding. Where log-probabilities must be exact, take
          it from `streaming_top_k`.

        Raises:
          ValueError: `k` or `probes` is a number below 1.
        """
        width = _width(k, self.num_items)
        wanted = self.probes if probes is None else probes
        if wanted < 1:
            raise ValueError(f"probes: got {wanted}, expected 1 or more")
        hidden = tf.cast(hidden, tf.float32)
        query = tf.concat([hidden, tf.ones_like(hidden[:, :1])], axis=1)
        mean = tf.matmul(query, self.centres, transpose_b=True)  # [batch, clusters]
        promise = mean + 2.0 * tf.norm(query, axis=1, keepdims=True) * self.spread
        probe = tf.math.top_k(promise, min(wanted, self.num_clusters)).indices

        def score(row: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
            state, own = row
            rows = tf.reshape(tf.gather(self.rows, own), [-1, self.units])
            offsets = tf.reshape(tf.gather(self.offsets, own), [-1])
            return _scores(state[tf.newaxis], rows, offsets)[0]

        count = probe.shape[1] * self.columns.shape[1]
        # A row at a time: all rows' items at once would be [batch, items scored, units].
        scores = tf.map_fn(
            score, (hidden, probe), fn_output_signature=tf.TensorSpec([count], tf.float32)
        )
        columns = tf.reshape(tf.gather(self.columns, probe), [-1, count])
        place = tf.maximum(columns, 0)
        part = Part(
            columns,
            lambda lists: tf.gather(among(lists, 0, self.num_items), place, batch_dims=1),
            lambda x: tf.gather(x, place),
            lambda x: tf.gather(x, place, batch_dims=1),
        )
        scores = marked(scores, marks, part)
        choice = candidates(scores, marks, part)
        probed = among(probe, 0, self.num_clusters)
        rest = tf.where(probed, -np.inf, mean + self.log_size)
        normalizer = tf.reduce_logsumexp(tf.concat([scores, rest], axis=1), axis=1)
        found = _at_most(width, count)
        order = tf.math.top_k(_score_then_column(choice, columns), found).indices
        best = tf.gather(choice, order, batch_dims=1)
        columns = tf.gather(columns, order, batch_dims=1)
        more = [[0, 0], [0, width - found]]
        return _answer(
            tf.pad(best, more, constant_values=-np.inf), tf.pad(columns, more), normalizer, marks
        )


def recall_at_k(approximate: npt.ArrayLike, exact: npt.ArrayLike) -> float:
    """The share of the exact answers that an approximate one holds, averaged over rows.

    Args:
      approximate: `[batch, any]` columns, negative where there are none.
      exact: `[batch, k]` columns, likewise; rows without any are left out.

    Returns:
      0 to 1, or NaN where there are no exact answers. An item that ties with an exact answer and
      stands in its place counts as a miss.

    >>> recall_at_k([[3, 1], [5, -1]], [[1, 2], [5, -1]])
    0.75
    """
    found, wanted = np.asarray(approximate), np.asarray(exact)
    there = wanted >= 0
    hits = there & np.any(wanted[:, :, np.newaxis] == found[:, np.newaxis], axis=2)
    rows = there.any(axis=1)
    if not rows.any():
        return float("nan")
    return float(np.mean(hits.sum(axis=1)[rows] / there.sum(axis=1)[rows]))


def _items(weights: tf.Tensor) -> int | tf.Tensor:
    """Rows of the item matrix, as a number where it is known."""
    known = weights.shape[0]
    return tf.shape(weights)[0] if known is None else known


def _at_most(number: int | tf.Tensor, limit: int | tf.Tensor) -> int | tf.Tensor:
    """The smaller one, as a number where both are."""
    if isinstance(number, int) and isinstance(limit, int):
        return min(number, limit)
    return tf.minimum(number, limit)


def _width(k: int | tf.Tensor, items: int | tf.Tensor) -> int | tf.Tensor:
    """How many answers a row gets."""
    if isinstance(k, int) and k < 1:
        raise ValueError(f"k: got {k}, expected 1 or more")
    return _at_most(k, items)


def _scores(hidden: tf.Tensor, weights: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
    """`[batch, items]` float32 without the seen term."""
    products = tf.matmul(tf.cast(hidden, weights.dtype), weights, transpose_b=True)
    return tf.cast(products, tf.float32) + tf.cast(bias, tf.float32)


def _score_then_column(scores: tf.Tensor, columns: tf.Tensor) -> tf.Tensor:
    """Int64 keys that grow with the score and, where scores are equal, fall with the column."""
    # A float's bits, read as an integer, grow with it; below zero they fall.
    bits = tf.bitcast(tf.where(scores == 0.0, 0.0, scores), tf.int32)  # -0.0 is 0.0
    rising = tf.where(bits < 0, tf.bitwise.bitwise_xor(bits, 0x7FFFFFFF), bits)
    return tf.cast(rising, tf.int64) * 2**32 - tf.cast(columns, tf.int64)


def _answer(
    best: tf.Tensor, columns: tf.Tensor, normalizer: tf.Tensor, marks: Marks | None
) -> TopK:
    """Takes off what was added to choose by; what is no candidate loses its column."""
    columns = tf.where(best > -np.inf, columns, -1)
    return TopK(best - added(marks, columns), columns, normalizer)
