"""The in-batch loss against its formula and against the task of TensorFlow Recommenders."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_recommenders as tfrs

from tfhrnn.errors import ConfigError
from tfhrnn.layers.in_batch import InBatch
from tfhrnn.layers.losses import Targets, chunked_cross_entropy

UNITS = 4


def world(targets: Any, *, items: int, seed: int = 0, count: Any = None) -> dict[str, Any]:
    """One lane with these targets, `[window]` or `[window, tied]`."""
    rng = np.random.default_rng(seed)
    targets = np.array(targets, np.int32).reshape(1, len(targets), -1)
    shape = targets.shape[:2]
    return {
        "hidden": tf.constant(rng.normal(size=(*shape, UNITS)), tf.float32),
        "weights": tf.constant(rng.normal(size=(items, UNITS)), tf.float32),
        "bias": tf.constant(rng.normal(size=items), tf.float32),
        "targets": Targets(
            tf.constant(targets),
            tf.ones(shape, tf.int32) if count is None else tf.constant([count]),
        ),
        "weight": tf.ones(shape),
    }


def scores(given: dict[str, Any]) -> Any:
    """`[window, items]` of the lane."""
    return given["hidden"].numpy()[0] @ given["weights"].numpy().T + given["bias"].numpy()


def test_it_is_the_formula() -> None:
    # Tied targets, a repeated one, a step without weight (no candidate), a seen item (4).
    targets, count = [[1, 9], [4, 1], [1, 9], [0, 9], [2, 2]], [1, 2, 1, 1, 2]
    counts = np.array([0, 8, 3, 2, 4, 0, 0, 0, 0, 0])
    given = world(targets, items=10, count=count)
    given["weight"] = tf.constant([[1.0, 2, 1, 0, 0.5]])
    given |= {"stays": tf.constant([[[4, 1, 3]]]), "seen_bias": tf.constant(-0.7)}
    total, found = InBatch(counts)(**given)
    s = scores(given).astype(np.float64)
    s[1:3, 4] -= 0.7
    expected = 3 * (counts + 1) / (counts + 1).sum()  # three other steps with a weight
    candidates = {0: 1, 1: 4, 2: 1, 4: 2}
    for step in (0, 1, 2, 4):
        own = targets[step][: count[step]]
        z = sum(np.exp(s[step, j]) for j in set(own))
        for other, j in candidates.items():
            if other != step and j not in own:
                z += np.exp(s[step, j]) / expected[j]
        wanted = np.log(z) - np.mean([s[step, j] for j in own])
        assert float(found[0, step]) == pytest.approx(wanted, rel=1e-5)
    assert float(total) == pytest.approx(np.dot(given["weight"][0], found[0]), rel=1e-5)
    assert np.isfinite(found).all()


def test_where_nothing_is_to_correct_it_is_the_task_itself() -> None:
    # 6 even items and 6 other steps: each is expected once. Targets 0 and 3 come twice and hit.
    given = world([0, 3, 5, 0, 1, 2, 3], items=6)
    columns = given["targets"].items[0, :, 0]
    weight = np.array([1, 1, 0.5, 2, 1, 1, 1], np.float32)
    given["weight"] = tf.constant([weight])
    total, _ = InBatch(np.full(6, 7))(**given)
    # The task has no bias: one more unit, 1 in every state.
    hidden = tf.concat([given["hidden"][0], tf.ones([7, 1])], axis=1)
    rows = tf.concat([given["weights"], given["bias"][:, None]], axis=1)
    wanted = tfrs.tasks.Retrieval(remove_accidental_hits=True)(
        hidden, tf.gather(rows, columns), sample_weight=weight, candidate_ids=columns
    )
    assert float(total) == pytest.approx(float(wanted), rel=1e-5)


def test_the_sum_over_items_is_right_in_expectation() -> None:
    # Target 1 and two other steps whose targets come by their shares: all 16 windows.
    counts = np.array([3, 0, 1, 4])
    share = (counts + 1) / (counts + 1).sum()
    loss, expected = InBatch(counts), 0.0
    for pair in product(range(4), repeat=2):
        given = world([1, *pair], items=4)
        _, found = loss(**given)
        expected += share[list(pair)].prod() * np.exp(float(found[0, 0]))
    s = scores(given)[0]
    assert expected == pytest.approx(np.exp(s).sum() / np.exp(s[1]), rel=1e-5)


def test_where_every_item_stands_in_its_share_it_is_the_full_softmax() -> None:
    # One step that counts, and the others' targets as often as expected: 188 q = counts + 1.
    counts = np.array([3, 0, 15, 4, 40, 120])
    given = world([3, *np.repeat(np.arange(6), counts + 1)], items=6)
    given["weight"] = tf.constant([[1.0, *[1e-9] * 188]])
    leaves = [given[name] for name in ("hidden", "weights", "bias")]

    def slopes(loss: Any) -> list[Any]:
        with tf.GradientTape() as tape:
            tape.watch(leaves)
            total, _ = loss(**given)
        return [tf.convert_to_tensor(slope) for slope in tape.gradient(total, leaves)]

    found, wanted = slopes(InBatch(counts)), slopes(chunked_cross_entropy)
    for ours, theirs in zip(found, wanted, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
    even = slopes(InBatch(np.ones(6, int)))  # the wrong correction
    assert np.abs(even[2] - wanted[2]).max() > 0.1


def test_rare_items_are_corrected_beyond_one_in_a_million() -> None:
    # Item 2: 1 in 1e8 events. TFRS would take 1e-6 for it, 4.6 nats off.
    counts = np.array([10**8, 10**4, 0])
    given = world([0, 2], items=3)
    _, found = InBatch(counts)(**given)
    s = scores(given)[0]
    other = s[2] - np.log(1 / (counts.sum() + 3))
    assert float(found[0, 0]) == pytest.approx(np.logaddexp(s[0], other) - s[0], rel=1e-4)


def test_a_step_without_weight_is_nobodys_negative() -> None:
    given = world([0, 1, 2], items=5)
    given["weight"] = tf.constant([[1.0, 0, 1]])
    changed = {**given, "targets": world([0, 4, 2], items=5)["targets"]}
    with tf.GradientTape() as tape:
        tape.watch(given["weights"])
        total, found = InBatch(np.ones(5, int))(**given)
    slope = tf.convert_to_tensor(tape.gradient(total, given["weights"])).numpy()
    other_total, other = InBatch(np.ones(5, int))(**changed)
    assert float(total) == float(other_total)
    np.testing.assert_array_equal(found.numpy()[0, [0, 2]], other.numpy()[0, [0, 2]])
    assert not slope[1].any() and slope[0].any() and slope[2].any()


def test_hits_have_no_probability_and_no_gradient() -> None:
    # Both steps have target 0: nothing is left to tell it from.
    given = world([[0, 3], [3, 0]], items=5, count=[2, 1])
    with tf.GradientTape() as tape:
        tape.watch(given["bias"])
        total, found = InBatch(np.ones(5, int))(**given)
    slope = tf.convert_to_tensor(tape.gradient(total, given["bias"])).numpy()
    # Step 0 has 0 and 3, step 1 has 3 and meets 0: softmaxes of two, with 1 · 1/5 expected.
    s = scores(given)
    z = np.exp([s[0, [0, 3]], s[1, [0, 3]] - np.log([1 / 5, 1])])
    wanted = z / z.sum(axis=1, keepdims=True) - [[0.5, 0.5], [0, 1]]
    np.testing.assert_allclose(
        slope, np.insert(wanted.sum(axis=0), 1, [0, 0, 0])[[0, 1, 2, 4, 3]], atol=1e-6
    )
    same = world([3, 3], items=5)
    with tf.GradientTape() as tape:
        tape.watch(same["bias"])
        total, found = InBatch(np.ones(5, int))(**same)
    slope = tf.convert_to_tensor(tape.gradient(total, same["bias"])).numpy()
    assert found.numpy().tolist() == [[0, 0]] and not slope.any()


def test_the_task_does_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    plain = tfrs.tasks.Retrieval.__call__

    def spied(self: Any, queries: Any, candidates: Any, **options: Any) -> Any:
        calls.append((queries.shape, candidates.shape))
        return plain(self, queries, candidates, **options)

    monkeypatch.setattr(tfrs.tasks.Retrieval, "__call__", spied)
    InBatch(np.ones(5, int))(**world([0, 1, 2], items=5))
    assert calls == [((3, UNITS), (3, UNITS))]


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_the_global_precision_is_left_alone(policy: str) -> None:
    given = world([0, 1, 2, 0], items=5)
    _, wanted = InBatch(np.ones(5, int))(**given)
    tf.keras.mixed_precision.set_global_policy(policy)
    try:
        _, found = InBatch(np.ones(5, int))(**given)
        assert tf.keras.mixed_precision.global_policy().name == policy
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")
    np.testing.assert_array_equal(found, wanted)


def test_one_step_alone_has_no_negatives() -> None:
    _, found = InBatch(np.ones(5, int))(**world([2], items=5))
    assert found.numpy().tolist() == [[0]]


def test_no_items_are_an_error() -> None:
    with pytest.raises(ConfigError, match=r"item_counts: got shape \(0,\)"):
        InBatch(np.ones(0, int))


@pytest.mark.parametrize("autograph", [True, False])
def test_a_traced_step_has_the_same_loss_and_gradients(autograph: bool) -> None:
    given = world([0, 3, 5, 0, 1], items=6)
    loss = InBatch(np.full(6, 7))

    def gradients() -> Any:
        with tf.GradientTape() as tape:
            tape.watch([given["hidden"], given["weights"]])
            total, _ = loss(**given)
        return [total, *tape.gradient(total, [given["hidden"], given["weights"]])]

    traced = tf.function(gradients, autograph=autograph)()
    for one, other in zip(gradients(), traced, strict=True):
        np.testing.assert_allclose(tf.convert_to_tensor(one), tf.convert_to_tensor(other), 1e-5)
