"""What a trained model is asked for beside the best items: lists, new items, likeness."""

from __future__ import annotations

import polars as pl
import pytest

from tfhrnn.errors import ConfigError, DataError, RunError
from tfhrnn.recommender import HRNNRecommender


def test_lists_and_new_items_are_asked_for_in_python(trained: HRNNRecommender) -> None:
    films = trained.catalogue.ids
    table = pl.DataFrame({"item_id": ["new"], "title": ["The new one"], "genres": ["Horror"]})
    found = trained.recommend([films[:3], []], k=31, deny=films[:2], cold_items=table)
    assert found.group_by("user").len()["len"].to_list() == [29, 29]
    cold = found.filter(pl.col("cold"))
    assert cold["item"].to_list() == ["new"] * 2 and cold["title"][0] == "The new one"
    assert not set(films[:2]) & set(found["item"])
    only = trained.recommend([films[:3]], allow=[films[9], "no such film"])
    assert only["item"].to_list() == [films[9]] and "cold" not in only.columns
    with pytest.raises(ConfigError, match="allow: got no ids"):
        trained.recommend([films[:3]], allow=[])
    with pytest.raises(DataError, match="no column 'genres'"):
        trained.recommend([films[:3]], cold_items=table.drop("genres"))


def test_similar_items_come_as_a_table(trained: HRNNRecommender) -> None:
    films = trained.catalogue.ids
    found = trained.similar([films[4], "no such film", films[0]], k=3)
    assert found.columns == ["item", "rank", "similar", "title", "similarity"]
    assert found["item"].to_list() == [films[4]] * 3 + [films[0]] * 3
    assert found["rank"].to_list() == [1, 2, 3] * 2
    assert found["title"][0] == trained.catalogue.title_of(films.index(found["similar"][0]) + 2)
    with pytest.raises(ConfigError, match="k: got 0, expected 1 or more"):
        trained.similar([films[4]], k=0)


def test_nothing_is_answered_before_training() -> None:
    for ask in (lambda one: one.recommend([[]]), lambda one: one.similar(["a"])):
        with pytest.raises(RunError, match="a recommender that is not fitted, expected fit"):
            ask(HRNNRecommender())
