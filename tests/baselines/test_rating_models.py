"""Laws of every model of ratings: nothing later is read; first ratings, new items are defined."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
import pytest

from tfhrnn.baselines.autorec import AutoRec
from tfhrnn.baselines.rating_fm import RatingFM
from tfhrnn.baselines.rolling_average import RollingAverage
from tfhrnn.data.event_log import EventLog, write_event_log
from tfhrnn.errors import DataError, RunError
from tfhrnn.evaluation.ratings import rating_rows

TRAIN, VALIDATION, TEST = np.arange(20), np.arange(20, 25), np.array([29, 26, 27])
ITEMS, NEW = 9, 8  # the last item is one that only test users meet
CHANGED, AT = 26, 5  # the event of a test user whose rating differs between two logs


def autorec(orientation: Literal["item", "user"], seed: int = 0) -> AutoRec:
    return AutoRec(
        orientation, hidden=[4], regularization=[1.0], fold_in=[1.0, 3.0], epochs=3, seed=seed
    )


def fm(rank: int, features: bool, seed: int = 0) -> RatingFM:
    one = [3.0]
    return RatingFM(
        rank,
        features=features,
        bias_regularization=one,
        factor_regularization=one,
        feature_regularization=one,
        sweeps=3,
        seed=seed,
    )


MODELS: dict[str, Callable[[int], Any]] = {
    "rolling average": lambda seed: RollingAverage(),
    "biases": lambda seed: fm(0, False),
    "matrix factorisation": lambda seed: fm(3, False, seed),
    "factorization machine": lambda seed: fm(3, True, seed),
    "I-AutoRec": lambda seed: autorec("item", seed),
    "U-AutoRec": lambda seed: autorec("user", seed),
}
SEEDED = [name for name in MODELS if name not in ("rolling average", "biases")]


def write(folder: Path, changed: float) -> EventLog:
    """Thirty users of ten events, items met again, one rating in seven unknown."""
    random = np.random.default_rng(2)
    rows: list[tuple[str, str, int, float | None]] = []
    for user in range(30):
        for time in range(10):
            item = int(random.integers(ITEMS - (user < 25)))
            rating: float | None = float(random.integers(1, 6))
            if (user, time) == (CHANGED, AT):
                rating = changed
            elif random.random() < 1 / 7:
                rating = None
            rows.append((str(user), str(item), 1 + time, rating))
    rows.append(("29", str(NEW), 0, 4.0))  # a first event that is also a new item
    return write_event_log(
        pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp", "feedback"], orient="row"),
        folder,
        items=pl.DataFrame(
            {"item_id": [str(n) for n in range(ITEMS)], "genre": ["a", "b", "c"] * 3}
        ),
        users=pl.DataFrame({"user_id": [str(n) for n in range(30)], "age": list(range(30))}),
        item_features=["genre:categorical"],
        user_features=["age:numeric"],
        keep_duplicates=True,
    )


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> tuple[EventLog, EventLog]:
    out = tmp_path_factory.mktemp("laws")
    return write(out / "one", 1.0), write(out / "other", 50.0)


@pytest.fixture(scope="module", params=MODELS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def fitted(name: str, logs: tuple[EventLog, EventLog]) -> Any:
    return MODELS[name](0).fit(logs[0], TRAIN, VALIDATION)


def test_every_rating_has_a_finite_prediction_in_the_order_asked_for(
    fitted: Any, logs: tuple[EventLog, EventLog]
) -> None:
    found = fitted.predict(logs[0], TEST)
    assert found.drop("prediction").equals(rating_rows(logs[0], TEST))
    assert found["prediction"].dtype == pl.Float64 and found["prediction"].is_finite().all()
    assert found.row(0)[:3] == (29, 0, NEW + 2)
    alone = [fitted.predict(logs[0], TEST[at : at + 1]) for at in range(3)]
    np.testing.assert_allclose(found["prediction"], pl.concat(alone)["prediction"], atol=1e-9)


def test_no_prediction_reads_its_own_rating_or_a_later_one(
    fitted: Any, logs: tuple[EventLog, EventLog]
) -> None:
    one, other = (fitted.predict(log, TEST) for log in logs)
    apart = (one["prediction"] - other["prediction"]).abs().to_numpy()
    after = ((one["user"] == CHANGED) & (one["position"] > AT)).to_numpy()
    assert apart[~after].max() < 1e-9
    assert after.any() and apart[after].max() > 0.1


def test_what_is_judged_is_not_fitted(
    name: str, fitted: Any, logs: tuple[EventLog, EventLog]
) -> None:
    again = MODELS[name](0).fit(logs[1], TRAIN, VALIDATION)
    np.testing.assert_array_equal(
        again.predict(logs[0], TEST)["prediction"], fitted.predict(logs[0], TEST)["prediction"]
    )


def test_the_seed_decides(name: str, fitted: Any, logs: tuple[EventLog, EventLog]) -> None:
    other = MODELS[name](1).fit(logs[0], TRAIN, VALIDATION)
    apart = fitted.predict(logs[0], TEST)["prediction"] - other.predict(logs[0], TEST)["prediction"]
    assert (apart.abs().max() > 1e-6) == (name in SEEDED)


def test_misuse_is_told(
    name: str, fitted: Any, logs: tuple[EventLog, EventLog], tiny_log: EventLog
) -> None:
    with pytest.raises(RunError, match=r"^got a \w+ that is not fitted, expected fit\(\) first"):
        MODELS[name](0).predict(logs[0], TEST)
    with pytest.raises(DataError, match=r"got 30 items, expected the 9 that were there in fitting"):
        fitted.predict(tiny_log, TEST)
    with pytest.raises(DataError, match=r"got no judged users, expected some"):
        fitted.predict(logs[0], TEST[:0])
    with pytest.raises(DataError, match=r"got train users from 0 to 30, expected indices below 30"):
        MODELS[name](0).fit(logs[0], np.arange(31), VALIDATION)
