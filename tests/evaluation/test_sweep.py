"""The gap sweep: one user, and all test users, asked after longer and longer breaks."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tfhrnn.data.event_log import EventLog
from tfhrnn.evaluation.sweep import describe, history_rows, sweep_user, sweep_users, top_items
from tfhrnn.histories import Histories
from tfhrnn.recommender import HRNNRecommender

SHARES = np.arange(30) / 435  # by catalogue row, so that a row one off is a wrong number


def test_each_gap_shows_what_the_predictor_answers_then(
    trained: HRNNRecommender, tiny_log: EventLog
) -> None:
    rows = sweep_user(trained.predictor, tiny_log, 3, SHARES, gaps=(0, 60, 90_000), k=4)
    assert [(row["gap_seconds"], row["level"]) for row in rows] == [(0, 0), (60, 1), (90_000, 3)]
    last = int(tiny_log.time[tiny_log.offsets[4] - 1])
    for row in rows:
        ids, log_p = trained.predictor.answer(
            Histories.from_log(tiny_log, [3]),
            query_time=np.array([last + row["gap_seconds"]]),
            k=4,
        )
        assert [item["item"] for item in row["top"]] == ids[0].tolist()
        found = [item["log_probability"] for item in row["top"]]
        np.testing.assert_allclose(found, log_p[0], atol=1e-5)
        for item in row["top"]:
            number = int(item["item"].removeprefix("film ").removesuffix(", é"))
            assert item["title"] == f"Film {number}"
            assert item["genres"] == "|".join(("Comedy", "Drama", "Horror")[: 1 + number % 3])
            place = tiny_log.catalogue.ids.index(item["item"])
            assert item["popularity"] == pytest.approx(place / 435)


def test_the_mean_over_users_is_that_of_each_alone(
    trained: HRNNRecommender, tiny_log: EventLog
) -> None:
    users = np.array([7, 2, 30])
    rows = sweep_users(trained.predictor, tiny_log, users, SHARES, gaps=(0, 90_000))
    for row in rows:
        alone = [
            sweep_user(trained.predictor, tiny_log, user, SHARES, gaps=(row["gap_seconds"],), k=1)[
                0
            ]["top"][0]["popularity"]
            for user in users.tolist()
        ]
        assert row["users"] == 3
        assert row["mean_popularity"] == pytest.approx(np.mean(alone))
        assert row["standard_error"] == pytest.approx(np.std(alone, ddof=1) / np.sqrt(3))


def test_more_users_than_a_batch_holds_are_all_counted(
    trained: HRNNRecommender, tiny_log: EventLog
) -> None:
    ones = np.ones(30)
    (row,) = sweep_users(trained.predictor, tiny_log, np.arange(40), ones, gaps=(60,))
    assert (row["users"], row["mean_popularity"], row["standard_error"]) == (40, 1.0, 0.0)


def test_one_user_has_no_standard_error(trained: HRNNRecommender, tiny_log: EventLog) -> None:
    (row,) = sweep_users(trained.predictor, tiny_log, np.array([1]), SHARES, gaps=(0,))
    assert row["standard_error"] == 0.0


def test_a_history_is_shown_backwards_from_its_last_event(tiny_log: EventLog) -> None:
    user = int(np.argmax(np.diff(tiny_log.offsets) >= 7))
    events = tiny_log.events_of(user)
    rows = history_rows(tiny_log, user, last=3)
    expected = tiny_log.time[events.stop - 1] - tiny_log.time[events.stop - 3 : events.stop]
    assert [row["seconds_before"] for row in rows] == expected.tolist()
    assert rows[-1]["item"] == tiny_log.catalogue.id_of(int(tiny_log.item[events.stop - 1]))
    assert rows[-1]["feedback"] == tiny_log.feedback[events.stop - 1]
    assert len(history_rows(tiny_log, user, last=1000)) == events.stop - events.start


def test_genres_given_as_lists_are_shown_joined(tiny_log: EventLog) -> None:
    import dataclasses

    frame = tiny_log.catalogue.frame.with_columns(pl.col("genres").str.split("|"))
    catalogue = dataclasses.replace(tiny_log.catalogue, frame=frame)
    log = dataclasses.replace(tiny_log, catalogue=catalogue)
    assert describe(log, "film 2, é")["genres"] == "Comedy|Drama|Horror"


def test_top_items_are_those_of_each_user_alone(
    trained: HRNNRecommender, tiny_log: EventLog
) -> None:
    gaps = (60, 90_000)
    users, found = top_items(trained.predictor, tiny_log, np.array([7, 2, 30]), gaps=gaps, k=3)
    lengths = np.diff(tiny_log.offsets)[users]
    assert sorted(users.tolist()) == [2, 7, 30] and (np.diff(lengths) >= 0).all()
    for place, user in enumerate(users.tolist()):
        for row, swept in enumerate(
            sweep_user(trained.predictor, tiny_log, user, SHARES, gaps=gaps, k=3)
        ):
            titles = [tiny_log.catalogue.ids[item] for item in found[row, place]]
            assert titles == [top["item"] for top in swept["top"]]
