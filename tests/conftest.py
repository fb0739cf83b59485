"""A small world that every test can read: 40 users, 30 items with genres, gaps of every level."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import settings

import tfhrnn  # noqa: F401  (picks Keras 2 before anything touches tf.keras)
from tfhrnn.data.event_log import EventLog, write_event_log
from tfhrnn.progress import Progress
from tfhrnn.recommender import HRNNRecommender

# How long a case takes says something of the machine, nothing of the code.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

# Modules that take long, the longest first. `make test` gives whole modules to its workers in this
# order: one that began last would leave the others waiting.
LONG = (
    "tests/experiments/test_table2_toy.py",
    "tests/test_devices.py",
    "tests/notebooks/test_notebooks.py",
    "tests/experiments/test_table1.py",
    "tests/test_updates.py",
    "tests/test_saved_model_in_cpp.py",
    "tests/test_cli.py",
    "tests/test_quickstart.py",
    "tests/experiments/test_copy.py",
    "tests/experiments/test_repeats.py",
    "tests/experiments/test_update.py",
    "tests/experiments/test_table3.py",
    "tests/experiments/test_table2.py",
    "tests/experiments/test_losses.py",
    "tests/experiments/test_cold_start.py",
    "tests/experiments/test_towers.py",
    "tests/experiments/test_runs.py",
    "tests/experiments/test_inputs.py",
    "tests/experiments/test_mix.py",
    "tests/experiments/test_scale.py",
    "tests/experiments/test_ablation.py",
    "tests/test_every_tower_serves.py",
    "tests/test_training.py",
    "tests/test_precision.py",
    "tests/test_recommender.py",
    "tests/test_event_types.py",
)
GENRES = ("Comedy", "Drama", "Horror")
GAPS = (0, 5, 300, 7200, 200_000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the modules that take long in front; all others keep their order."""
    place = {name: at for at, name in enumerate(LONG)}
    items.sort(key=lambda item: place.get(item.nodeid.partition("::")[0], len(LONG)))


@pytest.fixture(autouse=True)
def unhurried_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """No line of a step that takes long: that too says something of the machine."""
    monkeypatch.setattr(Progress, "_watch", lambda self: None)


@pytest.fixture(scope="session")
def tiny_tables() -> dict[str, pl.DataFrame]:
    """Interactions, items and users: item ids hold commas, spaces and non-ASCII letters."""
    rng = np.random.default_rng(7)
    items = [f"film {n}, é" for n in range(30)]
    rows = []
    for user in range(40):
        time, item = 1_000_000_000 + int(rng.integers(10_000)), int(rng.integers(30))
        for _ in range(int(rng.integers(2, 25))):
            rows.append((f"u{user}", items[item], time, float(rng.integers(1, 6))))
            gap = int(rng.choice(GAPS))
            item = (item + (1 if gap >= 7200 else int(rng.integers(0, 3)))) % 30
            time += gap
    interactions = pl.DataFrame(
        rows, schema=["user_id", "item_id", "timestamp", "feedback"], orient="row"
    )
    genres = ["|".join(GENRES[: 1 + n % 3]) for n in range(30)]
    return {
        "interactions": interactions,
        "items": pl.DataFrame(
            {"item_id": items, "title": [f"Film {n}" for n in range(30)], "genres": genres}
        ),
        "users": pl.DataFrame(
            {
                "user_id": [f"u{n}" for n in range(40)],
                "age": [20 + n for n in range(40)],
                "group": ["a" if n % 2 else "b" for n in range(40)],
            }
        ),
    }


@pytest.fixture(scope="session")
def tiny_log(
    tiny_tables: dict[str, pl.DataFrame], tmp_path_factory: pytest.TempPathFactory
) -> EventLog:
    """The small world as an event log."""
    out: Path = tmp_path_factory.mktemp("tiny") / "log"
    return write_event_log(
        tiny_tables["interactions"],
        out,
        items=tiny_tables["items"],
        users=tiny_tables["users"],
        item_features=["genres:multi-hot"],
        user_features=["age:numeric", "group:categorical"],
        name="tiny",
        keep_duplicates=True,
    )


@pytest.fixture(scope="session")
def typed_log(
    tiny_tables: dict[str, pl.DataFrame], tmp_path_factory: pytest.TempPathFactory
) -> EventLog:
    """The small world with types of events, some unknown; a purchase leads to the next item."""
    events = tiny_tables["interactions"]
    steps = events["item_id"].str.extract(r"(\d+)").cast(pl.Int64).diff(1).shift(-1).fill_null(0)
    types = pl.select(pl.when(steps == 1).then(pl.lit("buy")).otherwise(pl.lit("view, é")))
    blanks = pl.int_range(events.height, eager=True) % 7 == 0
    return write_event_log(
        events.with_columns(
            pl.when(~blanks).then(types.to_series()).alias("event_type")  # null elsewhere
        ),
        tmp_path_factory.mktemp("typed") / "log",
        users=tiny_tables["users"],
        user_features=["age:numeric", "group:categorical"],
        name="typed",
        keep_duplicates=True,
    )


@pytest.fixture(scope="session")
def trained(tiny_log: EventLog, tmp_path_factory: pytest.TempPathFactory) -> HRNNRecommender:
    """A recommender of eight units, trained for two epochs on the small world; read it only."""
    recommender = HRNNRecommender(
        "best",
        units=8,
        layers=1,
        epochs=2,
        batch_size=4,
        bptt=8,
        seen_items=8,
        feedback=True,
        user_features=True,
    )
    run = tmp_path_factory.mktemp("trained") / "run"
    return recommender.fit(tiny_log, run=run, verbose=0)
