"""Every preset along the whole route, and what each one promises."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import tensorflow as tf

from tfhrnn.answer_options import AnswerOptions
from tfhrnn.config import ModelConfig, TrainingConfig, preset
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.split import Part
from tfhrnn.errors import ConfigError
from tfhrnn.evaluation.evaluate import judge
from tfhrnn.histories import Histories
from tfhrnn.presets import PRESET_LINES, PRESETS
from tfhrnn.recommender import HRNNRecommender

# `best`, `hrnn` and `hrnn-metadata` go the same route in other tests.
RECIPES = [name for name in PRESETS if name not in ("best", "hrnn", "hrnn-metadata")]
SMALL: dict[str, object] = {"units": 6, "epochs": 1, "batch_size": 8, "bptt": 16, "seen_items": 8}
T0 = 1_000_000_000
FILMS = [f"film {n}, é" for n in range(30)]


@pytest.fixture(scope="module")
def fitted(
    tiny_log: EventLog, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, HRNNRecommender]:
    """Each recipe's preset, trained for an epoch where it trains at all; read them only."""
    found = {}
    for name in RECIPES:
        small = {**SMALL, "epochs": min(1, preset(name).training.epochs)}
        run = tmp_path_factory.mktemp(name) / "run"
        found[name] = HRNNRecommender(name, **small).fit(tiny_log, run=run, verbose=0)
    return found


def test_a_preset_has_its_line_and_changes_what_it_names() -> None:
    assert list(PRESET_LINES) == list(PRESETS)
    usual = {**vars(ModelConfig()), **vars(TrainingConfig())}
    for name, settings in PRESETS.items():
        assert all(usual[key] != value for key, value in settings.items()), name


@pytest.mark.parametrize("name", RECIPES)
def test_what_is_exported_answers_what_is_judged(
    name: str, fitted: dict[str, HRNNRecommender], tiny_log: EventLog, tmp_path: Path
) -> None:
    recommender = fitted[name]
    assert recommender.run is not None and recommender.model is not None
    users = recommender.run.users(tiny_log, Part.TEST)
    judged = judge(recommender.model, tiny_log, users, recommender.config)["log_p"].to_numpy()
    served = tf.saved_model.load(str(recommender.export(tmp_path / "model")))
    specs = recommender.predictor.signature()
    answered = []
    for user in users.tolist():
        events = slice(tiny_log.offsets[user], tiny_log.offsets[user + 1])
        times = np.asarray(tiny_log.time[events])
        prefixes = list(range(len(times)))
        histories = Histories.from_log(tiny_log, [user] * len(prefixes), prefixes)
        inputs = recommender.predictor.inputs(histories, AnswerOptions(k=30), query_time=times)
        answer = served.signatures["serving_default"](
            **{key: tf.constant(inputs[key], spec.dtype) for key, spec in specs.items()}
        )
        wanted = [tiny_log.catalogue.ids[index - 2].encode() for index in tiny_log.item[events]]
        own = answer["items"].numpy() == np.array(wanted)[:, np.newaxis]
        answered.append(answer["log_probabilities"].numpy()[own])
    # float32 sums of another order
    np.testing.assert_allclose(np.concatenate(answered), judged, atol=1e-4)
    assert 1 < np.exp(-judged.mean()) < 100


@pytest.mark.parametrize("name", RECIPES)
def test_it_recommends_and_ranks(name: str, fitted: dict[str, HRNNRecommender]) -> None:
    recommender = fitted[name]
    features = {"age": [33], "group": ["a"]} if recommender.config.model.user_features else None
    asked: Any = {"gap": 3600, "user_columns": features}
    best = recommender.recommend([FILMS[:3]], k=30, **asked)
    ranked = recommender.rank([FILMS[:3]], [FILMS[5:9]], **asked)
    known = dict(best.select("item", "log_probability").iter_rows())
    assert sorted(ranked["item"]) == sorted(FILMS[5:9])
    wanted = [known[item] for item in ranked["item"]]
    np.testing.assert_allclose(ranked["log_probability"], wanted, rtol=1e-5)
    by = "feedback" if name == "personalized-ranking" else "log_probability"
    assert (np.diff(ranked[by].to_numpy()) <= 0).all()
    assert ("feedback" in ranked.columns) == (name == "personalized-ranking")


def test_sims_knows_the_last_item_alone(fitted: dict[str, HRNNRecommender]) -> None:
    recommender = fitted["sims"]
    pasts = [[FILMS[4]], [FILMS[1], FILMS[2], FILMS[4]], [FILMS[4], FILMS[4]]]
    times = [[T0], [T0, T0 + 9, T0 + 90_000], [T0 + 10**6, T0 + 10**7]]
    found = recommender.recommend(pasts, times=times, gap=[0, 5000, 10**6], k=30)
    answers = [rows.select("item", "log_probability") for _, rows in found.group_by("user")]
    assert len(answers) == 3
    assert all(answers[0].equals(other) for other in answers[1:])
    other = recommender.recommend([[FILMS[5]]], k=30).select("item", "log_probability")
    assert not answers[0].equals(other)


def test_popularity_count_is_the_training_users_counts(
    fitted: dict[str, HRNNRecommender], tiny_tables: dict[str, pl.DataFrame]
) -> None:
    recommender = fitted["popularity-count"]
    assert recommender.run is not None
    split = pl.read_parquet(recommender.run.path / "split.parquet")
    joined = tiny_tables["interactions"].join(split, on="user_id")
    counts = dict.fromkeys(FILMS, 1)
    for item in joined.filter(pl.col("part") == "train")["item_id"]:
        counts[item] += 1
    total = sum(counts.values())
    test = joined.filter(pl.col("part") == "test")["item_id"]
    wanted = np.exp(-np.mean([np.log(counts[item] / total) for item in test]))
    result = recommender.evaluate()
    assert result["perplexity"]["popularity-count"] == pytest.approx(wanted, rel=1e-5)
    assert result["epochs"] == 0
    # Whoever asks, whenever, after whatever.
    found = recommender.recommend([[], FILMS[:5]], gap=[0, 10**6], k=30)
    for _, rows in found.group_by("user"):
        shares = [counts[item] / total for item in rows["item"]]
        np.testing.assert_allclose(np.exp(rows["log_probability"]), shares, rtol=1e-5)


def test_a_run_of_no_epochs_is_whole(fitted: dict[str, HRNNRecommender], tmp_path: Path) -> None:
    recommender = fitted["popularity-count"]
    run = recommender.run
    assert run is not None and run.epochs().is_empty()
    with run.metrics.open(newline="") as file:
        assert next(csv.reader(file))[0] == "epoch"
    again = HRNNRecommender.load(recommender.save(tmp_path / "saved"))
    assert again.recommend([FILMS[:2]]).equals(recommender.recommend([FILMS[:2]]))
    resumed = HRNNRecommender("popularity-count").fit(
        run.open_log(), run=run.path, resume=True, verbose=0
    )
    assert resumed.config == recommender.config


def test_a_model_that_reads_must_train() -> None:
    with pytest.raises(ConfigError, match=r"epochs: got 0, expected .* \(0 only with history="):
        preset("best", {"epochs": 0})
    assert preset("popularity-count", {"epochs": "2"}).training.epochs == 2
