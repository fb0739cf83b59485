"""Ranking given items and reranking what was retrieved, in process and from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import tensorflow as tf

from tfhrnn import cli
from tfhrnn.data.event_log import EventLog
from tfhrnn.errors import ConfigError, DataError
from tfhrnn.recommender import HRNNRecommender

SETTINGS: dict[str, object] = {
    "units": 8,
    "layers": 1,
    "time_bumps": 2,
    "item_factors": 2,
    "epochs": 2,
    "batch_size": 8,
    "bptt": 16,
    "seen_items": 4,
}
FILMS = [f"film {n}, é" for n in range(30)]
HISTORIES = [FILMS[:3], [], FILMS[7:9]]


@pytest.fixture(scope="module")
def rated(tiny_log: EventLog, tmp_path_factory: pytest.TempPathFactory) -> HRNNRecommender:
    """A model with a ranking head."""
    recommender = HRNNRecommender("best", **SETTINGS, rating="joint", rating_weight=5)
    return recommender.fit(tiny_log, run=tmp_path_factory.mktemp("rated") / "run", verbose=0)


@pytest.fixture(scope="module")
def plain(tiny_log: EventLog, tmp_path_factory: pytest.TempPathFactory) -> HRNNRecommender:
    """The same without."""
    recommender = HRNNRecommender("best", **SETTINGS)
    return recommender.fit(tiny_log, run=tmp_path_factory.mktemp("plain") / "run", verbose=0)


def test_given_items_come_by_predicted_feedback(rated: HRNNRecommender) -> None:
    asked = [FILMS[:5], FILMS[10:13], []]
    found = rated.rank(HISTORIES, asked, gap=[0, 60, 5])
    for row, items in zip(("0", "1"), asked, strict=False):
        own = found.filter(found["user"] == found["user"].unique(maintain_order=True)[int(row)])
        assert sorted(own["item"]) == sorted(items)
        assert (np.diff(own["feedback"].to_numpy()) <= 0).all()
        assert own["rank"].to_list() == list(range(1, len(items) + 1))
    assert found.height == 8


def test_log_probabilities_are_those_of_recommend(rated: HRNNRecommender) -> None:
    best = rated.recommend(HISTORIES[:1], k=30)
    wanted = dict(zip(best["item"], best["log_probability"], strict=True))
    found = rated.rank(HISTORIES[:1], [FILMS])
    for item, log_p in zip(found["item"], found["log_probability"], strict=True):
        assert log_p == pytest.approx(wanted[item], abs=1e-5)


def test_without_a_head_items_come_by_log_probability(plain: HRNNRecommender) -> None:
    found = plain.rank(HISTORIES[:1], [FILMS])
    assert "feedback" not in found.columns
    assert found["item"].to_list() == plain.recommend(HISTORIES[:1], k=30)["item"].to_list()


@pytest.mark.parametrize("fixture", ["rated", "plain"])
def test_an_unknown_item_comes_last(fixture: str, request: pytest.FixtureRequest) -> None:
    found = request.getfixturevalue(fixture).rank(HISTORIES[:1], [["none such", *FILMS[:3]]])
    last = found.row(-1, named=True)
    assert (last["item"], last["log_probability"], last["title"]) == ("none such", -np.inf, "")
    if fixture == "rated":
        assert np.isnan(last["feedback"]) and found["feedback"][:3].is_finite().all()


def test_reranking_a_stream_is_reranking_the_whole(rated: HRNNRecommender) -> None:
    found = rated.recommend(HISTORIES, k=3, rerank=8, exclude_seen=True, retrieval="streaming")
    wanted = rated.recommend(HISTORIES, k=3, rerank=8, exclude_seen=True)
    for column in found.columns:
        if found[column].dtype.is_float():
            np.testing.assert_allclose(found[column], wanted[column], atol=1e-5)
        else:
            assert found[column].equals(wanted[column])


def test_an_unknown_retrieval_is_named(rated: HRNNRecommender) -> None:
    unknown: Any = "fast"
    with pytest.raises(ConfigError, match="retrieval: got 'fast', expected one of exact, stream"):
        rated.recommend(HISTORIES, retrieval=unknown)


def test_reranking_orders_what_was_retrieved(rated: HRNNRecommender) -> None:
    retrieved = rated.recommend(HISTORIES, k=8, exclude_seen=True)
    found = rated.recommend(HISTORIES, k=3, rerank=8, exclude_seen=True)
    for user in retrieved["user"].unique(maintain_order=True).to_list():
        items = retrieved.filter(retrieved["user"] == user)["item"].to_list()
        history = HISTORIES[retrieved["user"].unique(maintain_order=True).to_list().index(user)]
        by_feedback = rated.rank([history], [items])["item"].to_list()
        assert found.filter(found["user"] == user)["item"].to_list() == by_feedback[:3]


def test_what_cannot_be_asked_is_refused(rated: HRNNRecommender, plain: HRNNRecommender) -> None:
    with pytest.raises(
        ConfigError, match="ranking head, expected one: train with --set rating=joint"
    ):
        plain.recommend(HISTORIES, k=3, rerank=8)
    with pytest.raises(ConfigError, match="feedback: got some, but this model reads none"):
        plain.recommend(HISTORIES[:1], feedback=[[1.0, None, 2.0]])
    table = pl.DataFrame({"user": ["a"], "item": FILMS[:1], "timestamp": [5]})
    with pytest.raises(ConfigError, match="times: got some beside a table"):
        plain.recommend(table, times=[[5]])
    with pytest.raises(ConfigError, match="rerank: got 2, expected k = 3 or more"):
        rated.recommend(HISTORIES, k=3, rerank=2)
    with pytest.raises(DataError, match="got 1 lists, expected 3, one a history"):
        rated.rank(HISTORIES, [FILMS])
    with pytest.raises(ConfigError, match="got a model without a ranking head"):
        assert plain.model is not None
        plain.model.rate(tf.zeros([1, 8]), tf.zeros([1], tf.int32))


def test_the_head_is_saved_and_its_error_is_in_the_metrics(
    rated: HRNNRecommender, plain: HRNNRecommender
) -> None:
    assert rated.run is not None and plain.run is not None
    assert rated.run.epochs()["val_rmse"].is_between(0.01, 10).all()
    assert plain.run.epochs()["val_rmse"].null_count() == plain.run.epochs().height
    again = HRNNRecommender.load(rated.run.path)
    assert again.rank(HISTORIES, [FILMS] * 3).equals(rated.rank(HISTORIES, [FILMS] * 3))


def test_rank_from_the_command_line(rated: HRNNRecommender, tmp_path: Path) -> None:
    assert rated.run is not None
    words = ["rank", "--run", str(rated.run.path), "--history", json.dumps(FILMS[:2])]
    words += ["--items", json.dumps([*FILMS[4:7], "none"]), "--gap", "60"]
    assert cli.main([*words, "--json", str(tmp_path / "found.json")]) == 0
    found = json.loads((tmp_path / "found.json").read_text())
    wanted = rated.rank([FILMS[:2]], [FILMS[4:7]], gap=60)
    assert [row["item"] for row in found["items"][:3]] == wanted["item"].to_list()
    assert found["unknown"] == ["none"]
    # JSON knows neither infinities nor NaN.
    assert found["items"][3]["log_probability"] is None and found["items"][3]["feedback"] is None
