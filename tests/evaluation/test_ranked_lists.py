"""Ranked lists: the best of what is judged, and a file that reads back as our own places."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tfhrnn.data.event_log import EventLog
from tfhrnn.data.split import Part, protocol_of
from tfhrnn.errors import RunError
from tfhrnn.evaluation.evaluate import judge
from tfhrnn.evaluation.list_reader import read_lists
from tfhrnn.evaluation.ranked_lists import best_items, write_lists
from tfhrnn.histories import Histories
from tfhrnn.models.hrnn import HRNN
from tfhrnn.recommender import HRNNRecommender


@pytest.fixture(scope="module")
def model(trained: HRNNRecommender) -> HRNN:
    assert trained.model is not None
    return trained.model


@pytest.fixture(scope="module")
def users(trained: HRNNRecommender, tiny_log: EventLog) -> np.ndarray:
    assert trained.run is not None
    return trained.run.users(tiny_log, Part.TEST)[::-1]


@pytest.fixture(scope="module")
def lists(
    trained: HRNNRecommender, model: HRNN, tiny_log: EventLog, users: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    return best_items(model, tiny_log, users, trained.config, 10)


def test_lists_are_those_that_the_predictor_answers(
    lists: tuple[np.ndarray, np.ndarray],
    trained: HRNNRecommender,
    tiny_log: EventLog,
    users: np.ndarray,
) -> None:
    user = int(users[0])
    events = tiny_log.events_of(user)
    size = events.stop - events.start
    ids, log_p = trained.predictor.answer(
        Histories.from_log(tiny_log, [user] * size, list(range(size))),
        query_time=np.asarray(tiny_log.time[events]),
        k=10,
    )
    columns, scores = lists
    assert ids.tolist() == np.array(tiny_log.catalogue.ids)[columns[:size]].tolist()
    np.testing.assert_allclose(scores[:size], log_p, atol=1e-5)  # float32, added in another order


def test_a_file_reads_back_as_the_places_that_are_judged(
    lists: tuple[np.ndarray, np.ndarray],
    trained: HRNNRecommender,
    model: HRNN,
    tiny_log: EventLog,
    users: np.ndarray,
    tmp_path: Path,
) -> None:
    judged = judge(model, tiny_log, users, trained.config)
    protocol = protocol_of(tiny_log, users, 0)
    path = tmp_path / "new" / "lists.parquet"
    write_lists(path, tiny_log, judged, *lists, protocol)
    assert pl.read_parquet_metadata(path)["protocol_hash"] == protocol.hash
    found = read_lists(path, tiny_log, judged, protocol)
    ranks = judged["rank"].to_numpy()
    np.testing.assert_array_equal(found["rank"].to_numpy()[ranks < 10], ranks[ranks < 10])
    assert (found["rank"].to_numpy()[ranks >= 10] >= 10).all()
    assert list(path.parent.iterdir()) == [path]


def test_k_beyond_the_catalogue_lists_all_of_it(
    model: HRNN, trained: HRNNRecommender, tiny_log: EventLog, users: np.ndarray
) -> None:
    columns, scores = best_items(model, tiny_log, users[:1], trained.config, 99)
    assert (np.sort(columns, axis=1) == np.arange(30)).all()
    # Over the whole catalogue, float32 probabilities add up to 1.
    np.testing.assert_allclose(np.exp(scores.astype(np.float64)).sum(axis=1), 1, atol=1e-5)


def test_a_place_that_cannot_be_written_is_named(
    lists: tuple[np.ndarray, np.ndarray],
    tiny_log: EventLog,
    users: np.ndarray,
    tmp_path: Path,
) -> None:
    targets = pl.DataFrame({"user": [0], "item": [2]})
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="could not be written"):
        write_lists(
            tmp_path / "file" / "x.parquet",
            tiny_log,
            targets,
            lists[0][:1],
            lists[1][:1],
            protocol_of(tiny_log, users, 0),
        )
