"""Bounds of a context, and the refusal of what is better than the best."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tfhrnn.errors import RunError
from tfhrnn.experiments.bounds import Comparison, best_predictor, compare, require_no_leak


def test_the_best_predictor_is_the_conditional_and_its_perplexity_the_entropy() -> None:
    # Context 0 comes 3 times of 4, then item 0 or 1 evenly; context 1 always leads to item 2.
    best = best_predictor(np.array([[1.5, 1.5, 0.0], [0.0, 0.0, 1.0]]))
    np.testing.assert_allclose(np.exp(best.log_p), [[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]])
    assert best.perplexity == pytest.approx(2**0.75)


def test_only_judged_targets_count_but_the_predictor_is_that_of_all() -> None:
    joint = np.array([[3.0, 1.0]])
    best = best_predictor(joint, np.array([[False, True]]))
    assert best.perplexity == pytest.approx(4)  # 1 / p, p = 1/4, though only such are judged


def test_what_cannot_be_gives_no_nan() -> None:
    best = best_predictor(np.array([[0.0, 0.0], [0.0, 2.0]]))  # context 0 never comes
    assert best.perplexity == 1


def test_a_comparison_is_the_mean_difference_with_its_error_over_sequences() -> None:
    log_p, best = np.log([0.5, 0.5, 0.25, 0.25]), np.log([0.5, 0.5, 0.5, 0.5])
    found = compare(log_p, best, np.array([0, 0, 1, 1]))
    # Means of the two sequences: 0 and log 2; half their distance is the error of their mean.
    assert found.excess == pytest.approx(math.log(2) / 2)
    assert found.standard_error == pytest.approx(math.log(2) / 2)


def test_what_is_better_than_the_best_is_refused_and_chance_is_not() -> None:
    require_no_leak("RNN", Comparison(-0.039, 0.01))
    require_no_leak("RNN", Comparison(0.5, 0.0))
    require_no_leak("HRNN", Comparison(0.0, 0.0))
    with pytest.raises(RunError, match=r"RNN: got 0\.0410 nats a target less than the best .*0100"):
        require_no_leak("RNN", Comparison(-0.041, 0.01))


def test_a_model_that_is_told_the_targets_is_found_out() -> None:
    rng = np.random.default_rng(0)
    heads = rng.random(400) < 0.5
    fair = np.full(400, math.log(0.5))
    # Told the truth one time in ten, and a fair coin otherwise.
    told = np.where(rng.random(400) < 0.1, math.log(0.99), math.log(0.5))
    guessed = np.where(heads, math.log(0.6), math.log(0.4))
    require_no_leak("guesses", compare(guessed, fair, np.arange(400) // 4))
    with pytest.raises(RunError, match="something tells it"):
        require_no_leak("told", compare(told, fair, np.arange(400) // 4))
