"""Metrics of an epoch: weighted means over windows of any size."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tfhrnn.evaluation.metrics import ndcg, perplexity
from tfhrnn.models.epoch_metrics import NDCG, ImpressionLoss, Perplexity


def test_the_perplexity_is_of_all_targets_and_not_a_mean_over_windows() -> None:
    metric = Perplexity()
    log_p = np.log([0.5, 0.25, 0.125, 0.01])
    metric.update_state(-log_p[:1])
    metric.update_state(-log_p[1:])
    assert float(metric.result()) == pytest.approx(perplexity(log_p), rel=1e-5)
    metric.reset_state()
    metric.update_state(-log_p[:1])
    assert float(metric.result()) == pytest.approx(2)


def test_targets_without_weight_do_not_count_and_halves_count_half() -> None:
    metric = Perplexity()
    metric.update_state(tf.math.log([[2.0, 8.0, 1e9]]), sample_weight=[[1.0, 0.5, 0.0]])
    # exp((1·log 2 + ½·log 8) / 1½)
    assert float(metric.result()) == pytest.approx(2 ** (2.5 / 1.5), rel=1e-5)


@pytest.mark.parametrize(
    ("rank", "wanted"), [(0, 1.0), (1, 1 / np.log2(3)), (9, 1 / np.log2(11)), (10, 0.0), (999, 0.0)]
)
def test_the_ndcg_of_a_single_target(rank: int, wanted: float) -> None:
    metric = NDCG()
    metric.update_state(tf.constant([[rank]]))
    assert float(metric.result()) == pytest.approx(wanted, abs=1e-6)


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 3)), min_size=1, max_size=20))
def test_the_ndcg_is_the_evaluators_of_every_target_as_often_as_its_weight(
    targets: list[tuple[int, int]],
) -> None:
    metric = NDCG()
    half = len(targets) // 2
    for part in (targets[:half], targets[half:]):
        ranks = tf.constant([rank for rank, _ in part], tf.int32)
        metric.update_state(ranks, sample_weight=tf.constant([float(w) for _, w in part]))
    repeated = np.repeat([rank for rank, _ in targets], [weight for _, weight in targets])
    wanted = float(np.mean(ndcg(repeated, 10))) if len(repeated) else 0.0
    assert float(metric.result()) == pytest.approx(wanted, abs=1e-5)


def test_the_loss_of_impressions_is_of_the_targets_that_have_some() -> None:
    metric = ImpressionLoss()
    shown = tf.constant([[[4, -1], [-1, -1], [-1, 0], [2, 3]]])
    metric.update_state(
        tf.constant([[1.0, 9.0, 4.0, 9.0]]), shown, tf.constant([[1.0, 1.0, 0.5, 0.0]])
    )
    assert float(metric.result()) == pytest.approx((1.0 + 0.5 * 4.0) / 1.5)
