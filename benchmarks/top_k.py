"""What ten recommendations cost: the whole item matrix, in chunks, clustered, by catalogue size.

128 units, for one hidden state and for 16 at a time. Items are drawn around random centres and
states near them, with biases of falling popularity; `recall@10` is the share of the exact answers
found. The last rows give the catalogue size from which a way is faster than scoring the whole
matrix. All three also answer the normaliser, the clustered index an estimate.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

import tfhrnn  # noqa: F401  (picks Keras 2)
from benchmarks.timing import side_by_side
from tfhrnn.layers.top_k import (
    ClusteredIndex,
    TopK,
    exact_top_k,
    recall_at_k,
    streaming_top_k,
)

# ml-100k, ml-20m, the paper's index space for ml-20m, and beyond.
SIZES = (1682, 26_744, 131_263, 500_000)
STATES = (1, 16)
UNITS, CENTRES, K = 128, 300, 10
WAYS = ("exact", "streaming", "clustered")

Floats = npt.NDArray[np.float32]


def run(rounds: int, sizes: Sequence[int] = SIZES) -> list[dict[str, Any]]:
    """Rows of each way at each size, then where each way breaks even."""
    rows = [row for items in sizes for row in _one_size(items, rounds)]
    for states, way in itertools.product(STATES, WAYS[1:]):
        ratios = [row["ratio"] for row in rows if (row["what"], row["states"]) == (way, states)]
        rows.append(
            {
                "what": f"{way}: faster from",
                "states": states,
                "items": break_even(sizes, ratios),
                "milliseconds": "",
                "ratio": 1.0,
                f"recall@{K}": "",
            }
        )
    return rows


def break_even(sizes: Sequence[int], ratios: Sequence[float]) -> str:
    """The size after which a ratio stays below 1, by lines between logarithms.

    Args:
      sizes: rising.
      ratios: one a size.

    Returns:
      The size, or that it lies outside of those measured.

    >>> break_even([10, 1000], [10.0, 0.1]), break_even([10, 20], [1.5, 1.0])
    ('100', 'over 20')
    """
    slower = [at for at, ratio in enumerate(ratios) if ratio >= 1]
    if not slower:
        return f"under {sizes[0]}"
    if slower[-1] == len(sizes) - 1:
        return f"over {sizes[-1]}"
    left = slower[-1]
    high, low = np.log(ratios[left : left + 2])
    share = high / (high - low)
    return str(round(sizes[left] * (sizes[left + 1] / sizes[left]) ** share))


def _one_size(items: int, rounds: int) -> list[dict[str, Any]]:
    """The three ways side by side, for each number of states."""
    weights, bias, hidden = _world(items)
    index = ClusteredIndex(weights, bias)
    matrix, offsets = tf.constant(weights), tf.constant(bias)
    rows = []
    for states in STATES:
        given = tf.constant(hidden[:states])
        ways = _ways(given, matrix, offsets, index)
        exact = ways["exact"]().columns
        timed = side_by_side(ways, rounds)
        for row in timed:
            found = ways[row["what"]]().columns
            rows.append(
                {
                    "what": row["what"],
                    "states": states,
                    "items": items,
                    "milliseconds": row["milliseconds"],
                    "ratio": row["ratio"],
                    f"recall@{K}": recall_at_k(found, exact),
                }
            )
    return rows


def _ways(
    hidden: tf.Tensor, weights: tf.Tensor, bias: tf.Tensor, index: ClusteredIndex
) -> dict[str, Callable[[], TopK]]:
    """What is timed, by name."""

    @tf.function
    def exact() -> TopK:
        return exact_top_k(hidden, weights, bias, K)

    @tf.function
    def streaming() -> TopK:
        return streaming_top_k(hidden, weights, bias, K)

    @tf.function
    def clustered() -> TopK:
        return index.top_k(hidden, K)

    return dict(zip(WAYS, (exact, streaming, clustered), strict=True))


def _world(items: int) -> tuple[Floats, Floats, Floats]:
    """Weights, biases and hidden states."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((CENTRES, UNITS), np.float32) * 0.3
    weights = centres[rng.integers(0, CENTRES, items)]
    weights += rng.standard_normal((items, UNITS), np.float32) * 0.3
    bias = -0.5 * np.log(rng.permutation(items) + 1.0).astype(np.float32)
    near = centres[rng.integers(0, CENTRES, max(STATES))]
    noise = rng.standard_normal((max(STATES), UNITS), np.float32) * 0.5
    return weights, bias, np.tanh(2 * near + noise)
