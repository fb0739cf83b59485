"""Calibration finds what a world was made with, and nothing beats it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from tfhrnn.errors import DataError
from tfhrnn.evaluation.calibration import Calibration, Judged, calibrate

ITEMS, ROWS = 30, 4000


def always(judged: list[Judged]) -> Callable[[], list[Judged]]:
    return lambda: judged


def nats(judged: list[Judged], log_share: Any, scale: float, popularity: float) -> float:
    """Weighted mean −log p by definition, a row at a time."""
    total = weights = 0.0
    for scores, target, weight in judged:
        for row, column, w in zip(scores, target, weight, strict=True):
            z = scale * np.asarray(row, np.float64) + popularity * log_share
            total -= w * (z[column] - np.log(np.exp(z).sum()))
            weights += w
    return total / weights


def world(scale: float, popularity: float, *, seed: int = 0) -> tuple[list[Judged], Any]:
    """Targets drawn from a softmax of scale · s + popularity · log share, in three batches."""
    rng = np.random.default_rng(seed)
    log_share = np.log(rng.dirichlet(np.full(ITEMS, 0.5)) + 1e-4)
    scores = rng.normal(0, 3, (ROWS, ITEMS))
    z = scale * scores + popularity * log_share
    target = np.argmax(z + rng.gumbel(size=z.shape), axis=1)  # Gumbel's maximum draws a softmax
    cut = [0, 1500, 1501, ROWS]
    return [
        Judged(scores[a:b].astype(np.float32), target[a:b], np.ones(b - a))
        for a, b in pairwise(cut)
    ], log_share


@pytest.mark.parametrize(("scale", "popularity"), [(0.3, 1.0), (2.0, 0.0), (1.0, -0.5)])
def test_it_finds_the_coefficients_of_the_world(scale: float, popularity: float) -> None:
    judged, log_share = world(scale, popularity)
    found = calibrate(lambda: judged, log_share)
    # Standard errors over 4000 targets are .005 to .05; six of the largest.
    assert found.scale == pytest.approx(scale, rel=0.1)
    assert found.popularity == pytest.approx(popularity, abs=0.1)
    assert found.temperature == pytest.approx(1 / found.scale)


def test_no_other_coefficients_do_better() -> None:
    judged, log_share = world(0.5, 0.7, seed=1)
    found = calibrate(lambda: judged, log_share)
    best = nats(judged, log_share, found.scale, found.popularity)
    assert best < nats(judged, log_share, 1.0, 0.0) - 0.1
    for by in (-0.01, 0.01):
        assert best < nats(judged, log_share, found.scale + by, found.popularity)
        assert best < nats(judged, log_share, found.scale, found.popularity + by)


def test_a_constant_a_row_does_not_count() -> None:
    judged, log_share = world(0.5, 0.7, seed=2)
    moved = [
        Judged(scores - 50 * np.arange(len(scores))[:, None] / len(scores), target, weight)
        for scores, target, weight in judged
    ]
    one, other = (calibrate(always(given), log_share) for given in (judged, moved))
    assert one.scale == pytest.approx(other.scale, rel=1e-4)
    assert one.popularity == pytest.approx(other.popularity, rel=1e-4)


def test_weights_count_as_copies() -> None:
    judged, log_share = world(0.5, 0.7, seed=3)
    scores, target, _ = judged[0]
    weight = np.random.default_rng(0).integers(0, 3, len(target))
    copies = np.repeat(np.arange(len(target)), weight)
    weighted = calibrate(lambda: [Judged(scores, target, weight.astype(np.float64))], log_share)
    copied = calibrate(
        lambda: [Judged(scores[copies], target[copies], np.ones(len(copies)))], log_share
    )
    assert weighted.scale == pytest.approx(copied.scale, rel=1e-6)
    assert weighted.popularity == pytest.approx(copied.popularity, rel=1e-6)


def test_scores_far_off_scale_are_brought_back() -> None:
    # A thousand times too large: the first full step overshoots by far.
    judged, log_share = world(1.0, 0.5, seed=4)
    for factor in (1000.0, 0.001):
        off = [Judged(factor * scores, target, weight) for scores, target, weight in judged]
        found = calibrate(always(off), log_share)
        assert found.scale * factor == pytest.approx(1, rel=0.1)
        assert found.popularity == pytest.approx(0.5, abs=0.1)


def test_equal_popularity_is_left_alone() -> None:
    judged, _ = world(0.5, 0.0, seed=5)
    found = calibrate(lambda: judged, np.full(ITEMS, -3.4))
    assert abs(found.popularity) < 1e-12 and found.scale == pytest.approx(0.5, rel=0.1)


def test_targets_always_on_top_end_in_a_finite_scale() -> None:
    scores = np.eye(4)
    judged = [Judged(scores, np.arange(4), np.ones(4))]
    found = calibrate(lambda: judged, np.zeros(4))
    assert 15 < found.scale < 1e4
    assert nats(judged, np.zeros(4), found.scale, 0.0) < 1e-6


def test_probabilities_are_a_softmax_and_a_folded_matrix_gives_them() -> None:
    rng = np.random.default_rng(6)
    hidden, weights, bias = rng.normal(size=(5, 3)), rng.normal(size=(7, 3)), rng.normal(size=7)
    log_share = np.log(rng.dirichlet(np.ones(7)))
    seen, beta = rng.integers(0, 2, (5, 7)), -1.2
    fitted = Calibration(scale=0.4, popularity=0.9)
    log_p = fitted.log_probabilities(hidden @ weights.T + bias + beta * seen, log_share)
    np.testing.assert_allclose(np.exp(log_p).sum(axis=1), 1)
    w, b, moved = fitted.folded(weights, bias, log_share, beta)
    z = hidden @ w.T + b + moved * seen
    np.testing.assert_allclose(log_p, z - np.log(np.exp(z).sum(axis=1, keepdims=True)))
    same = Calibration().log_probabilities(log_p, log_share)
    np.testing.assert_allclose(same, log_p, atol=1e-12)


def test_batches_are_asked_for_anew_each_pass() -> None:
    judged, log_share = world(0.5, 0.7, seed=7)

    def generate() -> Iterator[Judged]:
        yield from judged

    assert calibrate(generate, log_share) == calibrate(lambda: judged, log_share)


def test_what_cannot_be_fitted_is_told() -> None:
    scores, target, weight = np.zeros((2, 3)), np.array([0, 1]), np.ones(2)
    for given, share, message in (
        ([Judged(np.full((2, 3), np.nan), target, weight)], np.zeros(3), "validation scores"),
        ([Judged(scores, target, 0 * weight)], np.zeros(3), "validation targets: got no weight"),
        ([], np.zeros(3), "expected at least one target"),
        ([Judged(scores, target, weight)], np.array([-1, -1, -np.inf]), "log shares"),
    ):
        with pytest.raises(DataError, match=message):
            calibrate(always(given), share)
