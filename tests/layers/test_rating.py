"""The ranking head against its formula in NumPy, and what known and unknown feedback teach it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf
from scipy.special import erf

from tfhrnn.layers.rating import RatingHead, RatingTask

UNITS, WIDTH, EVENTS = 4, 3, 6
MEAN, STD = 3.5, 0.5
NAN = float("nan")


def world(events: int = EVENTS, seed: int = 0) -> tuple[Any, Any, Any]:
    """Hidden states, item vectors, and feedback h·A e around the mean."""
    rng = np.random.default_rng(seed)
    hidden, items = rng.normal(size=(events, UNITS)), rng.normal(size=(events, WIDTH))
    mixing = np.random.default_rng(99).normal(size=(UNITS, WIDTH))
    feedback = MEAN + STD * np.einsum("eu,uw,ew->e", hidden, mixing, items)
    return tuple(tf.constant(part, tf.float32) for part in (hidden, items, feedback))


def built(**options: Any) -> RatingHead:
    """A head whose weights, biases and the last layer's among them, are drawn anew."""
    head = RatingHead(UNITS, **{"mean": MEAN, "std": STD, "seed": 1, **options})
    head(tf.zeros([1, UNITS]), tf.zeros([1, WIDTH]))
    rng = np.random.default_rng(2)
    for variable in head.trainable_variables:
        variable.assign(tf.constant(0.3 * rng.normal(size=variable.shape), variable.dtype))
    return head


def gradients(
    head: RatingHead, hidden: Any, items: Any, feedback: Any, weight: Any, *, joint: bool = True
) -> tuple[float, list[Any]]:
    """The loss, and its gradients to the head's weights, hidden states and item vectors."""
    task = RatingTask(head, joint=joint)
    with tf.GradientTape() as tape:
        tape.watch([hidden, items])
        loss = task(hidden, items, feedback, weight)
    return float(loss), tape.gradient(loss, [*head.trainable_variables, hidden, items])


@pytest.mark.parametrize("crosses", [0, 1, 2])
def test_predictions_are_those_of_the_formula(crosses: int) -> None:
    head = built(cross_layers=crosses)
    hidden, items, _ = world()
    weights: list[npt.NDArray[np.float64]] = [np.asarray(w, np.float64) for w in head.get_weights()]
    first = np.concatenate([np.float64(hidden), np.float64(items)], axis=1)
    x = first
    for at in range(crosses):
        kernel, bias = weights[2 * at : 2 * at + 2]
        x = first * (x @ kernel + bias) + x
    kernel, bias, last, shift = weights[2 * crosses :]
    z = x @ kernel + bias
    gelu = z * (1 + erf(z / np.sqrt(2))) / 2
    expected = MEAN + STD * (np.concatenate([x, gelu], axis=1) @ last + shift)[:, 0]
    # float32 against float64
    np.testing.assert_allclose(head(hidden, items), expected, rtol=1e-5)


def test_matrices_of_low_rank_are_products() -> None:
    low, full = built(cross_layers=1, rank=2), built(cross_layers=1)
    down, up, *others = low.get_weights()  # [width, 2], [2, width]; then all that a full one has
    assert down.shape == (UNITS + WIDTH, 2) and up.shape == (2, UNITS + WIDTH)
    full.set_weights([down @ up, *others])
    hidden, items, _ = world()
    np.testing.assert_allclose(low(hidden, items), full(hidden, items), rtol=1e-5)


def test_dropout_draws_in_training_alone_and_without_it_there_is_none() -> None:
    head, plain = built(dropout=0.5), built()
    hidden, items, feedback = world()
    np.testing.assert_array_equal(head(hidden, items), plain(hidden, items))
    weight = tf.ones([EVENTS])
    losses = {float(RatingTask(head)(hidden, items, feedback, weight, True)) for _ in range(3)}
    assert len(losses) == 3
    (still,) = {float(RatingTask(head)(hidden, items, feedback, weight)) for _ in range(3)}
    assert still == float(RatingTask(plain)(hidden, items, feedback, weight, True))
    assert not [part for part in plain.submodules if isinstance(part, tf.keras.layers.Dropout)]


def test_a_new_head_answers_the_mean() -> None:
    hidden, items, _ = world()
    head = RatingHead(UNITS, mean=MEAN, std=0.0)
    np.testing.assert_array_equal(head(hidden, items), np.full(EVENTS, MEAN, np.float32))
    assert head.std == 1.0


def rmse_after_training(head: RatingHead, hidden: Any, items: Any, feedback: Any) -> float:
    task, weight = RatingTask(head), tf.ones_like(feedback)
    head(hidden, items)
    optimizer = tf.keras.optimizers.Adam(0.02)

    @tf.function
    def step() -> None:
        with tf.GradientTape() as tape:
            loss = task(hidden, items, feedback, weight)
        optimizer.minimize(loss, head.trainable_variables, tape=tape)

    for _ in range(200):
        step()
    task.rmse.reset_state()
    task(hidden, items, feedback, weight)
    return float(task.rmse.result())


def test_a_product_of_state_and_item_is_learned_and_not_without_the_state() -> None:
    hidden, items, feedback = world(events=256)
    spread = float(np.std(feedback))
    with_state = rmse_after_training(built(cross_layers=1), hidden, items, feedback)
    without = rmse_after_training(built(cross_layers=1), 0 * hidden, items, feedback)
    # The item alone explains nothing of a product with a state of mean 0 but by chance.
    assert with_state < 0.03 * spread < 0.7 * spread < without


def test_loss_and_rmse_are_weighted_means() -> None:
    head, (hidden, items, feedback) = built(), world()
    weight = np.array([1.0, 0.0, 2.0, 1.0, 0.5, 0.0])
    task = RatingTask(head)
    squares = np.float64(feedback - head(hidden, items)) ** 2
    mean = np.sum(weight * squares) / np.sum(weight)
    loss = task(hidden, items, feedback, tf.constant(weight, tf.float32))
    np.testing.assert_allclose(loss, mean / STD**2, rtol=1e-5)
    np.testing.assert_allclose(task.rmse.result(), np.sqrt(mean), rtol=1e-5)
    task(hidden, items, feedback, tf.ones(EVENTS))  # the metric adds up over batches
    both = np.sum((1 + weight) * squares) / np.sum(1 + weight)
    np.testing.assert_allclose(task.rmse.result(), np.sqrt(both), rtol=1e-5)


@pytest.mark.parametrize("unknown", [NAN, float("inf")])
def test_unknown_feedback_is_as_if_it_were_not_there(unknown: float) -> None:
    head, (hidden, items, feedback) = built(), world()
    known = np.array([True, False, True, True, False, True])
    loss, found = gradients(
        head, hidden, items, tf.where(known, feedback, unknown), tf.fill([EVENTS], 0.5)
    )
    some, of_them, theirs = (tf.boolean_mask(part, known) for part in (hidden, items, feedback))
    wanted_loss, wanted = gradients(head, some, of_them, theirs, tf.fill([int(known.sum())], 0.5))
    np.testing.assert_allclose(loss, wanted_loss, rtol=1e-6)
    for ours, theirs in zip(found[:-2], wanted[:-2], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
    for ours, theirs in zip(found[-2:], wanted[-2:], strict=True):
        np.testing.assert_array_equal(ours[~known], 0)
        np.testing.assert_allclose(ours[known], theirs, rtol=1e-4, atol=1e-6)
        assert np.any(np.asarray(theirs) != 0)


def test_a_batch_without_feedback_teaches_nothing() -> None:
    head, (hidden, items, _) = built(), world()
    for feedback, weight in ((NAN, 1.0), (4.0, 0.0), (NAN, 0.0)):
        given = tf.fill([EVENTS], feedback), tf.fill([EVENTS], weight)
        loss, found = gradients(head, hidden, items, *given)
        assert loss == 0
        for gradient in found:
            np.testing.assert_array_equal(gradient, 0)


def test_a_head_that_is_not_joint_leaves_the_hidden_states_alone() -> None:
    head, (hidden, items, feedback) = built(), world()
    joint_loss, joint = gradients(head, hidden, items, feedback, tf.ones(EVENTS))
    loss, alone = gradients(head, hidden, items, feedback, tf.ones(EVENTS), joint=False)
    assert loss == joint_loss and alone[-2] is None and np.any(joint[-2] != 0)
    for ours, theirs in zip([*alone[:-2], alone[-1]], [*joint[:-2], joint[-1]], strict=True):
        np.testing.assert_array_equal(ours, theirs)


# Eight and eleven bits of mantissa, through two products and sums of seven terms of size 1.
@pytest.mark.parametrize(("policy", "atol"), [("mixed_bfloat16", 0.05), ("mixed_float16", 0.006)])
def test_mixed_precision_answers_in_float32_and_keeps_labels_whole(
    policy: str, atol: float
) -> None:
    full, (hidden, items, _) = built(), world()
    wanted = full(hidden, items)
    tf.keras.mixed_precision.set_global_policy(policy)
    try:
        head = built()
        head.set_weights(full.get_weights())
        predicted = head(hidden, items)
        task = RatingTask(head)
        feedback = predicted + 0.001  # vanishes where labels are rounded to 8 bits
        loss = task(hidden, items, feedback, tf.ones(EVENTS))
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")
    assert head.compute_dtype == policy.removeprefix("mixed_")
    assert predicted.dtype == loss.dtype == tf.float32
    assert all(variable.dtype == tf.float32 for variable in head.trainable_variables)
    np.testing.assert_allclose(predicted, wanted, atol=atol)
    np.testing.assert_allclose(task.rmse.result(), 0.001, rtol=1e-3)


def test_several_items_are_asked_about_at_once() -> None:
    head = built()
    hidden, items, _ = world()
    table = head(hidden[:2, tf.newaxis], tf.stack([items, items[::-1]]))
    assert table.shape == (2, EVENTS)
    for user, item in np.ndindex(2, EVENTS):
        place = item if user == 0 else EVENTS - 1 - item
        alone = head(hidden[user : user + 1], items[place : place + 1])
        np.testing.assert_allclose(table[user, item], alone[0], rtol=1e-5)


def test_unknown_shapes_and_compiled_code_agree() -> None:
    head, (hidden, items, _) = built(), world()
    hidden, items = tf.reshape(hidden, [2, 3, UNITS]), tf.reshape(items, [2, 3, WIDTH])
    wanted = head(hidden, items)
    signature = [tf.TensorSpec([None, None, width]) for width in (UNITS, WIDTH)]
    loose = tf.function(head.call, input_signature=signature)
    for found in (loose(hidden, items), tf.function(head, jit_compile=True)(hidden, items)):
        np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_seeds_and_config_make_the_same_head_again() -> None:
    hidden, items, _ = world()
    options: dict[str, Any] = {
        "units": UNITS,
        "cross_layers": 3,
        "seed": 5,
        "mean": 2.0,
        "std": 1.5,
        "name": "mine",
    }
    head = RatingHead(**options)
    config = head.get_config()
    assert {name: config[name] for name in options} == options
    again = RatingHead.from_config(config)
    for each in (head, again):
        each(hidden, items)
    for one, other in zip(head.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    kernels = [w for w in head.get_weights() if w.shape == (UNITS + WIDTH, UNITS + WIDTH)]
    assert len(kernels) == 3 and np.any(kernels[0] != kernels[1])


def test_states_of_another_width_are_refused() -> None:
    with pytest.raises(ValueError, match=r"hidden: got width 5, expected the head's units, 4"):
        RatingHead(UNITS)(tf.zeros([1, 5]), tf.zeros([1, WIDTH]))
