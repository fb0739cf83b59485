"""A world in which everything that the tables compare makes a difference, and is learned fast."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tfhrnn.data.event_log import EventLog, write_event_log

ITEMS, GENRES, USERS = 80, 8, 500


@pytest.fixture(scope="session")
def lively_log(tmp_path_factory: pytest.TempPathFactory) -> EventLog:
    """500 users who read one genre a session, popular items first, and rate by their own habits.

    A gap of an hour says that another genre follows, one of 20 s that the present one goes on, so
    levels are worth much; items of a genre are drawn by a Zipf law, so genres and popularity are
    too. A rating is what the item is worth, and what the user tends to give, which only the
    earlier ratings tell.
    """
    rng = np.random.default_rng(11)
    worth = rng.normal(0, 0.3, ITEMS)
    share = 1 / np.arange(1, ITEMS // GENRES + 1) ** 1.2
    share /= share.sum()
    rows = []
    for user in range(USERS):
        habit, time, genre = rng.normal(0, 0.9), 1_600_000_000, int(rng.integers(GENRES))
        for event in range(int(rng.integers(10, 40))):
            if event:
                changes = rng.random() < 0.4
                time += 3600 * 4 if changes else 20
                genre = int(rng.integers(GENRES)) if changes else genre
            item = genre + GENRES * int(rng.choice(len(share), p=share))
            rating = 3 + worth[item] + habit + rng.normal(0, 0.3)
            rows.append((str(user), str(item), time, float(rating)))
    names = ["user_id", "item_id", "timestamp", "feedback"]
    items = pl.DataFrame(
        {
            "item_id": [str(item) for item in range(ITEMS)],
            "title": [f"Title {item}" for item in range(ITEMS)],
            "genres": [f"genre {item % GENRES}" for item in range(ITEMS)],
        }
    )
    users = pl.DataFrame({"user_id": [str(u) for u in range(USERS)], "group": ["one"] * USERS})
    out: Path = tmp_path_factory.mktemp("lively") / "log"
    return write_event_log(
        pl.DataFrame(rows, schema=names, orient="row"),
        out,
        items=items,
        users=users,
        item_features=["genres:multi-hot"],
        user_features=["group:categorical"],
        name="lively",
        keep_duplicates=True,
    )
