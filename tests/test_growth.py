"""Carried weights: old items answer as before, new ones as their features say."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfhrnn.config import TOWER_NAMES, preset
from tfhrnn.data.facts import TrainingFacts
from tfhrnn.data.windows import Batch
from tfhrnn.growth import carry_over
from tfhrnn.models.hrnn import HRNN
from tfhrnn.training import build_model, create_variables

# Items a, b, c (cold), d of before stand at 0, 2, 3, 4; 1 and 5 are new, and c has events now.
ROWS = np.array([0, -1, 1, 2, 3, -1])
FRESH = np.array([False, True, False, True, False, True])
OLD = np.flatnonzero(~FRESH)
OPTIONS = {"transformer": "context=4,heads=2", "tcn": "blocks=2", "rnn_tcn": "blocks=2"}


def facts(counts: list[int], width: int) -> TrainingFacts:
    features = np.random.default_rng(5).normal(size=(len(counts), width)).astype(np.float32)
    return TrainingFacts(features, np.array(counts), 3.0, 1.0, 0, 1000, 10, 2, -0.5)


def pair(width: int = 3, **settings: Any) -> tuple[HRNN, HRNN]:
    """A model whose every weight is random, in the old catalogue and carried over to the new."""
    words = {"units": 4, "layers": 1, "time_bumps": 2, "batch_size": 2, "seen_items": 3}
    config = preset("best", {**words, **settings})
    before = facts([5, 2, 0, 1], width)
    after = facts([6, 1, 2, 3, 2, 0], width)
    features = after.item_features.copy()
    features[ROWS >= 0] = before.item_features
    after = dataclasses.replace(after, item_features=features)
    old, new = build_model(config, before), build_model(config, after)
    rng = np.random.default_rng(1)
    for model in (old, new):
        create_variables(model)
    for variable in old.trainable_variables:
        variable.assign(variable + 0.3 * rng.normal(size=variable.shape))
        if variable.constraint is not None:
            variable.assign(variable.constraint(variable))
    carry_over(old, new, ROWS, FRESH)
    return old, new


def window(items: list[int], levels: int) -> Batch:
    """Two lanes of those items, the start event first."""
    blank = Batch.blank(2, len(items) + 1, user_width=2, level=levels, entries=2)
    item = np.array([[0, *items]] * 2, np.int32)
    reset = np.zeros(item.shape, np.float32)
    reset[:, 0] = 1
    return Batch(*map(tf.constant, blank._replace(item=item, reset=reset)))


@pytest.mark.parametrize("name", TOWER_NAMES)
@pytest.mark.parametrize("tied", [True, False])
def test_old_items_score_as_before_in_every_history_of_old_items(name: str, tied: bool) -> None:
    old, new = pair(tower=name, tower_options=OPTIONS.get(name, ""), tied=tied)
    level = old.config.start_level
    # Items a, b and d, whose indices are 2, 3 and 5 before and 2, 4 and 6 in the grown catalogue.
    before, after = old(window([2, 3, 5], level)), new(window([2, 4, 6], level))
    found = tf.gather(after, OLD, axis=-1).numpy()
    expected = tf.gather(before, ROWS[OLD], axis=-1).numpy()
    # The sum over items differs, and so one constant a step does; nothing else.
    apart = found - expected
    np.testing.assert_allclose(apart, np.broadcast_to(apart[..., :1], apart.shape), atol=2e-5)


def test_new_items_start_as_their_features_say_whatever_λ() -> None:
    old, new = pair()
    matrices = [new.decoder.item_matrix(tf.fill([6], share)) for share in (0.0, 0.4, 1.0)]
    weights, bias = old.decoder.feature_embeddings(new.decoder.features)
    for given_weights, given_bias in matrices:
        np.testing.assert_allclose(given_weights.numpy()[FRESH], weights.numpy()[FRESH], atol=1e-6)
        np.testing.assert_allclose(given_bias.numpy()[FRESH], bias.numpy()[FRESH], atol=1e-6)
    for name in ("id_weights", "id_bias"):
        ours, theirs = (getattr(model.decoder, name).numpy() for model in (new, old))
        np.testing.assert_array_equal(ours[OLD], theirs[ROWS[OLD]])
    np.testing.assert_allclose(new.decoder.inference_mix, [0.5, 0.5, 0.5, 0.5, 0.5, 1.0])


def test_without_features_new_items_are_the_mean_item_at_their_popularity() -> None:
    settings = {"item_features": False, "item_statistics": False, "item_factors": 0}
    old, new = pair(width=0, **settings)
    trained = [0, 1, 3]  # a, b and d; c is cold
    mean = old.decoder.id_weights.numpy()[trained].mean(axis=0)
    np.testing.assert_allclose(new.decoder.id_weights.numpy()[FRESH], [mean] * 3, rtol=1e-5)
    # Counts plus 1 in the grown catalogue: 7, 2, 3, 4, 3, 1 of 20.
    popularity = np.log(np.array([7, 2, 3, 4, 3, 1]) / 20)
    above = np.mean(old.decoder.id_bias.numpy()[trained] - popularity[[0, 2, 4]])
    expected = popularity[FRESH] + above
    np.testing.assert_allclose(new.decoder.id_bias.numpy()[FRESH], expected, rtol=1e-5)


def test_an_untied_model_reads_new_items_as_it_read_unknown_ones() -> None:
    old, new = pair(tied=False)
    ours, theirs = (model.event_embedding.item.table.numpy() for model in (new, old))
    np.testing.assert_array_equal(ours[:2], theirs[:2])
    np.testing.assert_array_equal(ours[2:][FRESH], [theirs[1]] * 3)
    np.testing.assert_array_equal(ours[2:][OLD], theirs[2:][ROWS[OLD]])


def test_a_seen_bias_of_each_item_starts_as_the_mean() -> None:
    old, new = pair(seen_bias_form="item")
    ours, theirs = (model.decoder.raw_seen_bias.numpy() for model in (new, old))
    np.testing.assert_allclose(ours[FRESH], theirs[[0, 1, 3]].mean(), rtol=1e-6)
    np.testing.assert_array_equal(ours[OLD], theirs[ROWS[OLD]])


@pytest.mark.parametrize(
    "settings",
    [
        {"first_item_features": True, "feedback": True, "user_features": True},
        {"rating": "joint", "loss": "bpr_max", "tied_targets": 1},
        {"precision": "mixed_bfloat16", "input_cross": 1},
    ],
)
def test_everything_that_is_no_items_is_copied(settings: dict[str, Any]) -> None:
    old, new = pair(**settings)
    items = {"id_weights", "id_bias", "features", "inference_mix", "total", "count"}
    compared = 0
    for before, after in zip(old.variables, new.variables, strict=True):
        if after.name.split("/")[-1].split(":")[0] not in items:
            np.testing.assert_array_equal(after.numpy(), before.numpy(), err_msg=after.name)
            compared += 1
    assert compared > 10
