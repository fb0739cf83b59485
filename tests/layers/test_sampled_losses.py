"""What holds for every loss: the contract, in every mode, and the registry."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfhrnn.errors import ConfigError
from tfhrnn.layers.losses import Targets, chunked_cross_entropy
from tfhrnn.layers.sampled_losses import LOSSES, make_loss
from tfhrnn.layers.samplers import Sample

LANES, WINDOW, UNITS, ITEMS = 3, 4, 5, 97
LEAVES = ("hidden", "weights", "bias", "seen_bias")
COUNTS = np.random.default_rng(8).integers(0, 50, ITEMS)
DRAWN = [3, 50, 3, 96, 11, 0, 7]
DRAWING = ["sampled_softmax", "bpr_max", "gbce"]


class Fixed:
    """A sampler that always draws the same."""

    def __init__(self, items: list[int], log_expected: Any) -> None:
        self.sample = Sample(tf.constant(items), tf.constant(log_expected, tf.float32))

    def draw(self, draws: int) -> Sample:
        assert draws == len(self.sample.items)
        return self.sample


def fixed(name: str, items: list[int] = DRAWN) -> Any:
    """A loss that draws nothing at random; even draws."""
    if name not in DRAWING:
        return make_loss(name, item_counts=COUNTS)
    loss: Any = make_loss(name, item_counts=COUNTS, negatives=len(items))
    loss.sampler = Fixed(items, np.full(len(items), np.log(len(items) / ITEMS)))
    return loss


def world(seed: int = 0) -> dict[str, Any]:
    """Two slots a target; some drawn items are targets (3, 50) or seen (7, 96)."""
    rng = np.random.default_rng(seed)
    items = rng.permuted(np.tile(np.arange(ITEMS), (LANES, WINDOW, 1)), axis=-1)[..., :2]
    items[0, 0], items[1, 2] = [3, 50], [50, 4]
    return {
        "hidden": tf.constant(rng.normal(size=(LANES, WINDOW, UNITS)), tf.float32),
        "weights": tf.constant(rng.normal(size=(ITEMS, UNITS)), tf.float32),
        "bias": tf.constant(rng.normal(size=ITEMS), tf.float32),
        "targets": Targets(
            tf.constant(items, tf.int32), tf.constant(rng.integers(1, 3, (LANES, WINDOW)), tf.int32)
        ),
        "weight": tf.constant(rng.integers(1, 3, (LANES, WINDOW)), tf.float32),
        "stays": tf.constant(
            [[[7, 0, 4], [96, 1, 3]], [[50, 0, 3], [-2, 0, 0]], [[7, 2, 3], [4, 3, 3]]]
        ),
        "seen_bias": tf.constant(-1.5),
    }


def judged(loss: Any, given: dict[str, Any]) -> tuple[Any, Any, list[Any]]:
    """Sum, losses, and the dense gradients of the sum."""
    leaves = [given[name] for name in LEAVES]
    with tf.GradientTape() as tape:
        tape.watch(leaves)
        total, losses = loss(**given)
    slopes = tape.gradient(total, leaves)
    return total, losses, [tf.convert_to_tensor(slope) for slope in slopes]


@pytest.mark.parametrize("name", ["sampled_softmax", "bpr_max", "gbce"])
def test_losses_are_their_formulas_on_the_whole_score_matrix(name: str) -> None:
    given = world()
    _, found, _ = judged(fixed(name), given)
    s = given["hidden"].numpy().astype(np.float64) @ given["weights"].numpy().T
    s += given["bias"].numpy()
    for lane, rows in enumerate(given["stays"].numpy()):
        for column, first, end in {tuple(row) for row in rows.tolist()}:
            s[lane, first:end, column] -= 1.5 if column >= 0 else 0
    n = len(DRAWN)
    beta = 1 + 0.75 * (n / (ITEMS - 1) - 1)  # α (t (1 - 1/α) + 1/α), multiplied out
    for lane, step in np.ndindex(LANES, WINDOW):
        count = int(given["targets"].count[lane, step])
        own = given["targets"].items[lane, step].numpy()[:count].tolist()
        t = s[lane, step, own]
        j = s[lane, step, [item for item in DRAWN if item not in own]]
        pi = np.exp(j) / np.exp(j).sum()
        wanted = {
            "sampled_softmax": np.log(np.exp(t).sum() + np.exp(j).sum() * ITEMS / n) - t.mean(),
            "bpr_max": -np.mean([np.log(np.sum(pi / (1 + np.exp(j - one)))) for one in t])
            + np.sum(pi * j**2),
            "gbce": beta * np.log1p(np.exp(-t)).mean() + np.log1p(np.exp(j)).sum(),
        }
        assert float(found[lane, step]) == pytest.approx(wanted[name], rel=2e-5), (lane, step)


@pytest.mark.parametrize("name", LOSSES)
def test_the_sum_is_the_weighted_losses_and_reaches_every_input(name: str) -> None:
    given = world(1)
    total, losses, slopes = judged(fixed(name), given)
    assert losses.shape == (LANES, WINDOW) and losses.dtype == tf.float32
    assert float(total) == pytest.approx(float(tf.reduce_sum(given["weight"] * losses)), rel=1e-5)
    for leaf, slope in zip(LEAVES, slopes, strict=True):
        assert np.any(slope != 0) and np.all(np.isfinite(slope)), leaf


@pytest.mark.parametrize("name", LOSSES)
def test_a_seen_bias_of_each_item_or_step_reaches_the_loss(name: str) -> None:
    given = world(1)
    total, losses, slopes = judged(fixed(name), given)
    for shape in ([ITEMS], [LANES, WINDOW]):
        # Equal ones are one bias, and what they feel adds up to what it felt.
        equal = {**given, "seen_bias": tf.fill(shape, -1.5)}
        same, apart, felt = judged(fixed(name), equal)
        np.testing.assert_allclose(apart, losses, rtol=1e-5)
        assert float(same) == pytest.approx(float(total), rel=1e-5)
        assert felt[-1].shape == shape
        np.testing.assert_allclose(tf.reduce_sum(felt[-1]), slopes[-1], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_are_the_slopes_of_the_sum(name: str) -> None:
    given = world(2)
    loss = fixed(name)
    _, _, slopes = judged(loss, given)
    rng = np.random.default_rng(3)
    for leaf, slope in zip(LEAVES, slopes, strict=True):
        direction = rng.normal(size=given[leaf].shape)
        # Central differences: float32 sums of size 100 over steps of .02 are good to about .1 %.
        ends = [
            float(
                loss(**{**given, leaf: given[leaf] + tf.constant(step * direction, tf.float32)})[0]
            )
            for step in (-0.01, 0.01)
        ]
        wanted = (ends[1] - ends[0]) / 0.02
        assert np.sum(slope * direction) == pytest.approx(wanted, rel=0.02, abs=0.02), leaf


@pytest.mark.parametrize("name", LOSSES)
def test_a_step_of_weight_zero_has_no_effect(name: str) -> None:
    given = world(3)
    weight = given["weight"].numpy()
    weight[1, 2] = 0
    given["weight"] = tf.constant(weight)
    total, losses, slopes = judged(fixed(name), given)
    assert np.all(slopes[0][1, 2] == 0) and np.all(np.isfinite(losses))
    # Whatever stands there, the sum and the other gradients stay as they are.
    hidden, items = given["hidden"].numpy(), given["targets"].items.numpy()
    hidden[1, 2], items[1, 2] = 7.0, [8, 9]
    changed = {
        **given,
        "hidden": tf.constant(hidden),
        "targets": given["targets"]._replace(items=tf.constant(items)),
    }
    other_total, _, others = judged(fixed(name), changed)
    assert float(other_total) == pytest.approx(float(total), rel=1e-6)
    for one, other in zip(slopes, others, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def agree(found: Any, wanted: Any) -> None:
    for one, other in zip(tf.nest.flatten(found), tf.nest.flatten(wanted), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)  # sums in another order


@pytest.mark.parametrize("name", LOSSES)
def test_compiled_and_eager_agree_in_value_and_gradient(name: str) -> None:
    given, loss = world(4), fixed(name)
    compiled = tf.function(lambda: judged(loss, given), jit_compile=True)
    agree(compiled(), judged(loss, given))


@pytest.mark.parametrize("name", LOSSES)
def test_a_graph_of_unknown_lanes_and_windows_agrees_too(name: str) -> None:
    given, loss = world(5), fixed(name)

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None, UNITS]),
            Targets(
                tf.TensorSpec([None, None, 2], tf.int32), tf.TensorSpec([None, None], tf.int32)
            ),
            tf.TensorSpec([None, None]),
            tf.TensorSpec([None, None, 3], tf.int32),
        ]
    )
    def graph(hidden: Any, targets: Any, weight: Any, stays: Any) -> Any:
        own = {"hidden": hidden, "targets": targets, "weight": weight, "stays": stays}
        return judged(loss, {**given, **own})

    found = graph(*(given[part] for part in ("hidden", "targets", "weight", "stays")))
    agree(found, judged(loss, given))


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16])
def test_low_precision_states_are_judged_in_float32(name: str, dtype: tf.DType) -> None:
    given = world(6)
    low = {**given, "hidden": tf.cast(given["hidden"], dtype)}
    _, losses, slopes = judged(fixed(name), low)
    assert losses.dtype == tf.float32 and slopes[0].dtype == dtype
    # Inputs of 8 bits of mantissa: scores of size 5 are off by up to about .04, BPR-max squares.
    np.testing.assert_allclose(losses, fixed(name)(**given)[1], atol=0.5)


@pytest.mark.parametrize("name", [name for name in LOSSES if name != "full_softmax"])
def test_scores_of_all_items_are_never_held(name: str) -> None:
    given = world(7)
    loss = fixed(name)
    graph = tf.function(lambda: judged(loss, given)[:2]).get_concrete_function().graph
    bodies = [graph, *(f.graph for f in graph._functions.values() if hasattr(f, "graph"))]
    largest = max(
        output.shape.num_elements() or 0
        for body in bodies
        for operation in body.get_operations()
        for output in operation.outputs
        if output.shape.rank is not None
    )
    assert largest <= ITEMS * UNITS < LANES * WINDOW * ITEMS  # the item matrix itself


@pytest.mark.parametrize("name", DRAWING)
def test_a_loss_draws_anew_and_a_checkpoint_keeps_where_it_stands(
    name: str, tmp_path: Path
) -> None:
    given = world()
    loss: Any = make_loss(name, item_counts=COUNTS, seed=4, negatives=8)
    path = tf.train.Checkpoint(loss=loss).write(str(tmp_path / "state"))
    wanted = [float(loss(**given)[0]) for _ in range(2)]
    other: Any = make_loss(name, item_counts=COUNTS, seed=9, negatives=8)
    tf.train.Checkpoint(loss=other).read(path).assert_consumed()
    assert [float(other(**given)[0]) for _ in range(2)] == wanted
    assert wanted[0] != wanted[1]
    assert not loss.trainable_variables


def test_a_compiled_loss_draws_anew_each_time() -> None:
    given = world()
    loss = make_loss("sampled_softmax", item_counts=COUNTS, negatives=8)
    compiled = tf.function(lambda: loss(**given)[0], jit_compile=True)
    assert len({float(compiled()) for _ in range(3)}) == 3


def test_sampled_softmax_over_the_whole_catalogue_is_the_full_one() -> None:
    given = world()
    loss = fixed("sampled_softmax", list(range(ITEMS)))  # even draws: log(items / items) = 0
    agree(judged(loss, given), judged(chunked_cross_entropy, given))


def test_names_give_losses_and_options_reach_them() -> None:
    assert set(LOSSES) == {"full_softmax", "sampled_softmax", "in_batch", "bpr_max", "gbce"}
    assert make_loss("full_softmax", item_counts=COUNTS) is chunked_cross_entropy
    loss: Any = make_loss("gbce", item_counts=COUNTS, negatives=12, calibration=1.0)
    assert loss.beta == pytest.approx(12 / (ITEMS - 1))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("bpr", {}, "no loss named 'bpr'; there are: full_softmax, sampled_softmax, in_batch"),
        ("in_batch", {"negatives": 3}, "'in_batch' has no option 'negatives'; there are: none"),
        ("bpr_max", {"label_smoothing": 0.1}, "'bpr_max' has no option 'label_smoothing'"),
        ("gbce", {"t": 1.0}, "has no option 't'; there are: negatives, sampler, alpha, calib"),
        ("sampled_softmax", {"sampler": "all"}, "no sampler named 'all'"),
    ],
)
def test_wrong_names_are_told_with_the_right_ones(
    name: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        make_loss(name, item_counts=COUNTS, **options)
