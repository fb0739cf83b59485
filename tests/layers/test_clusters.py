"""Clusters of items: a partition without large parts, and tables that hold each item once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfhrnn.layers.clusters import cluster_rows, cluster_tables


def blobs(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Sixty rows around four corners of a square of side 10, and whose corner each is."""
    rng = np.random.default_rng(seed)
    corner = rng.permutation(np.repeat(np.arange(4), 15))
    rows = 10.0 * np.stack([corner // 2, corner % 2], axis=1) + 0.1 * rng.normal(size=(60, 2))
    return rows.astype(np.float32), corner


@settings(max_examples=60)
@given(
    rows=st.integers(1, 80),
    clusters=st.integers(1, 90),
    values=st.sampled_from([1, 3, 1000]),
    most=st.sampled_from([1.0, 1.5, 3.0]),
    seed=st.integers(0, 5),
)
def test_numbers_are_all_in_use_and_no_cluster_is_too_large(
    rows: int, clusters: int, values: int, most: float, seed: int
) -> None:
    # With one value all rows are alike, with three most of them are.
    given = np.random.default_rng(seed).integers(0, values, (rows, 2)).astype(np.float32)
    assignment = cluster_rows(given, clusters, seed=seed, most=most)
    size = np.bincount(assignment)
    assert len(assignment) == rows and size.min() >= 1
    assert size.max() <= np.ceil(most * rows / min(clusters, rows))


def test_far_groups_are_kept_apart() -> None:
    rows, corner = blobs()
    # With eight centres none of four groups is likely to be missed; a group may be cut.
    assignment = cluster_rows(rows, 8)
    for number in range(assignment.max() + 1):
        assert len(set(corner[assignment == number])) == 1


def test_a_seed_makes_the_same_clusters_again_and_rows_stay_untouched() -> None:
    rows, _ = blobs()
    before = rows.copy()
    np.testing.assert_array_equal(cluster_rows(rows, 6, seed=3), cluster_rows(rows, 6, seed=3))
    np.testing.assert_array_equal(rows, before)


def test_tables_hold_every_item_once_with_its_numbers() -> None:
    weights, _ = blobs()
    bias = np.arange(60, dtype=np.float32)
    tables = cluster_tables(weights, bias, 7)
    here = tables.columns >= 0
    columns = tables.columns[here]
    assert sorted(columns) == list(range(60))
    np.testing.assert_array_equal(tables.rows[here], weights[columns])
    np.testing.assert_array_equal(tables.offsets[here], bias[columns])
    assert np.all(tables.rows[~here] == 0) and np.all(np.isneginf(tables.offsets[~here]))
    for at, row in enumerate(tables.columns):
        own = row[row >= 0]
        assert np.all(np.diff(own) > 0) and np.all(row[len(own) :] == -1)
        points = np.column_stack([weights, bias])[own].astype(np.float64)
        np.testing.assert_allclose(tables.centres[at], points.mean(axis=0), rtol=1e-5, atol=1e-6)
        # The root of the mean square over items and coordinates.
        spread = np.sqrt(np.mean((points - points.mean(axis=0)) ** 2))
        np.testing.assert_allclose(tables.spread[at], spread, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(tables.log_size[at], np.log(len(own)), rtol=1e-6)


def test_by_default_clusters_are_about_twice_the_root_of_the_items() -> None:
    rng = np.random.default_rng(0)
    tables = cluster_tables(rng.normal(size=(400, 3)), rng.normal(size=400))
    assert 30 <= len(tables.columns) <= 60  # 40, less empty ones, plus cut ones
    assert tables.columns.shape[1] <= 15  # one and a half times 400 / 40


def test_what_cannot_be_clustered_is_refused() -> None:
    weights, bias = np.zeros((5, 2)), np.zeros(5)
    with pytest.raises(ValueError, match="clusters: got 0, expected 1 or more"):
        cluster_tables(weights, bias, 0)
    with pytest.raises(ValueError, match="weights: got no items"):
        cluster_tables(weights[:0], bias[:0])
    weights[3, 1], bias[4] = np.nan, -np.inf
    with pytest.raises(ValueError, match=r"item 3: expected finite numbers \(1 more items like it"):
        cluster_tables(weights, bias)
