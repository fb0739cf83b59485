"""How do I go on with yesterday's model when today's events come in?

`fit_more` keeps what was learned, adds new items and users, replays some old events, and says what
the old model scores on the new ones, the number to beat. The old run stays as it was.
"""

import tempfile
from pathlib import Path

import polars as pl

from tfhrnn import HRNNRecommender
from tfhrnn.data.simulate import simulate_repeats


def main() -> dict[str, int]:
    """Trains on four fifths of the time, goes on with the rest; items known before and after."""
    events = simulate_repeats(users=100, items=60, events=40)
    cut = events["timestamp"].sort()[len(events) * 4 // 5]
    old, new = events.filter(pl.col("timestamp") <= cut), events.filter(pl.col("timestamp") > cut)
    news = pl.DataFrame({"user_id": ["u0"] * 20, "item_id": ["launch"] * 20}).with_columns(
        timestamp=cut + 100 + 10 * pl.int_range(20)
    )
    with tempfile.TemporaryDirectory() as folder:
        first = HRNNRecommender("hrnn", units=32, epochs=3)
        first.fit(old, run=Path(folder) / "monday", verbose=0)
        second = first.fit_more(pl.concat([new, news]), run=Path(folder) / "tuesday", verbose=0)
        shown = second.recommend([["launch"]], gap=60, k=5)
        assert len(shown) == 5
        return {"before": first.catalogue.num_items, "after": second.catalogue.num_items}


if __name__ == "__main__":
    print(main())
