"""How do I recommend from sessions, without users?

Each session is a user of its own: a visitor's clicks since the page was opened. Nothing is known
before the first click, and the model answers from there.
"""

import polars as pl

from tfhrnn import HRNNRecommender
from tfhrnn.data.simulate import simulate_repeats

HALF_AN_HOUR = 1800


def sessions_of(events: pl.DataFrame) -> pl.DataFrame:
    """Events with `session_id`, a new one after half an hour without a click."""
    gap = pl.col("timestamp").diff().over("user_id").fill_null(0)
    number = (gap > HALF_AN_HOUR).cast(pl.Int64).cum_sum().over("user_id")
    return events.with_columns(session_id=pl.col("user_id") + "/" + number.cast(pl.String)).drop(
        "user_id"
    )


def main() -> list[str]:
    """Trains on sessions, and returns what a new visitor is shown after two clicks."""
    clicks = sessions_of(simulate_repeats(users=100, items=30, events=60))
    model = HRNNRecommender("best", units=32, layers=1, epochs=3)
    model.fit(clicks, columns={"user_id": "session_id"}, verbose=0)
    seen = clicks["item_id"].unique(maintain_order=True)[:2].to_list()
    shown = model.recommend([seen], gap=20, k=5)
    return shown["item"].to_list()


if __name__ == "__main__":
    print(main())
