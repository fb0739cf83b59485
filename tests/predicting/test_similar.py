"""Likeness of items against NumPy's cosine, and what is answered where there is none."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf

from tfhrnn.config import preset
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.facts import training_facts
from tfhrnn.predictor import Predictor, texts
from tfhrnn.recommender import HRNNRecommender
from tfhrnn.training import build_model, create_variables

FILMS = [f"film {n}, é" for n in range(30)]


def ask(
    predictor: Predictor, k: list[int], **inputs: Any
) -> tuple[list[list[str]], npt.NDArray[np.float32]]:
    name = "similar_items" if "items" in inputs else "similar_by_features"
    found = predictor.ask(name, {"k": k, **inputs})
    return texts(found["items"]).tolist(), found["similarities"]


def cosines(rows: npt.NDArray[np.float32], query: npt.NDArray[np.float32]) -> Any:
    long = np.linalg.norm(rows, axis=1) * np.linalg.norm(query)
    return rows.astype(np.float64) @ query / long


def test_items_are_sorted_by_the_cosine_of_their_rows(trained: HRNNRecommender) -> None:
    assert trained.model is not None
    ids = trained.catalogue.ids
    rows = trained.model.decoder.item_matrix()[0].numpy()
    found, similarity = ask(trained.predictor, [29, 5], items=[FILMS[4], FILMS[17]])
    for row, (film, k) in enumerate(((FILMS[4], 29), (FILMS[17], 5))):
        wanted = cosines(rows, rows[ids.index(film)])
        order = [at for at in np.argsort(-wanted) if ids[at] != film][:k]
        assert found[row] == [ids[at] for at in order] + [""] * (29 - k)
        np.testing.assert_allclose(similarity[row, :k], wanted[order], atol=1e-5)
        assert np.isneginf(similarity[row, k:]).all()


def test_k_is_cut_at_the_catalogue_and_an_unknown_item_has_none(trained: HRNNRecommender) -> None:
    found, similarity = ask(trained.predictor, [10**9, 3], items=[FILMS[0], "no such film"])
    assert sorted(found[0]) == sorted(["", *FILMS[1:]])
    assert found[1] == [""] * 30 and np.isneginf(similarity[1]).all()
    with pytest.raises(tf.errors.InvalidArgumentError, match="k: expected 1 or more"):
        ask(trained.predictor, [0], items=[FILMS[0]])
    assert trained.predictor.ask("similar_items", {"k": [], "items": []})["items"].shape == (0, 0)


def test_features_find_the_items_that_have_them(trained: HRNNRecommender) -> None:
    """Films 0, 3, 6, ... are comedies, 1, 4, ... dramas too, 2, 5, ... all three genres."""
    genres = ["Comedy", "Comedy|Drama", "Horror | Drama|Comedy"]
    found, similarity = ask(trained.predictor, [10] * 3, item_genres=genres)
    for row in range(3):
        assert set(found[row]) == set(FILMS[row::3])
        np.testing.assert_allclose(similarity[row], 1.0, atol=1e-5)


def test_a_model_without_item_features_has_no_such_signature(tiny_log: EventLog) -> None:
    config = preset("hrnn", {"units": 4})
    model = build_model(config, training_facts(tiny_log, np.arange(36), config.model))
    create_variables(model)
    predictor = Predictor(model, tiny_log.catalogue)
    assert "similar_by_features" not in predictor.signatures
    assert not any(name.startswith("cold_item") for name in predictor.signature("recommend"))
    assert len(ask(predictor, [3], items=[FILMS[0]])[0][0]) == 3
