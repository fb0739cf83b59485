"""A new item is encoded and embedded as an item without events is in training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import tensorflow as tf

from tfhrnn.config import preset
from tfhrnn.data.event_log import EventLog, write_event_log
from tfhrnn.data.facts import STATISTICS_WITHOUT_EVENTS, item_statistics, training_facts
from tfhrnn.models.hrnn import HRNN
from tfhrnn.predicting.new_items import NewItems
from tfhrnn.training import build_model, create_variables


def make(
    tables: dict[str, pl.DataFrame], out: Path, **settings: Any
) -> tuple[EventLog, HRNN, NewItems, pl.DataFrame]:
    """A log in whose item table two items have no events, and features of every kind."""
    cold = pl.DataFrame(
        {"item_id": ["new a", "new b"], "title": ["Film é 3", ""], "genres": ["Horror|Drama", None]}
    )
    items = pl.concat([tables["items"], cold]).with_columns(
        year=pl.int_range(32).cast(pl.Float64), studio=pl.Series(["x", "y"] * 16)
    )
    log = write_event_log(
        tables["interactions"],
        out,
        items=items,
        item_features=["genres:multi-hot", "year:numeric", "studio:categorical", "title:text:16"],
        keep_duplicates=True,
    )
    config = preset("hrnn", {"units": 4, "item_features": True, **settings})
    model = build_model(config, training_facts(log, np.arange(36), config.model))
    create_variables(model)
    rng = np.random.default_rng(0)
    decoder = model.decoder
    for variable in (decoder.feature_center, decoder.feature_slope, decoder.feature_bias):
        variable.assign(rng.normal(size=variable.shape))
    assert log.catalogue.features is not None
    return log, model, NewItems(model, log.catalogue.features.specs), items


def test_rows_are_those_of_a_cold_item_of_the_catalogue(
    tiny_tables: dict[str, pl.DataFrame], tmp_path: Path
) -> None:
    parts = {"item_statistics": True, "item_factors": 3}
    log, model, new, items = make(tiny_tables, tmp_path / "log", **parts)
    told = items.filter(pl.col("item_id").is_in(["new a", "new b"]))
    inputs = {
        "x_genres": tf.constant([told["genres"].fill_null("").to_list()]),
        "x_year": tf.constant([told["year"].to_list()], tf.float32),
        "x_studio": tf.constant([told["studio"].to_list()]),
        "x_title": tf.constant([told["title"].to_list()]),
    }
    specs = new.signature("x_", 2)
    assert {name: spec.dtype for name, spec in specs.items()} == {
        name: x.dtype for name, x in inputs.items()
    }
    weights, bias = new.rows(inputs, "x_")
    assert weights.shape == (1, 2, 4) and bias.shape == (1, 2)
    # Cold items of the catalogue are scored at λ = 1.
    known = [log.catalogue.ids.index(item) for item in ("new a", "new b")]
    wanted_weights, wanted_bias = (x.numpy()[known] for x in model.decoder.item_matrix())
    np.testing.assert_allclose(weights[0], wanted_weights, atol=1e-5)
    np.testing.assert_allclose(bias[0], wanted_bias, atol=1e-5)
    everyone = new.rows_as_if_new(log.catalogue.feature_matrix)
    np.testing.assert_allclose(everyone.numpy()[known], wanted_weights, atol=1e-5)


def test_statistics_without_events_are_those_of_a_cold_item(
    tiny_tables: dict[str, pl.DataFrame], tmp_path: Path
) -> None:
    log, *_ = make(tiny_tables, tmp_path / "log")
    statistics = item_statistics(log, np.arange(36))
    np.testing.assert_array_equal(statistics[-1], STATISTICS_WITHOUT_EVENTS)


def test_none_at_all_have_no_rows(tiny_tables: dict[str, pl.DataFrame], tmp_path: Path) -> None:
    _, _, new, _ = make(tiny_tables, tmp_path / "log")
    inputs = {name: tf.zeros([2, 0], spec.dtype) for name, spec in new.signature("x_", 2).items()}
    weights, bias = new.rows(inputs, "x_")
    assert weights.shape == (2, 0, 4) and bias.shape == (2, 0)
