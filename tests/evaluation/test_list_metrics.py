"""Rank metrics against trec_eval, ties included, and against sets counted by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import pytrec_eval
from hypothesis import given
from hypothesis import strategies as st

from tfhrnn.evaluation import metrics
from tfhrnn.evaluation.list_metrics import LIST_METRICS, hits_of

MEASURES = {
    "HR": "success",
    "Recall": "recall",
    "Precision": "P",
    "NDCG": "ndcg_cut",
    "MAP": "map_cut",
}
SEEDS = st.integers(0, 2**32 - 1)


def name_of(column: int) -> str:
    """A document's name such that trec_eval, which puts the later name first, goes by column."""
    return f"{9999 - column:04d}"


def trec_eval(scores: np.ndarray, relevant: list[list[int]], k: int) -> dict[str, list[float]]:
    """Each list's metrics at k by trec_eval, under our names."""
    wanted = {str(row): {name_of(c): 1 for c in items} for row, items in enumerate(relevant)}
    run = {
        str(row): {name_of(column): float(value) for column, value in enumerate(values)}
        for row, values in enumerate(scores)
    }
    found = _evaluate(wanted, run, {f"{measure}.{k}" for measure in MEASURES.values()})
    result = {name: [one[f"{measure}_{k}"] for one in found] for name, measure in MEASURES.items()}
    # recip_rank has no cut: a run of k documents is cut beforehand, by the same order.
    cut = {
        query: dict(sorted(documents.items(), key=lambda pair: (-pair[1], -int(pair[0])))[:k])
        for query, documents in run.items()
    }
    result["MRR"] = [one["recip_rank"] for one in _evaluate(wanted, cut, {"recip_rank"})]
    return result


def _evaluate(wanted: Any, run: Any, measures: set[str]) -> list[dict[str, float]]:
    found = pytrec_eval.RelevanceEvaluator(wanted, measures).evaluate(run)
    return [found[query] for query in wanted]


def tied_scores(rng: np.random.Generator, lists: int, items: int) -> np.ndarray:
    """Few different scores, so that most are shared."""
    return rng.integers(0, 5, (lists, items)).astype(np.float64)


@given(SEEDS, st.integers(1, 15), st.integers(1, 20))
def test_several_relevant_items_score_as_by_trec_eval(seed: int, items: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    scores = tied_scores(rng, 6, items)
    relevant = [
        rng.choice(items, int(rng.integers(1, items + 1)), replace=False).tolist() for _ in range(6)
    ]
    lists = np.argsort(-scores, axis=1, kind="stable")  # catalogue order among equal scores
    hits, count = hits_of(lists, relevant)
    expected = trec_eval(scores, relevant, k)
    assert set(expected) == set(LIST_METRICS)
    for name, metric in LIST_METRICS.items():
        np.testing.assert_allclose(metric(hits, count, k), expected[name], atol=1e-12)


@given(SEEDS, st.integers(1, 15), st.integers(1, 20))
def test_one_target_a_step_scores_as_by_trec_eval(seed: int, items: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    scores, target = tied_scores(rng, 8, items), rng.integers(0, items, 8)
    ranks = metrics.ranks_of(scores, target)
    expected = trec_eval(scores, [[int(column)] for column in target], k)
    for ours, name in ((metrics.hit_rate, "HR"), (metrics.ndcg, "NDCG"), (metrics.mrr, "MRR")):
        assert ours(ranks, k) == pytest.approx(np.mean(expected[name]))
    # With one target these are no metrics of their own, as the module says.
    assert expected["Recall"] == expected["HR"]
    np.testing.assert_allclose(expected["Precision"], np.array(expected["HR"]) / k)
    np.testing.assert_allclose(expected["MAP"], expected["MRR"])


@given(SEEDS, st.integers(1, 12))
def test_lists_and_ranks_of_one_target_agree(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    scores, target = tied_scores(rng, 5, 10), rng.integers(0, 10, 5)
    ranks = metrics.ranks_of(scores, target)
    lists = np.argsort(-scores, axis=1, kind="stable")
    hits, count = hits_of(lists, [[int(column)] for column in target])
    np.testing.assert_array_equal(hits.argmax(axis=1), ranks)
    assert LIST_METRICS["NDCG"](hits, count, k).mean() == pytest.approx(metrics.ndcg(ranks, k))


def test_short_lists_and_repeated_items() -> None:
    lists = np.array([[5, 5, 3, -1], [-1, -1, -1, -1], [1, 2, 3, 4]])
    hits, count = hits_of(lists, [[5, 3, 8], [2], []])
    assert hits.tolist() == [[True, False, True, False], [False] * 4, [False] * 4]
    assert count.tolist() == [3, 1, 0]
    values = {name: metric(hits, count, 4).tolist() for name, metric in LIST_METRICS.items()}
    assert values["HR"] == [1, 0, 0] and values["Precision"] == [0.5, 0, 0]
    assert values["Recall"] == [2 / 3, 0, 0] and values["MRR"] == [1, 0, 0]
    assert values["MAP"] == [pytest.approx((1 + 2 / 3) / 3), 0, 0]
    # 1 + 1/2 of the ideal 1 + 1/log2(3) + 1/2; of nothing to find nothing is found.
    assert values["NDCG"] == [pytest.approx(1.5 / (1.5 + 1 / np.log2(3))), 0, 0]
    # k beyond the list asks no more of it.
    assert LIST_METRICS["Recall"](hits, count, 99).tolist() == values["Recall"]
