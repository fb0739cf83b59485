"""Item factors, against a dense decomposition counted pair by pair, and what they must not read."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from tfhrnn.data.event_log import EventLog, write_event_log
from tfhrnn.data.item_factors import extend_factors, item_factors

USERS, ITEMS, EVENTS = 30, 12, 50


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> EventLog:
    """Thirty users of fifty random events each, in two camps; the last user alone has item 12."""
    random = np.random.default_rng(3)
    rows: list[tuple[str, str, int]] = []
    for user in range(USERS):
        camp = np.arange(6) + (user % 2) * 4
        for item in random.choice(camp, EVENTS):
            rows.append((str(user), f"i{item:02d}", len(rows)))
    rows.append((str(USERS), f"i{ITEMS}", len(rows)))
    rows.append((str(USERS), "i00", len(rows)))
    frame = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    return write_event_log(frame, tmp_path_factory.mktemp("factors") / "log", keep_duplicates=True)


def dense(log: EventLog, users: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """The matrix of the docstring, pair of events by pair of events."""
    counts = np.zeros((log.num_items, log.num_items))
    for user in users:
        items = (np.asarray(log.item[log.events_of(int(user))]) - 2).tolist()
        for at, one in enumerate(items):
            for other in items[at + 1 : at + 41]:
                counts[one, other] += 1
                counts[other, one] += 1
    total = counts.sum(axis=1) + 1
    expected = np.outer(total, total) / total.sum()
    return np.where(counts > 0, np.maximum(np.log((counts + 1) / (expected + 1)), 0), 0)


def test_the_factors_are_the_leading_singular_vectors(log: EventLog) -> None:
    users = np.arange(USERS)
    found = item_factors(log, users, 3)
    assert found.shape == (log.num_items, 3) and found.dtype == np.float32
    vectors, _, _ = np.linalg.svd(dense(log, users))
    for column, vector in zip(found.T, vectors.T, strict=False):
        cosine = abs(column @ vector) / np.linalg.norm(column)
        assert cosine == pytest.approx(1.0, abs=1e-5)


def test_columns_have_deviation_one_and_a_positive_largest_entry(log: EventLog) -> None:
    found = item_factors(log, np.arange(USERS), 4)
    np.testing.assert_allclose(found.std(axis=0), 1, atol=1e-5)
    assert (found[np.abs(found).argmax(axis=0), np.arange(4)] > 0).all()


def test_items_that_nobody_met_and_users_left_out_count_for_nothing(log: EventLog) -> None:
    found = item_factors(log, np.arange(USERS), 3)
    assert (found[-1] == 0).all()  # only the user left out has it
    again = item_factors(log, np.arange(USERS)[::-1], 3)
    np.testing.assert_allclose(found, again, atol=1e-4)


def test_camps_are_told_apart(log: EventLog) -> None:
    found = item_factors(log, np.arange(USERS), 2)
    one, other = found[:4], found[6:10]  # items of one camp only
    within = np.linalg.norm(one - one.mean(axis=0), axis=1).max()
    assert np.linalg.norm(one.mean(axis=0) - other.mean(axis=0)) > 4 * within


def test_small_data_give_fewer_factors_or_none(log: EventLog) -> None:
    assert item_factors(log, np.arange(4), 99).shape == (log.num_items, log.num_items - 1)
    assert item_factors(log, np.array([], np.int64), 10).shape == (log.num_items, 0)


def test_items_that_all_stand_alike_are_not_blown_up(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    rows = [("ab"[n % 2], "xyz"[n % 3], 50 * n) for n in range(12)]
    frame = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    alike = write_event_log(frame, tmp_path_factory.mktemp("alike") / "log")
    assert np.abs(item_factors(alike, np.array([0]), 8)).max() < 3


def test_known_items_are_where_the_extension_puts_them(log: EventLog) -> None:
    users = np.arange(USERS)
    factors = item_factors(log, users, 3)
    known = np.arange(log.num_items) != 5
    # Item 5 is asked for as if it were new: its row is its information about the others, in units
    # of |M f| / |f| over these. Had it stood among them, that would be |μ| and the row its own.
    found = extend_factors(np.where(known[:, None], factors, 99), known, log, users)
    np.testing.assert_array_equal(found[known], factors[known])
    matrix = dense(log, users)
    old = factors[known].astype(np.float64)
    seen = matrix[np.ix_(known, known)] @ old
    size = np.linalg.norm(seen, axis=0) / np.linalg.norm(old, axis=0)
    value = size * np.sign((old * seen).sum(axis=0))
    np.testing.assert_allclose(found[5], matrix[5, known] @ old / value, rtol=1e-4)
    assert np.corrcoef(found[5], factors[5])[0, 1] > 0.9


def test_an_item_that_stands_near_no_known_one_gets_zeros(log: EventLog) -> None:
    factors = item_factors(log, np.arange(USERS), 3)
    known = np.arange(log.num_items) < log.num_items - 1
    assert not extend_factors(factors, known, log, np.arange(USERS))[-1].any()
    near = extend_factors(factors, known, log, np.arange(USERS + 1))[-1]
    assert near.any()  # the last user met it with item 0
    assert not extend_factors(factors, ~known, log, np.arange(USERS))[:-1].any()
