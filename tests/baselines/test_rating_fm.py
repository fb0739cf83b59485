"""The factorization machine of ratings, by hand and on worlds whose answer was planted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tfhrnn.baselines.rating_fm import RatingFM, bias_only, matrix_factorization
from tfhrnn.data.event_log import EventLog, write_event_log
from tfhrnn.errors import ConfigError
from tfhrnn.evaluation.ratings import rating_figures


def write(rows: list[tuple[str, str, int, float]], folder: Path) -> EventLog:
    """Users and items whose parity of the id is their feature."""
    frame = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp", "feedback"], orient="row")
    features = {
        name: frame.select(name)
        .unique(maintain_order=True)
        .with_columns(parity=pl.col(name).cast(pl.Int64) % 2)
        .with_columns(pl.col("parity").cast(pl.String))
        for name in ("user_id", "item_id")
    }
    return write_event_log(
        frame,
        folder,
        items=features["item_id"],
        users=features["user_id"],
        item_features=["parity:categorical"],
        user_features=["parity:categorical"],
        keep_duplicates=True,
    )


def test_a_new_user_is_folded_in_by_hand(tmp_path: Path) -> None:
    # Everybody gives 3, so μ = 3 and all biases are 0; user 4 then gives 5, 5, 2.
    rows = [(str(u), str(i), i, 3.0) for u in range(4) for i in range(3)]
    rows += [("4", "0", 1, 5.0), ("4", "1", 2, 5.0), ("4", "2", 3, 2.0), ("4", "2", 4, 3.0)]
    log = write(rows, tmp_path / "log")
    model = RatingFM(0, features=False, bias_regularization=[2.0])
    found = model.fit(log, np.arange(3), np.array([3])).predict(log, np.array([4]))
    # b_u = Σ (r − 3) / (n + 2) of 0, 1, 2 and 3 ratings: 0, 2/3, 4/4, 3/5.
    np.testing.assert_allclose(found["prediction"], [3, 3 + 2 / 3, 4, 3.6], atol=1e-9)


TRAIN, VALIDATION, TEST = np.arange(60), np.arange(60, 70), np.arange(70, 90)


@pytest.fixture(scope="module")
def tastes(tmp_path_factory: pytest.TempPathFactory) -> EventLog:
    """Ratings 5 where the parities of user and item agree, else 1, a tenth of a point noisy."""
    random = np.random.default_rng(0)
    rows = []
    for user in range(90):
        for time, item in enumerate(random.permutation(20 + (user >= 70))[:12].tolist()):
            agree = user % 2 == item % 2
            rows.append((str(user), str(item), time, 1 + 4 * agree + 0.1 * random.normal()))
    rows.append(("89", "20", 99, 1.0))  # item 20 is one of the test users' alone
    return write(rows, tmp_path_factory.mktemp("tastes") / "log")


def test_factors_find_tastes_that_biases_cannot_and_features_know_them_at_once(
    tastes: EventLog,
) -> None:
    found = {
        name: model.fit(tastes, TRAIN, VALIDATION).predict(tastes, TEST)
        for name, model in (
            ("biases", bias_only()),
            ("factors", matrix_factorization(2)),
            ("features", RatingFM(2, factor_regularization=[100], feature_regularization=[1])),
        )
    }
    known = pl.col("item") < 22
    first, later = pl.col("position") == 0, pl.col("position") > 2

    def rmse(name: str, rows: pl.Expr) -> float:
        return rating_figures(found[name].filter(rows))["rmse"]

    # Half of the ratings are 5 and half 1: 2 away from their mean, and never closer for biases.
    assert rmse("biases", known & later) > 1.9
    assert rmse("factors", known & first) > 1.9
    assert rmse("factors", known & later) < 0.7
    assert rmse("features", known & first) < 0.4
    # An item that nobody rated in training is known by its features alone.
    assert rmse("factors", ~known) > 1.9 > 0.5 > rmse("features", ~known)


def test_penalties_are_chosen_on_validation(tastes: EventLog) -> None:
    model = RatingFM(2, features=False, factor_regularization=[1.0, 1e4])
    model.fit(tastes, TRAIN, VALIDATION)
    assert model.chosen is not None and model.chosen.factors == 1.0
    assert min(model.validation.values()) == model.validation[model.chosen]
    judged = rating_figures(model.predict(tastes, VALIDATION))["rmse"]
    assert judged == pytest.approx(model.validation[model.chosen], abs=1e-12)


def test_bad_arguments_are_told() -> None:
    with pytest.raises(ConfigError, match=r"^rank: got -1, expected a whole number of at least 0"):
        RatingFM(-1)
    with pytest.raises(ConfigError, match=r"^factor_regularization: got 0, expected a number abov"):
        RatingFM(factor_regularization=[1, 0])
    with pytest.raises(ConfigError, match=r"^bias_regularization: got none"):
        RatingFM(bias_regularization=[])
    with pytest.raises(ConfigError, match=r"^sweeps: got 0"):
        RatingFM(sweeps=0)
