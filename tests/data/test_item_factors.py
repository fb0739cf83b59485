"""Item factors, against a dense decomposition and what it must not depend on."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from tfhrnn.data.event_log import EventLog, write_event_log
from tfhrnn.data.item_factors import item_factors

USERS, ITEMS = 30, 12


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> EventLog:
    """Thirty users of nine random items each, in two camps; the last user alone has item 12."""
    random = np.random.default_rng(3)
    rows: list[tuple[str, str, int]] = []
    for user in range(USERS):
        camp = np.arange(6) + (user % 2) * 4
        for item in random.choice(camp, 9):  # repeats are common
            rows.append((str(user), f"i{item:02d}", len(rows)))
    rows.append((str(USERS), f"i{ITEMS}", len(rows)))
    rows.append((str(USERS), "i00", len(rows)))
    frame = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    return write_event_log(frame, tmp_path_factory.mktemp("factors") / "log")


def dense(log: EventLog, users: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """The matrix of the docstring, cell by cell."""
    sets = [set((np.asarray(log.item[log.events_of(u)]) - 2).tolist()) for u in users]
    counts = [sum(item in own for own in sets) for item in range(log.num_items)]
    return np.array(
        [
            [(item in own) / np.sqrt(len(own) * (counts[item] + 10)) for item in range(len(counts))]
            for own in sets
        ]
    )


def test_the_factors_span_what_the_leading_singular_vectors_span(log: EventLog) -> None:
    users = np.arange(USERS)
    found = item_factors(log, users, 3)
    assert found.shape == (log.num_items, 3) and found.dtype == np.float32
    _, _, vectors = np.linalg.svd(dense(log, users), full_matrices=False)
    for column, vector in zip(found.T, vectors, strict=False):
        cosine = abs(column @ vector) / np.linalg.norm(column)
        assert cosine == pytest.approx(1.0, abs=1e-5)


def test_columns_have_deviation_one_and_a_positive_largest_entry(log: EventLog) -> None:
    found = item_factors(log, np.arange(USERS), 4)
    np.testing.assert_allclose(found.std(axis=0), 1, atol=1e-5)
    assert (found[np.abs(found).argmax(axis=0), np.arange(4)] > 0).all()


def test_items_that_nobody_met_and_users_left_out_count_for_nothing(log: EventLog) -> None:
    found = item_factors(log, np.arange(USERS), 3)
    np.testing.assert_allclose(found[-1], 0, atol=1e-6)  # only the user left out has it
    again = item_factors(log, np.arange(USERS)[::-1], 3)
    np.testing.assert_allclose(found, again, atol=1e-4)


def test_small_data_give_fewer_factors_or_none(log: EventLog) -> None:
    assert item_factors(log, np.arange(4), 10).shape == (log.num_items, 3)
    assert item_factors(log, np.array([0]), 10).shape == (log.num_items, 0)
    assert item_factors(log, np.array([], np.int64), 10).shape == (log.num_items, 0)
