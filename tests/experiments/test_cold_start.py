"""Cold items: what is asked, what it is compared with, and that the scores are the served ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfhrnn.config import preset
from tfhrnn.data.cold_items import draw_cold, write_without_items
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.split import Part, split_users
from tfhrnn.evaluation.list_measures import genres_of
from tfhrnn.experiments import cold_start
from tfhrnn.experiments.cold_start import (
    ROWS,
    Halves,
    baselines,
    configs,
    expected_popularity,
    judge_cold,
    likeness,
    met,
    score_cold,
)
from tfhrnn.histories import Histories
from tfhrnn.recommender import HRNNRecommender

COLD = draw_cold(30)


@pytest.fixture(scope="module")
def warm(tiny_log: EventLog, tmp_path_factory: pytest.TempPathFactory) -> EventLog:
    return write_without_items(tiny_log, COLD, tmp_path_factory.mktemp("warm") / "log")


def test_what_a_user_met_follows_a_loop(tiny_log: EventLog) -> None:
    users = np.array([3, 0, 39])
    found = met(tiny_log, users, COLD)
    columns = np.flatnonzero(COLD)
    for row, user in enumerate(users):
        items = set((tiny_log.item[tiny_log.events_of(int(user))] - 2).tolist())
        assert found[row].tolist() == [column in items for column in columns]


def test_scores_are_those_served_after_the_warm_events(
    trained: HRNNRecommender, tiny_log: EventLog, warm: EventLog
) -> None:
    users = np.array([5, 17])
    scores = score_cold(trained.predictor, Halves(tiny_log, warm, COLD), users)
    ends = tiny_log.time[tiny_log.offsets[users + 1] - 1].astype(np.int64)
    ids, log_p = trained.predictor.answer(
        Histories.from_log(warm, users.tolist()), query_time=ends, k=30
    )
    for row in range(2):
        served = dict(zip(ids[row].tolist(), log_p[row].tolist(), strict=True))
        wanted = [served[tiny_log.catalogue.ids[column]] for column in np.flatnonzero(COLD)]
        np.testing.assert_allclose(scores[row], wanted, atol=1e-5)


def test_cold_events_are_asked_when_they_came_after_the_warm_ones_before(
    trained: HRNNRecommender, tiny_log: EventLog, warm: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cold_start, "_TARGETS_AT_ONCE", 3)  # several askings, the last one short
    users = np.array([1, 8])
    found = judge_cold(trained.predictor, Halves(tiny_log, warm, COLD), users)
    wanted = []
    for user in users.tolist():
        read: list[int] = []
        begin = int(warm.offsets[user])
        for at in range(int(tiny_log.offsets[user]), int(tiny_log.offsets[user + 1])):
            item, time = int(tiny_log.item[at]), int(tiny_log.time[at])
            if not COLD[item - 2]:
                read.append(item)
                continue
            history = Histories.from_log(warm, [user], [len(read)])
            assert history.items[0] == [tiny_log.catalogue.id_of(one) for one in read]
            assert warm.item[begin : begin + len(read)].tolist() == read
            ids, log_p = trained.predictor.answer(history, query_time=np.array([time]), k=30)
            wanted.append(log_p[0, ids[0].tolist().index(tiny_log.catalogue.id_of(item))])
    assert len(found) == len(wanted) > 3
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_likeness_is_the_mean_product_with_what_was_read(warm: EventLog) -> None:
    features = genres_of(warm)
    assert features.shape == (30, 3)
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, rtol=1e-6)
    users = np.array([4])
    found = likeness(features, warm, users, COLD)[0]
    items = warm.item[warm.events_of(4)] - 2
    for place, column in enumerate(np.flatnonzero(COLD)):
        wanted = np.mean([features[item] @ features[column] for item in items])
        assert found[place] == pytest.approx(wanted, rel=1e-5)


def test_popularity_is_read_off_the_features_of_warm_items_alone() -> None:
    # One feature, counts of e^(2f) - 1: log(1 + count) is 2f exactly, up to the ridge's pull.
    values = np.linspace(0, 10, 400)
    cold = np.arange(400) % 2 == 0
    counts = np.where(cold, 0, np.round(np.exp(2 * values) - 1)).astype(np.int64)
    found = expected_popularity(values[:, None].astype(np.float32), counts, cold)
    np.testing.assert_allclose(found, 2 * values[cold], atol=0.15)
    counts[cold] = 10**6
    again = expected_popularity(values[:, None].astype(np.float32), counts, cold)
    np.testing.assert_array_equal(found, again)


def test_baselines_come_with_the_expectation_of_chance(tiny_log: EventLog, warm: EventLog) -> None:
    parts = split_users(40, 0)
    rows = baselines(Halves(tiny_log, warm, COLD), parts)
    assert rows[0]["name"] == "random"
    users = np.flatnonzero(parts == Part.TEST)
    shares = [row.mean() for row in met(tiny_log, users, COLD) if row.any()]
    assert rows[0]["precision_at_5"] == pytest.approx(np.mean(shares))
    # 25 places for 15 candidates: all that was met is found, and ten places are empty.
    for row in rows:
        assert row["precision_at_25"] == pytest.approx(np.mean(shares) * 15 / 25)


def test_rows_are_the_paper_s_inputs_and_differ() -> None:
    found = configs()
    assert list(found) == list(ROWS) and len(set(map(str, found.values()))) == len(found)
    assert all(config.model.item_features for config in found.values())
    assert not any(config.model.feedback or config.model.user_features for config in found.values())


def test_the_table_is_whole_and_is_read_back(
    tiny_log: EventLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small: dict[str, Any] = {"units": 4, "epochs": 1, "batch_size": 4, "item_features": True}
    monkeypatch.setattr(cold_start, "configs", lambda: {"small": preset("hrnn", small)})
    quiet: Any = {"seeds": 1, "say": lambda line: None}
    found = cold_start.run(tiny_log, tmp_path / "out", **quiet)
    assert [row["name"] for row in found["rows"]][-2:] == ["popularity", "small"]
    last = found["rows"][-1]
    assert 1 < last["perplexity"] < 60 and 1 < last["cold_perplexity"] < 300
    assert last["perplexity"] < last["both_perplexity"] < last["cold_perplexity"]
    log_p = [np.log(last[f"{of}perplexity"]) for of in ("", "cold_")]
    warm_targets = found["protocol_of_warm"]["test_targets"]
    users = np.flatnonzero(split_users(40, 0) == Part.TEST)
    cold_targets = sum(
        int(COLD[tiny_log.item[tiny_log.events_of(int(user))] - 2].sum()) for user in users
    )
    both = np.average(log_p, weights=[warm_targets, cold_targets])
    assert last["both_perplexity"] == pytest.approx(np.exp(both))
    assert 0 <= last["precision_at_5"] <= 1 and last["seconds_per_epoch"] > 0
    assert found["protocol"]["test_targets"] == int(met(tiny_log, users, COLD).sum())
    assert found["protocol"]["fingerprint"] == tiny_log.fingerprint
    assert "after all warm events" in found["protocol"]["targets"]
    again = cold_start.run(tiny_log, tmp_path / "out", **quiet)
    assert again == found and json.loads(json.dumps(found, allow_nan=False)) == found


def test_quick_models_find_cold_items_by_their_features(
    lively_log: EventLog, tmp_path: Path
) -> None:
    found = cold_start.run(lively_log, tmp_path, seeds=1, quick=True, say=lambda _: None)
    rows = {row["name"]: row for row in found["rows"]}
    drawn, fixed = rows["λ per item"], rows["λ = 0.5"]
    assert drawn["precision_at_5"] > 1.15 * rows["random"]["precision_at_5"]
    # What drawing λ is for: cold items stand on the scale of the others.
    assert drawn["cold_perplexity"] < 0.9 * fixed["cold_perplexity"]
