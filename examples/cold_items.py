"""How do I recommend an item that arrived after training?

Its features come with the request. It competes in the same softmax as all others, by its features
alone, and the answer says which items were cold.
"""

import numpy as np
import polars as pl

from tfhrnn import HRNNRecommender

GENRES = ("comedy", "drama", "horror", "western")


def tables(rng: np.random.Generator) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Users who keep to one genre each, and the items' genres."""
    rows = []
    for user in range(150):
        genre = int(rng.integers(4))
        for step in range(15):
            item = 4 * int(rng.integers(10)) + genre
            rows.append((f"u{user}", f"i{item}", 1_600_000_000 + 60 * step))
    events = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    ids = [f"i{item}" for item in range(40)]
    return events, pl.DataFrame({"item_id": ids, "genre": [GENRES[n % 4] for n in range(40)]})


def main() -> dict[str, float]:
    """Log-probabilities of a new western after westerns and after comedies."""
    events, items = tables(np.random.default_rng(0))
    model = HRNNRecommender("hrnn-coldstart", units=32, user_features=False, feedback=False)
    model.fit(events, items=items, verbose=0)
    new = pl.DataFrame({"item_id": ["new western"], "genre": ["western"]})
    histories = {"after westerns": ["i3", "i7", "i11"], "after comedies": ["i0", "i4", "i8"]}
    found = {}
    for name, history in histories.items():
        shown = model.recommend([history], gap=60, k=41, cold_items=new)
        assert shown.filter(pl.col("cold"))["item"].to_list() == ["new western"]
        found[name] = shown.filter(pl.col("cold"))["log_probability"].item()
    return found


if __name__ == "__main__":
    print(main())
