"""AutoRec's two readings of a new user against dense arithmetic, on a world of two tastes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tfhrnn.baselines.autorec import AutoRec
from tfhrnn.baselines.rolling_average import RollingAverage
from tfhrnn.data.event_log import EventLog, write_event_log
from tfhrnn.errors import ConfigError
from tfhrnn.evaluation.ratings import rating_figures, rating_rows

TRAIN, VALIDATION, TEST = np.arange(60), np.arange(60, 70), np.arange(70, 80)
ITEMS = 12


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


@pytest.fixture(scope="module")
def tastes(tmp_path_factory: pytest.TempPathFactory) -> EventLog:
    """Users like even or odd items: 5 or 1, half a point noisy; some items met again."""
    random = np.random.default_rng(1)
    rows = []
    for user in range(80):
        items = [*random.permutation(ITEMS)[:9].tolist(), int(random.integers(ITEMS))]
        for time, item in enumerate(items):
            rating = 1 + 4 * (user % 2 == item % 2) + 0.5 * random.normal()
            rows.append((str(user), str(item), time, rating))
    out: Path = tmp_path_factory.mktemp("tastes") / "log"
    frame = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp", "feedback"], orient="row")
    return write_event_log(frame, out, keep_duplicates=True)


@pytest.fixture(scope="module")
def by_item(tastes: EventLog) -> AutoRec:
    model = AutoRec(hidden=[6], regularization=[1.0], learning_rate=0.03, batch=4, epochs=30)
    return model.fit(tastes, TRAIN, VALIDATION)


@pytest.fixture(scope="module")
def by_user(tastes: EventLog) -> AutoRec:
    model = AutoRec("user", hidden=[6], regularization=[1.0], learning_rate=0.03, batch=8)
    return model.fit(tastes, TRAIN, VALIDATION)


def test_both_find_what_averages_cannot(
    tastes: EventLog, by_item: AutoRec, by_user: AutoRec
) -> None:
    later = pl.col("position") > 2
    rolling = RollingAverage().fit(tastes, TRAIN, VALIDATION).predict(tastes, TEST)
    assert rating_figures(rolling.filter(later))["rmse"] > 1.9
    for model in (by_item, by_user):
        found = model.predict(tastes, TEST)
        assert rating_figures(found.filter(later))["rmse"] < 1.1
        # Half of the users like an item that is asked for first.
        assert rating_figures(found.filter(~later))["rmse"] > 1.3


def test_a_new_user_is_a_new_output_over_the_items_hidden_vectors(
    tastes: EventLog, by_item: AutoRec
) -> None:
    assert by_item.best is not None
    weights = by_item.best.state
    rows = rating_rows(tastes, TRAIN)
    mean = rows["feedback"].mean()
    dense = np.zeros((ITEMS, len(TRAIN)))
    for user, _, item, feedback in rows.rows():
        dense[item - 2, user] = feedback - mean  # the last of several stays
    hidden = sigmoid(dense @ weights.encoder + weights.hidden_bias)
    x = np.concatenate([np.ones((ITEMS, 1)), hidden], axis=1)
    np.testing.assert_allclose(weights.item, x, atol=1e-5)
    typical, ridge = weights.decoder.mean(axis=0), weights.fold_in
    found = by_item.predict(tastes, TEST[:1])
    item, value = found["item"].to_numpy() - 2, found["feedback"].to_numpy() - mean
    for k in range(len(item)):
        before = x[item[:k]]
        row = typical + np.linalg.solve(
            before.T @ before + ridge * np.eye(x.shape[1]),
            before.T @ (value[:k] - before @ typical),
        )
        assert found["prediction"][k] == pytest.approx(mean + x[item[k]] @ row, abs=1e-4)


def test_a_new_users_row_is_read_as_far_as_it_goes(tastes: EventLog, by_user: AutoRec) -> None:
    assert by_user.best is not None
    weights = by_user.best.state
    found = by_user.predict(tastes, TEST[2:4])
    again = 0
    for (_,), rows in found.group_by("user", maintain_order=True):
        item, value = rows["item"].to_numpy() - 2, rows["feedback"].to_numpy() - weights.mean
        again += len(item) - len(set(item))
        row = np.zeros(ITEMS)
        for k, (asked, given) in enumerate(zip(item, value, strict=True)):
            hidden = sigmoid(row @ weights.encoder + weights.hidden_bias)
            wanted = weights.mean + weights.decoder[asked, 0] + weights.decoder[asked, 1:] @ hidden
            assert rows["prediction"][k] == pytest.approx(wanted, abs=1e-9)
            row[asked] = given
    assert again > 0  # an item rated twice was among them


def test_width_and_penalty_are_chosen_on_validation(tastes: EventLog) -> None:
    model = AutoRec("user", hidden=[1, 6], regularization=[1e5, 1.0], learning_rate=0.03, epochs=15)
    model.fit(tastes, TRAIN, VALIDATION)
    assert model.chosen == (6, 1.0) and model.best is not None
    assert model.best.figure == min(model.validation.values()) == model.validation[6, 1.0]
    judged = rating_figures(model.predict(tastes, VALIDATION))["rmse"]
    assert judged == pytest.approx(model.best.figure, abs=1e-12)
    assert model.validation[6, 1e5] > 1.5 * model.best.figure  # weights all but 0


def test_bad_arguments_are_told() -> None:
    with pytest.raises(ConfigError, match=r"^orientation: got 'film', expected 'item' or 'user'"):
        AutoRec("film")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"^hidden: got none"):
        AutoRec(hidden=[])
    with pytest.raises(ConfigError, match=r"^regularization: got -1, expected a number above 0"):
        AutoRec(regularization=[1, -1])
    with pytest.raises(ConfigError, match=r"^batch: got 0, expected a whole number of at least 1"):
        AutoRec(batch=0)
