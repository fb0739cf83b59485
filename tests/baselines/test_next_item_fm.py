"""The factorization machine for the next item on worlds whose answer is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tfhrnn.baselines.next_item_fm import NextItemFM
from tfhrnn.data.catalogue import START
from tfhrnn.data.event_log import EventLog, write_event_log
from tfhrnn.errors import ConfigError, DataError, RunError
from tfhrnn.evaluation.evaluate import figures, target_rows


@pytest.fixture(scope="module")
def parity_log(tmp_path_factory: pytest.TempPathFactory) -> EventLog:
    """Twenty items, odd ones after even ones and the other way round; the first is item 0 or 1."""
    random = np.random.default_rng(0)
    rows = []
    for user in range(150):
        item = int(random.integers(2))
        for time in range(21):
            rows.append((str(user), str(item), time))
            item = int(random.integers(10)) * 2 + 1 - item % 2
    out: Path = tmp_path_factory.mktemp("parity") / "log"
    return write_event_log(
        pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row"),
        out,
        items=pl.DataFrame(
            {
                "item_id": [str(n) for n in range(20)],
                "parity": ["even", "odd"] * 10,
                "noise": list("abcde") * 4,
            }
        ),
        item_features=["parity:categorical", "noise:categorical"],
        keep_duplicates=True,
    )


TRAIN, VALIDATION, TEST = np.arange(100), np.arange(100, 120), np.arange(120, 150)


@pytest.fixture(scope="module")
def parity_model(parity_log: EventLog) -> NextItemFM:
    model = NextItemFM(4, features=("parity",), learning_rate=0.05, batch=4, seed=1)
    return model.fit(parity_log, TRAIN, VALIDATION)


def test_it_learns_what_the_last_items_features_tell(
    parity_log: EventLog, parity_model: NextItemFM
) -> None:
    judged = parity_model.judge(parity_log, TEST)
    # Ten items are as likely as one another, and two of them for a first target.
    assert figures(judged.filter(pl.col("position") > 0))["perplexity"] == pytest.approx(
        10, rel=0.04
    )
    assert figures(judged.filter(pl.col("position") == 0))["perplexity"] == pytest.approx(
        2, rel=0.15
    )
    # Popularity among all twenty is no better than that.
    blind = NextItemFM(4, features=(), learning_rate=0.05, seed=1).fit(
        parity_log, TRAIN, VALIDATION
    )
    later = blind.judge(parity_log, TEST).filter(pl.col("position") > 0)
    assert figures(later)["perplexity"] == pytest.approx(20, rel=0.04)


def test_the_last_items_id_tells_what_its_features_would(parity_log: EventLog) -> None:
    model = NextItemFM(4, features=(), last_id=True, learning_rate=0.05, batch=4)
    later = (
        model.fit(parity_log, TRAIN, VALIDATION)
        .judge(parity_log, TEST)
        .filter(pl.col("position") > 0)
    )
    assert figures(later)["perplexity"] == pytest.approx(10, rel=0.06)


def test_rows_are_the_softmax_and_the_order_of_the_scores(
    parity_log: EventLog, parity_model: NextItemFM
) -> None:
    users = np.array([149, 3])
    judged = parity_model.judge(parity_log, users)
    assert judged.drop("log_p", "rank").equals(
        target_rows(parity_log, users, parity_log.thresholds)
    )
    items = judged["item"].to_list()
    last = [START, *items[:20], START, *items[21:41]]
    scores = parity_model.scores(np.array(last)).astype(np.float64)
    log_p = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    for row, (item, found, rank) in enumerate(
        zip(items, judged["log_p"], judged["rank"], strict=True)
    ):
        assert found == pytest.approx(log_p[row, item - 2], abs=1e-5)
        ahead = (scores[row] > scores[row, item - 2]).sum()
        assert rank == ahead + (scores[row, : item - 2] == scores[row, item - 2]).sum()


def test_validation_chooses_and_is_judged_as_test_users_are(
    parity_log: EventLog, parity_model: NextItemFM
) -> None:
    assert parity_model.best is not None
    judged = figures(parity_model.judge(parity_log, VALIDATION))["perplexity"]
    assert judged == pytest.approx(parity_model.best.figure, rel=1e-6)
    assert parity_model.best.epoch < parity_model.best.epochs


def test_the_seed_decides(tiny_log: EventLog) -> None:
    def fitted(seed: int) -> np.ndarray:
        model = NextItemFM(3, last_id=True, epochs=3, batch=8, seed=seed)
        return model.fit(tiny_log, np.arange(20), np.arange(20, 30)).scores(np.arange(10))

    once = fitted(0)
    np.testing.assert_array_equal(once, fitted(0))
    assert np.abs(once - fitted(1)).max() > 1e-4


def test_bad_arguments_are_told(tiny_log: EventLog, parity_model: NextItemFM) -> None:
    with pytest.raises(ConfigError, match=r"^rank: got 0, expected a whole number of at least 1"):
        NextItemFM(0)
    with pytest.raises(ConfigError, match=r"^regularization: got -1"):
        NextItemFM(regularization=-1)
    with pytest.raises(ConfigError, match=r"^learning_rate: got 0, expected a number above 0"):
        NextItemFM(learning_rate=0)
    with pytest.raises(ConfigError, match=r"^features: got 'year', expected .* items': genres"):
        NextItemFM(features=("year",)).fit(tiny_log, TRAIN[:9], TRAIN[9:12])
    with pytest.raises(RunError, match=r"^got a NextItemFM that is not fitted"):
        NextItemFM().scores(np.array([0]))
    with pytest.raises(DataError, match=r"got 30 items, expected the 20 that were there"):
        parity_model.judge(tiny_log, np.array([0]))
    with pytest.raises(DataError, match=r"got train users from 0 to 99, expected indices below 40"):
        NextItemFM().fit(tiny_log, TRAIN, VALIDATION)
