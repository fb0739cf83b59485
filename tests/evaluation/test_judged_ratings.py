"""Judged ratings are those that are served, event by event, and nothing of them leaks."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tfhrnn.data.event_log import EventLog
from tfhrnn.data.split import Part
from tfhrnn.errors import ConfigError
from tfhrnn.evaluation import judged_ratings
from tfhrnn.evaluation.judged_ratings import judge_ratings
from tfhrnn.evaluation.ratings import rating_rows
from tfhrnn.histories import Histories
from tfhrnn.recommender import HRNNRecommender


@pytest.fixture(scope="module")
def rating(tiny_log: EventLog, tmp_path_factory: pytest.TempPathFactory) -> HRNNRecommender:
    """A small model with a ranking head that reads every event and its feedback."""
    recommender = HRNNRecommender(
        "personalized-ranking", units=8, epochs=2, batch_size=4, bptt=8, watch="rmse"
    )
    run: Path = tmp_path_factory.mktemp("rating") / "run"
    return recommender.fit(tiny_log, run=run, verbose=0)


def judged(rating: HRNNRecommender, log: EventLog, users: np.ndarray) -> pl.DataFrame:
    assert rating.model is not None
    return judge_ratings(rating.model, log, users, rating.config)


def test_what_is_judged_is_what_is_served(rating: HRNNRecommender, tiny_log: EventLog) -> None:
    assert rating.run is not None
    users = rating.run.users(tiny_log, Part.TEST)[:3]
    found = judged(rating, tiny_log, users)
    assert found.drop("prediction").equals(rating_rows(tiny_log, users))
    for user in users.tolist():
        rows = found.filter(pl.col("user") == user)
        events = tiny_log.events_of(user)
        histories = Histories.from_log(tiny_log, [user] * rows.height, list(range(rows.height)))
        served = rating.rank(
            histories,
            [[tiny_log.catalogue.id_of(item)] for item in rows["item"].to_list()],
            query_time=np.asarray(tiny_log.time[events]).tolist(),
        )
        # float32, and two routes that add in another order
        np.testing.assert_allclose(served["feedback"], rows["prediction"], atol=1e-5)
    assert found["prediction"].to_numpy().std() > 0.01  # it says something


def test_the_validation_rmse_of_training_is_that_of_the_judged(
    rating: HRNNRecommender, tiny_log: EventLog
) -> None:
    assert rating.run is not None
    users = rating.run.validation_users(tiny_log)
    rows = judged(rating, tiny_log, users)
    error = (rows["prediction"] - rows["feedback"]).to_numpy()
    # The model holds the weights of the epoch with the least.
    best = rating.run.epochs()["val_rmse"].min()
    assert best == pytest.approx(float(np.sqrt((error**2).mean())), rel=1e-5)


def test_lanes_windows_and_order_change_nothing(
    rating: HRNNRecommender, tiny_log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = np.array([3, 17, 8, 21])
    whole = judged(rating, tiny_log, users)
    monkeypatch.setattr(judged_ratings, "_LANES", 3)
    training = dataclasses.replace(rating.config.training, bptt=5)
    assert rating.model is not None
    config = dataclasses.replace(rating.config, training=training)
    again = judge_ratings(rating.model, tiny_log, users[::-1], config)
    again = pl.concat([again.filter(pl.col("user") == user) for user in users.tolist()])
    assert again.drop("prediction").equals(whole.drop("prediction"))
    np.testing.assert_allclose(again["prediction"], whole["prediction"], atol=1e-5)


def test_a_rating_is_predicted_before_it_is_read(
    rating: HRNNRecommender, tiny_log: EventLog
) -> None:
    user = np.array([3])
    before = judged(rating, tiny_log, user)
    place = before.height // 2
    feedback = np.array(tiny_log.feedback)
    at = int(tiny_log.offsets[3]) + place
    feedback[at] = 6 - feedback[at] if feedback[at] != 3 else 5
    after = judged(rating, dataclasses.replace(tiny_log, feedback=feedback), user)
    same = before["prediction"].to_numpy() == after["prediction"].to_numpy()
    assert same[: place + 1].all() and not same[place + 1]


def test_events_without_feedback_have_no_row_and_shift_nothing(
    rating: HRNNRecommender, tiny_log: EventLog
) -> None:
    users = np.array([5, 3])
    whole = judged(rating, tiny_log, users)
    feedback = np.array(tiny_log.feedback)
    last = int(tiny_log.offsets[6]) - 1  # nobody reads it
    feedback[last] = np.nan
    found = judged(rating, dataclasses.replace(tiny_log, feedback=feedback), users)
    kept = (whole["user"] != 5) | (whole["position"] != last - tiny_log.offsets[5])
    assert found.equals(whole.filter(kept))


def test_a_model_without_a_head_predicts_nothing(
    trained: HRNNRecommender, tiny_log: EventLog
) -> None:
    with pytest.raises(ConfigError, match="rating: got a model without a ranking head"):
        judged(trained, tiny_log, np.array([3]))
