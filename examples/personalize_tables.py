"""How do I move from Amazon Personalize: its CSV in, its metrics out?

The three data sets keep their column names, recipes are presets and hyperparameters keep theirs.
"""

import csv
import tempfile
from pathlib import Path

import numpy as np
import polars as pl

from tfhrnn import HRNNRecommender
from tfhrnn.data.simulate import simulate_repeats
from tfhrnn.evaluation.list_metrics import ndcg, precision, reciprocal_rank


def write_data_sets(folder: Path) -> None:
    """What Personalize imports: interactions.csv and items.csv."""
    table = simulate_repeats(users=120, items=40, events=30)
    with (folder / "interactions.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["USER_ID", "ITEM_ID", "TIMESTAMP"])
        rows.writerows(table.select("user_id", "item_id", "timestamp").iter_rows())
    with (folder / "items.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["ITEM_ID", "CATEGORY"])
        rows.writerows([item, item[0]] for item in sorted(set(table["item_id"])))


def main() -> dict[str, float]:
    """Trains the recipe, and returns metrics under Personalize's names."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_data_sets(folder)
        recipe = HRNNRecommender(
            "user-personalization", hidden_dimension=32, bptt=16, epochs=3, recency_mask=True
        )
        recipe.fit(folder / "interactions.csv", items=folder / "items.csv", verbose=0)
        judged = recipe.evaluate(lists=folder / "lists.parquet")
        lists = pl.read_parquet(folder / "lists.parquet")  # the ten best before each event
    pairs = zip(lists["items"].to_list(), lists["target"].to_list(), strict=True)
    hits, found = np.array([[item == target for item in items] for items, target in pairs]), {}
    for name, metric in (
        ("mean_reciprocal_rank", reciprocal_rank),
        ("normalized_discounted_cumulative_gain", ndcg),
        ("precision", precision),
    ):
        found[f"{name}_at_10"] = float(metric(hits, np.ones(len(hits), int), 10).mean())
    return {**found, "coverage": judged["exposure"]["user-personalization"]["coverage"]}


if __name__ == "__main__":
    print(main())
