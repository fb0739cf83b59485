"""Recent popularity against counting every window anew."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tfhrnn.baselines.recent_popularity import RecentPopularity
from tfhrnn.data.event_log import EventLog, write_event_log
from tfhrnn.errors import ConfigError, DataError, RunError
from tfhrnn.evaluation.evaluate import figures, judge_popularity

DAY = 86_400
TRAIN, VALIDATION, TEST = np.array([0, 1]), np.array([2]), np.array([3, 4])


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> EventLog:
    """Items a, b, c; a is had early, b late, on whole days; users 3 and 4 ask."""
    rows = [("0", "a", 0), ("0", "a", DAY), ("0", "b", 9 * DAY), ("1", "b", 10 * DAY)]
    rows += [("1", "a", 2 * DAY), ("2", "a", 3 * DAY), ("2", "c", 10 * DAY)]
    rows += [("3", "b", 2 * DAY), ("3", "b", 11 * DAY), ("3", "a", 11 * DAY), ("4", "c", 30 * DAY)]
    rows += [("4", "a", 0)]
    frame = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    out: Path = tmp_path_factory.mktemp("recent") / "log"
    return write_event_log(frame.with_columns(pl.col("timestamp") + 10**9), out)


def test_windows_by_hand(log: EventLog) -> None:
    model = RecentPopularity(2, prior_events=[6.0]).fit(log, TRAIN, VALIDATION)
    # a 4, b 2, c 1 events of users 0 to 2, plus 1 each: shares .5, .3, .2; times 6: 3, 1.8, 1.2.
    # The window before day 11 is open at both ends: day 10 with b and c, not day 9.
    np.testing.assert_allclose(model.scores(10**9 + 11 * DAY), [3 / 8, 2.8 / 8, 2.2 / 8])
    np.testing.assert_allclose(model.scores(10**9 + 11 * DAY - 1), [3 / 9, 3.8 / 9, 2.2 / 9])
    np.testing.assert_allclose(model.scores(10**9), [0.5, 0.3, 0.2])
    judged = model.judge(log, TEST)
    # User 3: b on day 2 after a on day 1 (day 0 is no longer in); b and a on day 11. User 4: a at
    # time 0 with nothing before it, c on day 30 with an empty window.
    wanted = [1.8 / 7, 2.8 / 8, 3 / 8, 0.5, 0.2]
    np.testing.assert_allclose(np.exp(judged["log_p"].to_numpy()), wanted)
    assert judged["rank"].to_list() == [1, 1, 0, 0, 2]
    assert judged["user"].to_list() == [3, 3, 3, 4, 4]


def random_log(folder: Path) -> EventLog:
    random = np.random.default_rng(0)
    rows = [
        (str(user), f"i{int(random.integers(12) * random.random()):02d}", int(time))
        for user in range(12)
        for time in 10**9 + random.integers(0, 400, 60)  # days with many equal times
    ]
    frame = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    frame = frame.with_columns(pl.col("timestamp") * 3600 - 3599 * 10**9)
    return write_event_log(frame, folder, keep_duplicates=True)


def test_every_window_is_the_one_counted_anew(tmp_path: Path) -> None:
    log = random_log(tmp_path / "log")
    model = RecentPopularity(1.5).fit(log, np.arange(7), np.arange(7, 9))
    judged = model.judge(log, np.array([11, 9]))
    counted = np.concatenate([np.arange(log.offsets[u], log.offsets[u + 1]) for u in range(9)])
    times, items = np.asarray(log.time)[counted], np.asarray(log.item)[counted] - 2
    share = np.bincount(items, minlength=log.num_items) + 1.0
    share /= share.sum()
    asked = np.concatenate([log.time[log.events_of(11)], log.time[log.events_of(9)]])
    assert model.prior is not None and judged.height == 120
    for time, item, log_p, rank in zip(
        asked, judged["item"], judged["log_p"], judged["rank"], strict=True
    ):
        inside = (times > time - 36 * 3600) & (times < time)
        mass = np.bincount(items[inside], minlength=log.num_items) + model.prior * share
        mass /= inside.sum() + model.prior
        assert log_p == pytest.approx(np.log(mass[item - 2]), abs=1e-12)
        assert rank == np.argsort(-mass.round(12), kind="stable").tolist().index(item - 2)
        np.testing.assert_allclose(model.scores(int(time)), mass, atol=1e-12)


def test_the_prior_is_the_best_on_validation(tmp_path: Path) -> None:
    log = random_log(tmp_path / "log")
    train, validation = np.arange(7), np.arange(7, 9)
    model = RecentPopularity(3).fit(log, train, validation)
    assert min(model.validation.values()) == model.validation[model.prior or 0]
    # Counting the training users alone, validation perplexity is that of judging these users.
    alone = RecentPopularity(3, prior_events=[300.0]).fit(log, train[:-1], train[-1:])
    assert figures(alone.judge(log, validation))["perplexity"] == pytest.approx(
        model.validation[300.0], rel=1e-12
    )


def test_an_overwhelming_prior_is_popularity(log: EventLog) -> None:
    model = RecentPopularity(prior_events=[1e12]).fit(log, TRAIN, VALIDATION)
    popularity = judge_popularity(log, TEST, np.arange(3), log.thresholds)
    found = model.judge(log, TEST)
    assert found.columns == popularity.columns and found.dtypes == popularity.dtypes
    np.testing.assert_allclose(found["log_p"], popularity["log_p"], atol=1e-10)
    assert found.drop("log_p").equals(popularity.drop("log_p"))


def test_bad_arguments_are_told(log: EventLog, tiny_log: EventLog) -> None:
    with pytest.raises(ConfigError, match=r"^days: got 0.0, expected a number above 0"):
        RecentPopularity(0.0)
    with pytest.raises(ConfigError, match=r"^prior_events: got none"):
        RecentPopularity(prior_events=[])
    with pytest.raises(RunError, match=r"^got a RecentPopularity that is not fitted"):
        RecentPopularity().judge(log, TEST)
    with pytest.raises(DataError, match=r"got no validation users"):
        RecentPopularity().fit(log, TRAIN, np.array([], np.int64))
    with pytest.raises(DataError, match=r"got 30 items, expected the 3 that were there in fitting"):
        RecentPopularity().fit(log, TRAIN, VALIDATION).judge(tiny_log, TEST)
