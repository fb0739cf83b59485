"""Judging: what is evaluated is what is answered, and every figure can be worked out by hand."""

from __future__ import annotations

import dataclasses
import math
from itertools import pairwise

import numpy as np
import polars as pl
import pytest

from tfhrnn.config import Config
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.split import Part
from tfhrnn.evaluation import evaluate
from tfhrnn.evaluation.evaluate import (
    POSITIONS,
    figures,
    figures_by_level,
    figures_by_position,
    judge,
    judge_popularity,
)
from tfhrnn.histories import Histories
from tfhrnn.models.hrnn import HRNN
from tfhrnn.recommender import HRNNRecommender


@pytest.fixture(scope="module")
def model(trained: HRNNRecommender) -> HRNN:
    assert trained.model is not None
    return trained.model


@pytest.fixture(scope="module")
def test_users(trained: HRNNRecommender, tiny_log: EventLog) -> np.ndarray:
    assert trained.run is not None
    return trained.run.users(tiny_log, Part.TEST)


@pytest.fixture(scope="module")
def judged(
    model: HRNN, tiny_log: EventLog, test_users: np.ndarray, trained: HRNNRecommender
) -> pl.DataFrame:
    return judge(model, tiny_log, test_users, trained.config)


def test_every_event_of_every_user_is_one_target_in_order(
    judged: pl.DataFrame, tiny_log: EventLog, test_users: np.ndarray
) -> None:
    rows = [
        (user, position, int(item))
        for user in test_users.tolist()
        for position, item in enumerate(tiny_log.item[tiny_log.events_of(user)])
    ]
    assert judged.select("user", "position", "item").rows() == rows


def test_judged_targets_are_those_that_the_predictor_answers(
    judged: pl.DataFrame, trained: HRNNRecommender, tiny_log: EventLog, test_users: np.ndarray
) -> None:
    for user in test_users[:4].tolist():
        rows = judged.filter(pl.col("user") == user)
        prefixes = list(range(rows.height))
        ids, log_p = trained.predictor.answer(
            Histories.from_log(tiny_log, [user] * rows.height, prefixes),
            query_time=np.asarray(tiny_log.time[tiny_log.events_of(user)]),
            k=30,
        )
        for row, item in enumerate(rows["item"].to_list()):
            place = ids[row].tolist().index(tiny_log.catalogue.id_of(item))
            # float32, and two routes that add in another order
            assert log_p[row, place] == pytest.approx(rows["log_p"][row], abs=1e-5)
            assert place == rows["rank"][row]


def test_a_user_without_events_has_no_targets(
    model: HRNN, tiny_log: EventLog, trained: HRNNRecommender
) -> None:
    offsets = np.array([*tiny_log.offsets[:3], *tiny_log.offsets[2:]])  # one more, at place 2
    matrix = np.insert(tiny_log.user_matrix, 2, 0, axis=0)
    log = dataclasses.replace(tiny_log, offsets=offsets, user_matrix=matrix)
    found = judge(model, log, np.array([1, 2, 3]), trained.config)
    assert found["user"].unique().to_list() == [1, 3]
    same = judge(model, tiny_log, np.array([1, 2]), trained.config)
    np.testing.assert_allclose(found["log_p"], same["log_p"], atol=1e-5)


def test_lanes_and_windows_change_nothing(
    judged: pl.DataFrame,
    model: HRNN,
    tiny_log: EventLog,
    test_users: np.ndarray,
    trained: HRNNRecommender,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for lanes, window in ((1, 3), (3, 64)):
        monkeypatch.setattr(evaluate, "_LANES", lanes)
        training = dataclasses.replace(trained.config.training, bptt=window)
        config = dataclasses.replace(trained.config, training=training)
        again = judge(model, tiny_log, test_users, config)
        np.testing.assert_allclose(again["log_p"], judged["log_p"], atol=1e-5)
        assert again.drop("log_p").equals(judged.drop("log_p"))


def test_users_come_in_the_order_asked_for(
    judged: pl.DataFrame,
    model: HRNN,
    tiny_log: EventLog,
    test_users: np.ndarray,
    trained: HRNNRecommender,
) -> None:
    backwards = judge(model, tiny_log, test_users[::-1], trained.config)
    assert backwards["user"].unique(maintain_order=True).to_list() == test_users[::-1].tolist()
    sorted_again = backwards.sort("user", "position")
    np.testing.assert_allclose(sorted_again["log_p"], judged["log_p"], atol=1e-5)


def test_levels_are_those_of_the_gap_in_front(judged: pl.DataFrame, tiny_log: EventLog) -> None:
    level_of = {0: 0, 5: 0, 300: 1, 7200: 2, 200_000: 3}  # the gaps the small world is made of
    for user, position, level in judged.select("user", "position", "level").rows():
        times = tiny_log.time[tiny_log.events_of(user)]
        gap = int(times[position] - times[position - 1]) if position else None
        assert level == (4 if gap is None else level_of[gap])


def test_popularity_follows_a_loop(tiny_log: EventLog, test_users: np.ndarray) -> None:
    counted = np.setdiff1d(np.arange(tiny_log.num_users), test_users)
    counts = [1.0] * tiny_log.num_items
    for user in counted:
        for item in tiny_log.item[tiny_log.events_of(user)]:
            counts[item - 2] += 1
    best_first = sorted(range(tiny_log.num_items), key=lambda column: (-counts[column], column))
    judged = judge_popularity(tiny_log, test_users, counted, (60, 3600, 86400))
    row = 0
    for user in test_users:
        for item in tiny_log.item[tiny_log.events_of(user)]:
            assert judged["log_p"][row] == pytest.approx(math.log(counts[item - 2] / sum(counts)))
            assert judged["rank"][row] == best_first.index(item - 2)
            row += 1
    assert row == judged.height


def test_figures_are_those_worked_out_by_hand() -> None:
    # p = 1/2, 1/4, 1/4, 1/32: nats sum to (1 + 2 + 2 + 5) log 2, over 4: 2^2.5.
    rows = pl.DataFrame(
        {
            "user": [0, 0, 1, 1],
            "log_p": np.log([1 / 2, 1 / 4, 1 / 4, 1 / 32]),
            "rank": [0, 2, 3, 4],
            "level": [4, 0, 4, 2],
        }
    )
    found = figures(rows, k=4)
    assert found["perplexity"] == pytest.approx(2**2.5)
    assert found["hit_rate"] == 0.75
    assert found["ndcg"] == pytest.approx((1 + 1 / 2 + 1 / math.log2(5)) / 4)
    assert found["mrr"] == pytest.approx((1 + 1 / 3 + 1 / 4) / 4)
    # Per user 3 and 7 log 2, each 2 log 2 off its share: sqrt((4 + 4) · 2 / 1) / 4 = 1 log 2.
    assert found["perplexity_standard_error"] == pytest.approx(2**2.5 * math.log(2))
    levels = figures_by_level(rows, k=4)
    assert [(row["level"], row["targets"]) for row in levels] == [(0, 1), (2, 1), (4, 2)]
    assert [row["perplexity"] for row in levels] == pytest.approx([4, 32, 2**1.5])
    assert levels[0]["perplexity_standard_error"] == 0.0  # a single user


def test_figures_by_position_follow_a_loop(judged: pl.DataFrame) -> None:
    starts = [*POSITIONS, 10**9]
    expected = []
    for first, after in pairwise(starts):
        rows = judged.filter(pl.col("position").is_in(list(range(first, min(after, 999)))))
        if rows.height:
            last = None if after == 10**9 else after - 1
            expected.append({"first": first, "last": last, "targets": rows.height, **figures(rows)})
    assert figures_by_position(judged) == expected
    assert [row["first"] for row in expected] == [0, 1, 5, 10, 20]  # at most 24 events a user
    assert sum(row["targets"] for row in figures_by_position(judged)) == judged.height


def test_figures_by_level_average_back_to_the_overall_ones(judged: pl.DataFrame) -> None:
    overall, levels = figures(judged), figures_by_level(judged)
    counts = [row["targets"] for row in levels]
    assert sum(counts) == judged.height
    for name in ("hit_rate", "ndcg", "mrr"):
        mean = np.average([row[name] for row in levels], weights=counts)
        assert mean == pytest.approx(overall[name])
    nats = np.average([math.log(row["perplexity"]) for row in levels], weights=counts)
    assert math.exp(nats) == pytest.approx(overall["perplexity"])


def test_the_protocol_counts_what_is_judged(
    judged: pl.DataFrame, tiny_log: EventLog, trained: HRNNRecommender
) -> None:
    assert trained.run is not None
    assert trained.run.protocol(tiny_log).test_targets == judged.height


def test_a_model_without_seen_bias_or_features_is_judged_too(
    tiny_log: EventLog, test_users: np.ndarray
) -> None:
    from tfhrnn.config import ModelConfig, TrainingConfig
    from tfhrnn.data.facts import training_facts
    from tfhrnn.training import build_model, create_variables

    config = Config(ModelConfig(units=4), TrainingConfig(batch_size=2, bptt=8))
    model = build_model(config, training_facts(tiny_log, np.arange(20), config.model))
    create_variables(model)
    judged = judge(model, tiny_log, test_users[:2], config)
    assert np.isfinite(judged["log_p"].to_numpy()).all()
    # An untrained model is close to uniform, but for popularity's start in the biases.
    assert 5 < figures(judged)["perplexity"] < 60
