"""Sampled softmax: right in expectation, shown by enumerating draws and by drawing many.

`token_losses` takes each token by itself, so a token per sample judges all samples in one call.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf

from tfhrnn.layers.candidate_scores import accidental_hits, positives
from tfhrnn.layers.losses import Targets, chunked_cross_entropy
from tfhrnn.layers.sampled_softmax import SampledSoftmax
from tfhrnn.layers.samplers import NegativeSampler, sampling_probabilities
from tfhrnn.layers.shared_negatives import Scores

Floats = npt.NDArray[np.float64]


def judged(
    items: npt.NDArray[np.integer], scores: Floats, q: Floats | None, targets: list[int]
) -> tuple[Floats, Floats]:
    """Loss `[samples]` and its gradient in the scores `[samples, all items]` of `[samples, n]`.

    The scores of all items are the same in every sample; without q nothing is corrected.
    """
    samples, n = items.shape
    tied = np.tile(targets, (1, samples, 1)).astype(np.int32)
    own = positives(Targets(tf.constant(tied), tf.fill([1, samples], len(targets))))
    leaf = tf.Variable(np.tile(scores, (samples, 1)).astype(np.float32))
    drawn = tf.constant(items.astype(np.int32))
    log_expected = 0.0 if q is None else np.log(n * q)[items].astype(np.float32)
    with tf.GradientTape() as tape:
        losses = SampledSoftmax(np.ones(len(scores), int)).token_losses(
            Scores(
                own=own,
                target=tf.gather(leaf, own.items, batch_dims=1),
                drawn=tf.gather(leaf, drawn, batch_dims=1),
                hits=tf.reduce_any(drawn[..., None] == own.items[:, None], axis=2),
                log_expected=tf.constant(log_expected),
            )
        )
    return losses.numpy().astype(np.float64), tape.gradient(losses, leaf).numpy()


def softmax(scores: Floats) -> Floats:
    return np.exp(scores) / np.exp(scores).sum()


SCORES = np.array([0.3, -1.0, 1.2, 0.1])
Q = np.array([0.4, 0.1, 0.2, 0.3])


@pytest.mark.parametrize("targets", [[0], [2], [3, 1]])
def test_the_sum_over_items_is_right_in_expectation(targets: list[int]) -> None:
    # E exp(loss) = E Σ / exp(mean target score): all 4³ samples with their probabilities.
    items = np.array(list(product(range(4), repeat=3)))
    losses, _ = judged(items, SCORES, Q, targets)
    expected = Q[items].prod(axis=1) @ np.exp(losses)
    wanted = np.exp(SCORES).sum() / np.exp(SCORES[targets].mean())
    assert expected == pytest.approx(wanted, rel=1e-5)


def test_a_corrected_target_would_not_be() -> None:
    # The usual form, target less log(n q) too, by the same enumeration: off by a third.
    items = np.array(list(product(range(4), repeat=3)))
    others = np.where(items == 2, 0, np.exp(SCORES[items]) / (3 * Q[items])).sum(axis=1)
    estimate = others + np.exp(SCORES[2]) / (3 * Q[2])
    found = Q[items].prod(axis=1) @ estimate
    assert abs(found / np.exp(SCORES).sum() - 1) > 0.3


def compositions(n: int) -> npt.NDArray[np.int64]:
    """All ways to draw n times from 4 items, as counts."""
    return np.array(
        [
            (a, b, c, n - a - b - c)
            for a in range(n + 1)
            for b in range(n + 1 - a)
            for c in range(n + 1 - a - b)
        ]
    )


def test_the_gradients_bias_falls_as_one_over_n() -> None:
    wanted = softmax(SCORES) - np.eye(4)[0]
    log_factorial = np.concatenate([[0], np.cumsum(np.log(np.arange(1, 40)))])
    bias = []
    for n in (4, 8, 16, 32):
        counts = compositions(n)
        chance = np.exp(log_factorial[n] + (counts * np.log(Q) - log_factorial[counts]).sum(axis=1))
        assert chance.sum() == pytest.approx(1)
        items = np.array([np.repeat(np.arange(4), row) for row in counts])
        _, slopes = judged(items, SCORES, Q, [0])
        bias.append(np.abs(chance @ slopes - wanted).max())
    # Halved at each doubling, but for terms of order 1/n².
    assert bias[-1] < 0.02
    np.testing.assert_allclose(np.divide(bias[:-1], bias[1:]), 2, rtol=0.1)


def test_many_draws_average_out_as_one_over_their_root() -> None:
    items, draws, n = 40, 1024, 512
    rng = np.random.default_rng(0)
    scores, counts = rng.normal(size=items), rng.integers(0, 100, items)
    q = sampling_probabilities("popularity", counts, alpha=0.5)
    sample = NegativeSampler(q, seed=2).draw(draws * n)
    drawn = sample.items.numpy().reshape(draws, n)
    np.testing.assert_allclose(  # what `judged` computes from q is what the sampler says
        sample.log_expected.numpy().reshape(draws, n) - np.log(draws),
        np.log(n * q)[drawn],
        atol=1e-5,
    )
    wanted = softmax(scores) - np.eye(items)[7]

    def error(slopes: Floats, together: int) -> float:
        """Root mean square error of the mean over so many draws."""
        means = slopes.reshape(-1, together, items).mean(axis=1)
        return float(np.sqrt(np.mean((means - wanted) ** 2)))

    _, corrected = judged(drawn, scores, q, [7])
    # 40 components of 1024 / 64 means: known to within a few percent.
    assert error(corrected, 1) / error(corrected, 16) == pytest.approx(4, rel=0.15)
    assert error(corrected, 1) / error(corrected, 64) == pytest.approx(8, rel=0.2)
    _, plain = judged(drawn, scores, None, [7])
    assert error(plain, 64) > 10 * error(corrected, 64)
    assert error(plain, 64) > 0.9 * error(plain, 16)  # and more draws no longer help


@pytest.mark.parametrize(
    ("sampler", "alpha"),
    [("log_uniform", 0.0), ("popularity", 0.5), ("popularity", 1.0), ("uniform", 0.0)],
)
def test_whatever_draws_the_gradient_nears_that_of_the_full_softmax(
    sampler: str, alpha: float
) -> None:
    rng = np.random.default_rng(3)
    items, counts = 9, np.array([0, 1, 3, 5, 10, 20, 30, 60, 100])
    leaves = [
        tf.constant(rng.normal(size=shape), tf.float32)
        for shape in ((2, 3, 4), (items, 4), (items,))
    ]
    targets = Targets(
        tf.constant(rng.integers(0, items, (2, 3, 1)), tf.int32), tf.ones([2, 3], tf.int32)
    )

    def slopes(loss: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(leaves)
            total, _ = loss(*leaves, targets, weight=tf.ones([2, 3]))
        found = [tf.convert_to_tensor(slope) for slope in tape.gradient(total, leaves)]
        return np.concatenate([np.ravel(slope) for slope in found])

    wanted = slopes(chunked_cross_entropy)
    loss = SampledSoftmax(counts, negatives=40_000, sampler=sampler, alpha=alpha, seed=1)
    # The rarest is drawn 170 to 4,400 times: a term of the sum is known to 1.5 to 8 %.
    error = np.abs(slopes(loss) - wanted).max()
    assert error < 0.1
    plain: Any = loss.sampler.draw
    loss.sampler.draw = lambda draws: plain(draws)._replace(  # type: ignore[method-assign]
        log_expected=tf.fill([draws], np.float32(np.log(draws / items)))
    )
    uncorrected = np.abs(slopes(loss) - wanted).max()
    assert uncorrected < 0.1 if sampler == "uniform" else uncorrected > 5 * error


def test_every_item_once_is_the_whole_softmax() -> None:
    # Expected counts of 1 leave scores as they are.
    items = np.arange(4)[np.newaxis]
    losses, slopes = judged(items, SCORES, np.full(4, 0.25), [2])
    assert losses[0] == pytest.approx(-np.log(softmax(SCORES)[2]), rel=1e-6)
    np.testing.assert_allclose(slopes[0], softmax(SCORES) - np.eye(4)[2], atol=1e-6)


def test_tied_targets_share_the_loss_and_stand_in_the_sum_once() -> None:
    # Items 1 and 3, and 1 again: the mean weighs it twice, the sum over items once.
    items = np.arange(4)[np.newaxis]
    losses, slopes = judged(items, SCORES, np.full(4, 0.25), [1, 3, 1])
    share = np.array([0, 2, 0, 1]) / 3
    assert losses[0] == pytest.approx(-share @ np.log(softmax(SCORES)), rel=1e-6)
    np.testing.assert_allclose(slopes[0], softmax(SCORES) - share, atol=1e-6)


@pytest.mark.parametrize("height", [0.0, 50.0, 3e38])
def test_an_accidental_hit_has_no_probability_and_no_gradient(height: float) -> None:
    own = positives(Targets(tf.constant([[[5]]]), tf.constant([[1]])))
    hits = accidental_hits(own, tf.constant([5, 3, 5, 1]))
    drawn = tf.Variable([[height, 0.5, height, -0.5]])
    log_expected = tf.constant([-60.0, 0.1, -60.0, 0.2])  # would raise a hit by 60

    def nats(kept: slice | list[int]) -> Any:
        parts = [tf.gather(x, kept, axis=-1) for x in (drawn, hits, log_expected)]
        return SampledSoftmax(np.ones(9, int)).token_losses(
            Scores(own, tf.constant([[0.7]]), *parts)
        )

    with tf.GradientTape() as tape:
        found = nats([0, 1, 2, 3])
    slope = tape.gradient(found, drawn).numpy()
    np.testing.assert_array_equal(found, nats([1, 3]))
    assert slope[0, 0] == 0 and slope[0, 2] == 0 and np.all(slope[0, [1, 3]] > 0)


def test_draws_that_are_all_hits_leave_nothing_to_learn() -> None:
    losses, slopes = judged(np.full((1, 6), 2), SCORES, Q, [2])
    assert losses.tolist() == [0] and not slopes.any()
