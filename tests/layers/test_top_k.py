"""Three ways to the best items against a sort in NumPy, ties included, and one another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_recommenders as tfrs
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tfhrnn.layers.gumbel import gumbel_noise
from tfhrnn.layers.marks import Marks
from tfhrnn.layers.top_k import (
    ClusteredIndex,
    TopK,
    exact_top_k,
    recall_at_k,
    streaming_top_k,
)

World = dict[str, Any]


def whole_numbers(items: int, batch: int, seed: int) -> World:
    """Small whole numbers: float32 adds them up exactly in any order, and many scores tie.

    The seen term is one number, one a row or one an item, by the seed.
    """
    rng = np.random.default_rng(seed)
    lists = rng.integers(-3, items + 3, (3, batch, 6))  # some are no column, some repeat
    return {
        "hidden": rng.integers(-1, 2, (batch, 3)).astype(np.float32),
        "weights": rng.integers(-1, 2, (items, 3)).astype(np.float32),
        "bias": rng.integers(-1, 2, items).astype(np.float32),
        "marks": Marks(
            seen=tf.constant(lists[0], tf.int32),
            seen_bias=(-2.0, rng.integers(-3, 1, (batch, 1)), rng.integers(-3, 1, items))[seed % 3],
            excluded=tf.constant(lists[1], tf.int32),
            allowed=tf.constant(lists[2], tf.int32),
            restricted=tf.constant(rng.integers(0, 3, batch) == 0),
            open=tf.constant(rng.integers(0, 5, (batch, items)) > 0),
            influence=tf.constant(rng.integers(-2, 3, items), tf.float32) if seed % 2 else None,
        ),
    }


def normal_numbers(items: int, batch: int, units: int, seed: int) -> World:
    rng = np.random.default_rng(seed)
    shapes = {"hidden": (batch, units), "weights": (items, units), "bias": (items,)}
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def by_sorting(world: World, k: int) -> tuple[Any, Any, Any]:
    """Scores, columns and normaliser by definition, in float64."""
    hidden, weights, bias = (
        np.asarray(world[name], np.float64) for name in ("hidden", "weights", "bias")
    )
    marks = world.get("marks") or Marks()
    scores = hidden @ weights.T + bias
    items = scores.shape[1]
    lists = [
        np.empty((len(scores), 0)) if x is None else np.asarray(x)
        for x in (marks.seen, marks.excluded, marks.allowed)
    ]
    seen, excluded, allowed = (np.any(x[:, :, None] == np.arange(items), axis=1) for x in lists)
    if marks.restricted is not None:
        excluded |= np.asarray(marks.restricted)[:, None] & ~allowed
    scores = scores + marks.seen_bias * seen
    highest = scores.max(axis=1)
    normalizer = highest + np.log(np.exp(scores - highest[:, None]).sum(axis=1))
    if marks.open is not None:
        excluded |= ~np.asarray(marks.open)
    scores = np.where(excluded, -np.inf, scores)
    choice = scores + (0.0 if marks.influence is None else np.asarray(marks.influence))
    order = np.stack([np.lexsort((np.arange(items), -row)) for row in choice])[:, :k]
    best = np.take_along_axis(scores, order, axis=1)
    return best, np.where(np.isneginf(best), -1, order), normalizer


def all_probes(world: World, k: int) -> TopK:
    index = ClusteredIndex(world["weights"], world["bias"], seed=1)
    return index.top_k(world["hidden"], k, probes=index.num_clusters, marks=world.get("marks"))


WAYS: dict[str, Callable[[World, int], TopK]] = {
    "exact": lambda world, k: exact_top_k(k=k, **world),
    "streaming": lambda world, k: streaming_top_k(k=k, chunk=17, **world),
    "clustered, all probed": all_probes,
}


@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=40)
@given(
    items=st.integers(1, 70), batch=st.integers(1, 3), k=st.integers(1, 80), seed=st.integers(0, 99)
)
def test_answers_are_the_sorted_scores_with_ties_in_catalogue_order(
    way: str, items: int, batch: int, k: int, seed: int
) -> None:
    world = whole_numbers(items, batch, seed)
    found = WAYS[way](world, k)
    scores, columns, normalizer = by_sorting(world, k)
    assert found.scores.shape == found.columns.shape == (batch, min(k, items))
    np.testing.assert_array_equal(found.scores, scores)
    np.testing.assert_array_equal(found.columns, columns)
    # Scores of size 10 in float32, added up in another order.
    np.testing.assert_allclose(found.log_normalizer, normalizer, rtol=1e-5, atol=1e-5)


@settings(max_examples=40)
@given(
    items=st.integers(1, 200),
    batch=st.sampled_from([1, 2, 16]),
    units=st.sampled_from([1, 7, 64]),
    k=st.integers(1, 30),
    chunk=st.integers(1, 250),
    seed=st.integers(0, 99),
)
# A product with one column is added up otherwise: scores differ in their last bits.
@example(items=50, batch=16, units=64, k=30, chunk=1, seed=0)
def test_a_stream_gives_the_whole_matrix_answers_bit_for_bit(
    items: int, batch: int, units: int, k: int, chunk: int, seed: int
) -> None:
    world = normal_numbers(items, batch, units, seed)
    whole, stream = exact_top_k(k=k, **world), streaming_top_k(k=k, chunk=chunk, **world)
    np.testing.assert_array_equal(stream.scores, whole.scores)
    np.testing.assert_array_equal(stream.columns, whole.columns)
    np.testing.assert_allclose(stream.log_normalizer, whole.log_normalizer, rtol=1e-5, atol=1e-5)


def test_tfrs_streams_to_the_same_items() -> None:
    world = whole_numbers(57, 4, 0)
    rows = tf.data.Dataset.from_tensor_slices(world["weights"]).batch(10)
    theirs = tfrs.layers.factorized_top_k.Streaming(k=20).index_from_dataset(rows)
    scores, columns = theirs(tf.constant(world["hidden"]))
    ours = streaming_top_k(world["hidden"], world["weights"], np.zeros(57, np.float32), 20, 16)
    np.testing.assert_array_equal(ours.scores, scores)
    np.testing.assert_array_equal(ours.columns, columns)


@pytest.mark.parametrize("seed", range(3))
def test_all_clusters_find_what_the_whole_matrix_finds(seed: int) -> None:
    # Columns only: products of other shapes may differ in the last bits of a score.
    world = normal_numbers(300, 16, 8, seed)
    np.testing.assert_array_equal(all_probes(world, 10).columns, exact_top_k(k=10, **world).columns)


def test_recall_and_the_estimated_normaliser_rise_with_probes() -> None:
    world = normal_numbers(1000, 12, 8, 0)
    exact = exact_top_k(k=10, **world)
    index = ClusteredIndex(world["weights"], world["bias"], probes=3)
    probes = [1, 2, 4, 8, 16, 32, index.num_clusters]
    found = [index.top_k(world["hidden"], 10, probes=n) for n in probes]
    recall = [recall_at_k(answer.columns, exact.columns) for answer in found]
    assert recall == sorted(recall) and recall[0] < 0.8 and recall[-1] == 1.0
    normalizers = np.array([answer.log_normalizer for answer in found])
    # Jensen: never above the true one, but for rounding.
    assert np.all(np.diff(normalizers, axis=0) > -1e-5)
    np.testing.assert_allclose(normalizers[-1], exact.log_normalizer, rtol=1e-5)
    # Without being asked, it probes as many as it was built with; more than all are all.
    own, more = index.top_k(world["hidden"], 10), index.top_k(world["hidden"], 10, probes=10**6)
    three = index.top_k(world["hidden"], 10, probes=3)
    np.testing.assert_array_equal(own.columns, three.columns)
    np.testing.assert_array_equal(more.columns, found[-1].columns)


def test_one_probe_answers_the_cluster_that_promises_most_and_leaves_places_empty() -> None:
    world = normal_numbers(50, 4, 3, 0)
    index = ClusteredIndex(world["weights"], world["bias"])
    found = index.top_k(world["hidden"], 100, probes=1)
    members = [row[row >= 0] for row in index.columns.numpy()]
    points = [np.column_stack([world["weights"], world["bias"]])[own] for own in members]
    assert found.columns.shape == (4, 50)
    for state, scores, columns in zip(world["hidden"], *map(np.asarray, found[:2]), strict=True):
        query = np.append(state, 1.0)
        # The mean score, and two standard deviations if items lay alike in all directions.
        promise = [
            np.mean(own @ query) + 2 * np.linalg.norm(query) * np.std(own - own.mean(axis=0))
            for own in points
        ]
        best = members[int(np.argmax(promise))]
        assert sorted(columns[: len(best)]) == sorted(best)
        assert np.all(columns[len(best) :] == -1) and np.all(np.isneginf(scores[len(best) :]))


def test_what_is_excluded_counts_in_the_normaliser_and_is_not_answered() -> None:
    world = normal_numbers(40, 2, 3, 1)
    everything = tf.tile(tf.range(40)[tf.newaxis], [2, 1])
    plain = exact_top_k(k=5, **world)
    for way in WAYS.values():
        found = way({**world, "marks": Marks(excluded=everything)}, 5)
        assert np.all(found.columns == -1) and np.all(np.isneginf(found.scores))
        np.testing.assert_allclose(found.log_normalizer, plain.log_normalizer, rtol=1e-5)


@pytest.mark.parametrize("way", WAYS)
def test_exploring_sorts_by_noise_that_is_not_in_the_scores(way: str) -> None:
    world = whole_numbers(60, 4, 0)
    weight, seed = np.array([0.0, 1.0, 0.5, 2.0], np.float32), np.array([7, 7, 8, -9])
    noise = weight[:, None] * gumbel_noise(seed[:, None], np.arange(60)).numpy()
    world["marks"] = world["marks"]._replace(exploration=tf.constant(weight), seed=seed)
    found = WAYS[way](world, 12)
    best, columns, normalizer = by_sorting(world, 60)
    scores = np.full((4, 60), -np.inf)
    for row in range(4):
        there = columns[row] >= 0
        scores[row, columns[row, there]] = best[row, there]
        order = np.argsort(-(scores[row] + noise[row]), kind="stable")[:12]
        wanted = np.where(np.isneginf(scores[row, order]), -1, order)
        assert found.columns[row].numpy().tolist() == wanted.tolist()
        np.testing.assert_allclose(found.scores[row], scores[row, order], atol=1e-5)
    np.testing.assert_allclose(found.log_normalizer, normalizer, rtol=1e-5)
    np.testing.assert_array_equal(found.scores[0], best[0, :12])  # to the last bit where none is


@pytest.mark.parametrize("way", ["exact", "streaming"])
def test_sizes_that_a_graph_does_not_know_agree(way: str) -> None:
    world = whole_numbers(45, 3, 2)
    specs = [
        tf.TensorSpec([None, 3]),
        tf.TensorSpec([None, 3]),
        tf.TensorSpec([None]),
        tf.TensorSpec([], tf.int32),
        tf.TensorSpec([None, None], tf.int32),
    ]

    @tf.function(input_signature=specs)
    def graph(hidden: Any, weights: Any, bias: Any, k: Any, seen: Any) -> TopK:
        marks = Marks(seen=seen, seen_bias=-2.0, excluded=seen)
        if way == "exact":
            return exact_top_k(hidden, weights, bias, k, marks=marks)
        return streaming_top_k(hidden, weights, bias, k, 20, marks=marks)

    parts = [world[name] for name in ("hidden", "weights", "bias")]
    seen = world["marks"].seen
    world["marks"] = Marks(seen, -2.0, seen)
    for k in (4, 60):
        found = graph(*parts, k, seen)
        scores, columns, _ = by_sorting(world, k)
        np.testing.assert_array_equal(found.scores, scores)
        np.testing.assert_array_equal(found.columns, columns)


@pytest.mark.parametrize("way", WAYS)
def test_compiled_code_agrees(way: str) -> None:
    world = whole_numbers(45, 3, 3)
    index = ClusteredIndex(world["weights"], world["bias"])

    @tf.function(jit_compile=True)
    def compiled(hidden: Any) -> TopK:
        if way == "clustered, all probed":
            return index.top_k(hidden, 9, probes=index.num_clusters, marks=world["marks"])
        return WAYS[way]({**world, "hidden": hidden}, 9)

    found = compiled(tf.constant(world["hidden"]))
    scores, columns, normalizer = by_sorting(world, 9)
    np.testing.assert_array_equal(found.scores, scores)
    np.testing.assert_array_equal(found.columns, columns)
    np.testing.assert_allclose(found.log_normalizer, normalizer, rtol=1e-5)


def test_a_stream_never_holds_the_scores_of_all_items() -> None:
    world = {name: tf.constant(x) for name, x in normal_numbers(997, 4, 3, 0).items()}

    def largest(function: Callable[[], TopK]) -> int:
        """Elements of the largest tensor with a row for each of the four states."""
        graph = tf.function(function).get_concrete_function().graph
        bodies = [graph, *(f.graph for f in graph._functions.values() if hasattr(f, "graph"))]
        outputs = [o for body in bodies for op in body.get_operations() for o in op.outputs]
        return max(o.shape.num_elements() or 0 for o in outputs if o.shape[:1] == [4])

    assert largest(lambda: exact_top_k(k=5, **world)) == 4 * 997
    assert largest(lambda: streaming_top_k(k=5, chunk=50, **world)) <= 4 * (50 + 5)


def test_an_index_answers_from_a_saved_model(tmp_path: Path) -> None:
    world = normal_numbers(200, 5, 6, 0)
    module = tf.Module()
    module.index = ClusteredIndex(world["weights"], world["bias"], probes=4)

    @tf.function(input_signature=[tf.TensorSpec([None, 6]), tf.TensorSpec([], tf.int32)])
    def serve(hidden: Any, k: Any) -> dict[str, Any]:
        return module.index.top_k(hidden, k)._asdict()

    module.serve = serve
    tf.saved_model.save(module, str(tmp_path), signatures=serve)
    loaded = tf.saved_model.load(str(tmp_path)).signatures["serving_default"]
    for k in (3, 500):
        wanted = module.index.top_k(world["hidden"], k)
        found = loaded(hidden=tf.constant(world["hidden"]), k=tf.constant(k))
        np.testing.assert_array_equal(found["columns"], wanted.columns)
        np.testing.assert_array_equal(found["scores"], wanted.scores)


def test_states_in_low_precision_are_scored_in_that_of_the_items() -> None:
    world = whole_numbers(30, 2, 4)
    low = {**world, "hidden": tf.cast(world["hidden"], tf.bfloat16)}  # whole numbers stay whole
    for way in WAYS.values():
        np.testing.assert_array_equal(way(low, 5).columns, way(world, 5).columns)
        assert way(low, 5).scores.dtype == tf.float32


def test_recall_counts_exact_answers_found() -> None:
    assert recall_at_k([[4, 2, 9]], [[2, 4, 7]]) == pytest.approx(2 / 3)  # order is no matter
    # A row with one exact answer, found; one with two, one found; one with none is left out.
    assert recall_at_k([[1, -1], [5, 6], [-1, -1]], [[1, -1], [6, 7], [-1, -1]]) == 0.75
    assert np.isnan(recall_at_k([[-1]], [[-1]]))


def test_numbers_below_one_are_refused() -> None:
    world = normal_numbers(5, 1, 2, 0)
    with pytest.raises(ValueError, match="k: got 0, expected 1 or more"):
        exact_top_k(k=0, **world)
    with pytest.raises(ValueError, match="chunk: got 0, expected 1 or more"):
        streaming_top_k(k=1, chunk=0, **world)
    with pytest.raises(ValueError, match="probes: got 0, expected 1 or more"):
        ClusteredIndex(world["weights"], world["bias"], probes=0)
    with pytest.raises(ValueError, match="probes: got -1, expected 1 or more"):
        ClusteredIndex(world["weights"], world["bias"]).top_k(world["hidden"], 1, probes=-1)
