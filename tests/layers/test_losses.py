"""The chunked softmax against NumPy and TensorFlow's own, in value and gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfhrnn.data.windows import seen_stays
from tfhrnn.layers import losses
from tfhrnn.layers.losses import Targets, chunked_cross_entropy, chunked_ranks, seen_mask

LANES, WINDOW, UNITS, ITEMS = 4, 3, 5, 11


@pytest.fixture(autouse=True, params=[2 * WINDOW, 2], ids=["lanes", "pieces"])
def small_chunks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two chunks of two lanes; or windows cut in two pieces, the second one filled up."""
    monkeypatch.setattr(losses, "_CHUNK_TOKENS", request.param)


def world(seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {
        "hidden": tf.constant(rng.normal(size=(LANES, WINDOW, UNITS)), tf.float32),
        "weights": tf.constant(rng.normal(size=(ITEMS, UNITS)), tf.float32),
        "bias": tf.constant(rng.normal(size=ITEMS), tf.float32),
        "targets": Targets(
            tf.constant(
                rng.permuted(np.tile(np.arange(ITEMS), (LANES, WINDOW, 1)), axis=-1)[..., :3],
                tf.int32,
            ),
            tf.constant(rng.integers(1, 4, (LANES, WINDOW)), tf.int32),
        ),
        "weight": tf.constant(rng.integers(0, 3, (LANES, WINDOW)), tf.float32),
        "stays": tf.constant(
            [[[4, 0, 2], [7, 1, 3], [-2, 0, 0]]] * 2 + [[[0, 0, 3], [0, 0, 0], [10, 2, 2]]] * 2,
            tf.int32,
        ),
        "seen_bias": tf.constant(-1.5),
    }


def plain(leaves: list[Any], given: dict[str, Any]) -> Any:
    """The same by definition, holding everything."""
    hidden, weights, bias, seen_bias = leaves
    mask = np.zeros((LANES, WINDOW, ITEMS), np.float32)
    for lane, rows in enumerate(given["stays"].numpy()):
        for column, first, end in rows:
            if column >= 0:
                mask[lane, first:end, column] = 1
    beta = seen_bias[..., tf.newaxis] if seen_bias.shape.rank == 2 else seen_bias
    scores = tf.einsum("lwu,iu->lwi", hidden, weights) + bias + beta * mask
    log_p = tf.nn.log_softmax(scores)
    items, count = given["targets"].items.numpy(), given["targets"].count.numpy()
    share = (np.arange(3) < count[..., None]) / count[..., None]
    onehot = np.sum(np.eye(ITEMS)[items] * share[..., None], axis=2)
    return -tf.reduce_sum(log_p * tf.constant(onehot, tf.float32), axis=-1)


def betas(seed: int = 7) -> dict[str, Any]:
    """One seen-item bias, one an item, one a step."""
    rng = np.random.default_rng(seed)
    return {
        name: tf.constant(rng.normal(-1.5, 1, shape), tf.float32)
        for name, shape in (("scalar", []), ("item", [ITEMS]), ("step", [LANES, WINDOW]))
    }


@pytest.mark.parametrize("form", ["scalar", "item", "step"])
def test_value_and_gradient_are_those_of_the_whole_softmax(form: str) -> None:
    given = {**world(), "seen_bias": betas()[form]}
    leaves = [given[name] for name in ("hidden", "weights", "bias", "seen_bias")]
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(leaves)
        nats = plain(leaves, given)
        wanted = tf.reduce_sum(nats * given["weight"])
        total, found = chunked_cross_entropy(**given)
        scaled = 3.0 * total
    np.testing.assert_allclose(found, nats, rtol=1e-5)
    np.testing.assert_allclose(total, wanted, rtol=1e-5)
    for ours, theirs in zip(
        tape.gradient(scaled, leaves), tape.gradient(wanted, leaves), strict=True
    ):
        np.testing.assert_allclose(ours, 3.0 * theirs, rtol=1e-4, atol=1e-5)


def smoothed(given: dict[str, Any], share: float) -> tuple[float, dict[str, Any]]:
    """NumPy's Σ weight · −Σ_j q_j log p_j, q = (1 − share) target + share/items, and its slopes."""
    leaves = ("hidden", "weights", "bias")
    hidden, weights, bias = (given[name].numpy().astype(np.float64) for name in leaves)
    mask = np.zeros((LANES, WINDOW, ITEMS))
    for lane, rows in enumerate(given["stays"].numpy()):
        for column, first, end in rows:
            if column >= 0:
                mask[lane, first:end, column] = 1
    beta = given["seen_bias"].numpy().astype(np.float64)
    scores = hidden @ weights.T + bias + (beta[..., None] if beta.ndim == 2 else beta) * mask
    log_p = scores - np.log(np.exp(scores).sum(-1, keepdims=True))
    wanted = np.full(scores.shape, share / ITEMS)
    items, count = given["targets"].items.numpy(), given["targets"].count.numpy()
    for lane, step in np.ndindex(LANES, WINDOW):
        for item in items[lane, step, : count[lane, step]]:
            wanted[lane, step, item] += (1 - share) / count[lane, step]
    weight = given["weight"].numpy()[..., None]
    slope = (np.exp(log_p) - wanted) * weight  # d/d scores, since wanted sums to 1
    return -(wanted * log_p * weight).sum(), {
        "hidden": slope @ weights,
        "weights": np.einsum("lwi,lwu->iu", slope, hidden),
        "bias": slope.sum((0, 1)),
        "seen_bias": (slope * mask).sum(axis=((0, 1, 2), (0, 1), 2)[beta.ndim]),
    }


MODES: dict[str, Any] = {
    "eager": lambda f: f,
    "graph": tf.function,
    "compiled": lambda f: tf.function(f, jit_compile=True),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("share", "form"), [(0.1, "scalar"), (0.9, "item"), (0.5, "step")])
def test_smoothing_is_its_formula_and_reports_the_true_targets(
    share: float, form: str, mode: str
) -> None:
    given = {**world(8), "seen_bias": betas()[form]}
    value, slopes = smoothed(given, share)
    names = list(slopes)

    def judged(leaves: list[Any]) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(leaves)
            total, nats = chunked_cross_entropy(
                **{**given, **dict(zip(names, leaves, strict=True))}, label_smoothing=share
            )
            scaled = 3.0 * total
        return total, nats, tape.gradient(scaled, leaves)

    total, nats, found = MODES[mode](judged)([given[name] for name in names])
    np.testing.assert_allclose(total, value, rtol=1e-5)
    for name, gradient in zip(names, found, strict=True):
        np.testing.assert_allclose(gradient, 3 * slopes[name], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(nats, chunked_cross_entropy(**given)[1], rtol=1e-6)


def test_smoothing_of_0_is_the_plain_loss_bit_for_bit() -> None:
    given = world(9)
    for found, wanted in zip(
        chunked_cross_entropy(**given, label_smoothing=0.0),
        chunked_cross_entropy(**given),
        strict=True,
    ):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16])
def test_smoothing_keeps_shares_too_small_for_low_precision(dtype: tf.DType) -> None:
    """Of 3,000 items each gets ε/items = 1e-8, which is 0 in float16."""
    items, share = 3000, 3e-5
    hidden, bias = tf.ones([1, 1, 2], dtype), tf.constant([200.0] + [0.0] * (items - 1))
    targets = Targets(tf.zeros([1, 1, 1], tf.int32), tf.ones([1, 1], tf.int32))
    weights = tf.zeros([items, 2])
    with tf.GradientTape() as tape:
        tape.watch(weights)
        total, _ = chunked_cross_entropy(
            hidden, weights, bias, targets, weight=tf.ones([1, 1]), label_smoothing=share
        )
    gradient = tape.gradient(total, weights).numpy()
    # All mass is on the target, p = 0 elsewhere: the slope of the others is −ε/items.
    np.testing.assert_allclose(gradient[1:], -share / items, rtol=1e-3)
    # ε (200 − mean score), 200/3000
    np.testing.assert_allclose(total, share * (200 - 200 / items), rtol=1e-3)


def test_one_target_without_a_seen_term_is_sparse_cross_entropy() -> None:
    given = world(1)
    targets = Targets(given["targets"].items[..., :1], tf.ones([LANES, WINDOW], tf.int32))
    _, found = chunked_cross_entropy(
        given["hidden"], given["weights"], given["bias"], targets, weight=given["weight"]
    )
    scores = tf.einsum("lwu,iu->lwi", given["hidden"], given["weights"]) + given["bias"]
    wanted = tf.nn.sparse_softmax_cross_entropy_with_logits(targets.items[..., 0], scores)
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_weight_zero_leaves_no_gradient() -> None:
    given = world(2)
    weight = np.ones((LANES, WINDOW), np.float32)
    weight[1, 2] = 0
    with tf.GradientTape() as tape:
        tape.watch(given["hidden"])
        total, _ = chunked_cross_entropy(**{**given, "weight": tf.constant(weight)})
    gradient = tape.gradient(total, given["hidden"]).numpy()
    assert np.all(gradient[1, 2] == 0) and np.all(np.any(gradient[weight > 0] != 0, axis=-1))


@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16])
def test_low_precision_inputs_sum_in_float32(dtype: tf.DType) -> None:
    given = world(3)
    low = {**given, "hidden": tf.cast(given["hidden"], dtype)}
    with tf.GradientTape() as tape:
        tape.watch(low["hidden"])
        total, found = chunked_cross_entropy(**low)
    assert found.dtype == tf.float32 and tape.gradient(total, low["hidden"]).dtype == dtype
    # Inputs of 8 bits of mantissa: scores of size 5 are off by up to about .04.
    np.testing.assert_allclose(found, chunked_cross_entropy(**given)[1], atol=0.15)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(tf.float16, 0.01), (tf.bfloat16, 0.1)])
@pytest.mark.parametrize("share", [0.0, 0.1])
def test_a_step_of_small_weight_keeps_its_slopes_in_half_precision(
    dtype: tf.DType, tolerance: float, mode: str, share: float
) -> None:
    given = world(10)
    bias = given["bias"].numpy()
    bias[10] = -60.0  # an item that no softmax reaches: only those who meet it move its row
    items = given["targets"].items.numpy() % 10
    items[3, :, 0] = 10
    steps = 2.0 ** np.array([0, -10, -20, -30])
    given |= {
        "bias": tf.constant(bias),
        "targets": Targets(tf.constant(items), tf.ones([LANES, WINDOW], tf.int32)),
        "weight": tf.constant(np.tile(steps[:, None], WINDOW), tf.float32),
        **{
            name: tf.cast(tf.cast(given[name], dtype), tf.float32) for name in ("hidden", "weights")
        },
    }
    _, slopes = smoothed(given, share)
    scale = 2.0**15 / 6  # a loss scale over the weight of all

    def judged(leaves: list[Any]) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(leaves)
            low = {**given, "hidden": tf.cast(leaves[0], dtype), "weights": leaves[1]}
            total, _ = chunked_cross_entropy(**low, label_smoothing=share)
            total *= scale
        return tape.gradient(total, leaves)

    hidden, weights = MODES[mode](judged)([given["hidden"], given["weights"]])
    for lane in range(LANES):
        wanted = scale * slopes["hidden"][lane]
        np.testing.assert_allclose(hidden[lane], wanted, atol=tolerance * np.abs(wanted).max())
    for item in range(ITEMS):
        wanted = scale * slopes["weights"][item]
        np.testing.assert_allclose(weights[item], wanted, atol=tolerance * np.abs(wanted).max())


def test_graph_mode_with_unknown_lanes_agrees() -> None:
    given = world(4)

    @tf.function(input_signature=[tf.TensorSpec([None, WINDOW, UNITS])])
    def total(hidden: Any) -> Any:
        return chunked_cross_entropy(**{**given, "hidden": hidden})[0]

    np.testing.assert_allclose(total(given["hidden"]), chunked_cross_entropy(**given)[0], rtol=1e-5)


@pytest.mark.parametrize("share", [0.0, 0.1])
def test_scores_of_all_tokens_and_items_are_never_held(share: float) -> None:
    given = world(5)
    judged = tf.function(lambda: chunked_cross_entropy(**given, label_smoothing=share)[0])
    graph = judged.get_concrete_function().graph
    bodies = [graph, *(f.graph for f in graph._functions.values() if hasattr(f, "graph"))]
    largest = max(
        output.shape.num_elements() or 0
        for body in bodies
        for operation in body.get_operations()
        for output in operation.outputs
        if output.shape.rank is not None and ITEMS in output.shape.as_list()
    )
    assert largest < LANES * WINDOW * ITEMS


def test_ranks_count_better_items_and_equal_ones_in_front() -> None:
    # Scores are the bias: 3 1 3 2 3. Item 2 ties with 0 before it and 4 behind it; item 1 is last.
    bias = tf.constant([3.0, 1, 3, 2, 3])
    log_p, ranks = chunked_ranks(
        tf.zeros([1, 5, 2]), tf.zeros([5, 2]), bias, tf.constant([[0, 1, 2, 3, 4]])
    )
    assert ranks.numpy().tolist() == [[0, 4, 1, 3, 2]]
    np.testing.assert_allclose(log_p[0], tf.nn.log_softmax(bias), rtol=1e-6)


@pytest.mark.parametrize("form", ["scalar", "item", "step"])
def test_ranks_agree_with_the_loss(form: str) -> None:
    given = {**world(6), "seen_bias": betas()[form]}
    target = given["targets"].items[..., 0]
    log_p, ranks = chunked_ranks(
        given["hidden"],
        given["weights"],
        given["bias"],
        target,
        stays=given["stays"],
        seen_bias=given["seen_bias"],
    )
    single = Targets(target[..., None], tf.ones([LANES, WINDOW], tf.int32))
    _, nats = chunked_cross_entropy(**{**given, "targets": single})
    np.testing.assert_allclose(-log_p, nats, rtol=1e-5)
    assert np.all((ranks.numpy() >= 0) & (ranks.numpy() < ITEMS))


@pytest.mark.parametrize("form", ["item", "step"])
def test_equal_biases_are_one_bias(form: str) -> None:
    given = world(8)
    shape = betas()[form].shape
    with tf.GradientTape(persistent=True) as tape:
        one, many = tf.constant(-1.5), tf.fill(shape, -1.5)
        tape.watch([one, many])
        alone = chunked_cross_entropy(**{**given, "seen_bias": one})[0]
        apart = chunked_cross_entropy(**{**given, "seen_bias": many})[0]
    assert float(alone) == float(apart)
    slope = tf.reduce_sum(tape.gradient(apart, many))
    np.testing.assert_allclose(slope, tape.gradient(alone, one), rtol=1e-4)


@pytest.mark.parametrize("form", ["item", "step"])
def test_forms_agree_in_a_compiled_graph_of_unknown_lanes(form: str) -> None:
    given, beta = {**world(9), "seen_bias": betas()[form]}, betas()[form]

    @tf.function(input_signature=[tf.TensorSpec([None, WINDOW, UNITS]), tf.TensorSpec(None)])
    def unknown(hidden: Any, seen_bias: Any) -> Any:
        seen_bias = tf.ensure_shape(seen_bias, [None] * beta.shape.rank)
        return chunked_cross_entropy(**{**given, "hidden": hidden, "seen_bias": seen_bias})[1]

    compiled = tf.function(lambda: chunked_cross_entropy(**given)[1], jit_compile=True)
    wanted = chunked_cross_entropy(**given)[1]
    np.testing.assert_allclose(unknown(given["hidden"], beta), wanted, rtol=1e-5)
    np.testing.assert_allclose(compiled(), wanted, rtol=1e-5)


def test_mask_marks_stays_and_ignores_empty_rows() -> None:
    stays = tf.constant([[[1, 0, 2], [1, 2, 3], [2, 1, 3], [-2, 0, 0], [0, 1, 1]]], tf.int32)
    assert seen_mask(stays, 3, 4).numpy()[0].tolist() == [[0, 1, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0]]


def test_mask_of_a_history_is_its_seen_set() -> None:
    stays = seen_stays(np.array([3, 1, 3, 0], np.int32), 2)
    stays[:, 2] = np.minimum(stays[:, 2], 5)
    mask = seen_mask(tf.constant(stays[None]), 5, 4).numpy()[0]
    assert [np.flatnonzero(row).tolist() for row in mask] == [[], [3], [1, 3], [1, 3], [0, 3]]


@pytest.mark.parametrize("function", [chunked_cross_entropy, chunked_ranks, seen_mask])
def test_autograph_can_read_the_losses(function: Any) -> None:
    # It logs a warning and goes on where it can't, which no other test would see.
    assert f"def tf__{function.__name__}(" in tf.autograph.to_code(function)
