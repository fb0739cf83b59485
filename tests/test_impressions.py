"""Impressions from a table to a trained model; judging and serving stay as they are."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import tensorflow as tf
from numpy.typing import NDArray
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tfhrnn.data.event_log import EventLog, write_event_log
from tfhrnn.data.impressions import has_impressions
from tfhrnn.data.split import Part, split_users
from tfhrnn.data.windows import Batch
from tfhrnn.errors import ConfigError
from tfhrnn.layers.candidate_scores import Scorer
from tfhrnn.layers.choice import choice_loss
from tfhrnn.layers.embeddings import FIRST_COLUMN
from tfhrnn.layers.losses import Targets
from tfhrnn.recommender import HRNNRecommender
from tfhrnn.training import build_windows

SETTINGS: dict[str, Any] = {
    **{"units": 8, "epochs": 4, "batch_size": 4, "bptt": 8, "seen_bias": False},
    "learning_rate": 0.03,
}


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> EventLog:
    """Ten items, all as popular; of a pair (even, odd) shown together the odd one is chosen."""
    rng = np.random.default_rng(0)
    rows = []
    for user in range(40):
        for time in range(12):
            pair = 2 * int(rng.integers(5))
            beside = rng.random() < 0.5
            item = pair + 1 if beside else pair
            rows.append((str(user), str(item), time, f"{pair}|{pair + 1}" if beside else None))
    frame = pl.DataFrame(
        rows, schema=["user_id", "item_id", "timestamp", "impressions"], orient="row"
    )
    return write_event_log(frame, tmp_path_factory.mktemp("shown") / "log", keep_duplicates=True)


def choice_nats(
    fitted: HRNNRecommender, log: EventLog, users: NDArray[np.integer] | None = None
) -> float:
    """Mean nats of a choice among the items shown, over some users or all."""
    model, config = fitted.model, fitted.config.with_settings({"impression_weight": 1.0})
    assert model is not None
    total = count = 0.0
    state = model.tower.initial_state(config.training.batch_size)
    users = np.arange(40) if users is None else users
    for arrays in build_windows(config, log, users, training=False).batches():
        batch = Batch(*map(tf.constant, arrays))
        hidden, state, (weights, bias) = model.hidden(batch, state)
        targets = Targets(batch.targets - FIRST_COLUMN, batch.target_count)
        shown = batch.shown - FIRST_COLUMN
        weight = batch.weight * tf.cast(tf.reduce_any(shown >= 0, axis=2), tf.float32)
        total += float(choice_loss(Scorer(hidden, weights, bias), targets, shown, weight)[0])
        count += float(tf.reduce_sum(weight))
    return total / count


def test_a_weight_teaches_the_choice_and_judging_stays_exact(log: EventLog, tmp_path: Path) -> None:
    fitted = {
        weight: HRNNRecommender("hrnn", **SETTINGS, impression_weight=weight).fit(
            log, run=tmp_path / str(weight), verbose=0
        )
        for weight in (0.0, 3.0)
    }
    nats = {weight: choice_nats(one, log) for weight, one in fitted.items()}
    # both of a pair are as popular: without impressions the choice is a coin's toss
    assert nats[0.0] == pytest.approx(np.log(2), abs=0.1)
    assert nats[3.0] < 0.5
    # The loss of the choice has figures of its own, of training and of validation users.
    without, own = (fitted[weight].run.epochs() for weight in (0.0, 3.0))  # type: ignore[union-attr]
    names = ["impression_loss", "val_impression_loss"]
    assert without[names].null_count().row(0) == (4, 4)
    assert own["impression_loss"][-1] < own["impression_loss"][0] < 1
    run, model = fitted[3.0].run, fitted[3.0].model
    assert run is not None and model is not None
    best = own.sort("val_perplexity").row(0, named=True)
    watched = run.division(log).validation(run.config.training).users
    assert best["val_impression_loss"] == pytest.approx(
        choice_nats(fitted[3.0], log, watched), rel=1e-4
    )
    for part in ("train", "validation"):
        events = EventAccumulator(str(run.tensorboard / part), size_guidance={"tensors": 0})
        events.Reload()
        assert len(events.Tensors("epoch_impression_loss")) == 4
    judged = fitted[3.0].evaluate()
    assert judged["perplexity"]["popularity"] == pytest.approx(10, rel=0.1)  # of all ten items
    assert judged["protocol"] == fitted[0.0].evaluate()["protocol"]


def test_without_impressions_a_weight_is_refused(tiny_log: EventLog, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="impression_weight: got 2, expected data with impress"):
        HRNNRecommender("hrnn", **SETTINGS, impression_weight=2).fit(tiny_log, run=tmp_path / "r")
    with pytest.raises(
        ConfigError, match=r"impression_weight: got -1\.0, expected 0 or a positive"
    ):
        HRNNRecommender("hrnn", impression_weight=-1)
    assert list(tmp_path.iterdir()) == []


def test_validation_users_without_impressions_have_no_figure_of_them(
    log: EventLog, tmp_path: Path
) -> None:
    validation = np.flatnonzero(split_users(40) == Part.VALIDATION)
    others = np.setdiff1d(np.arange(40), validation)
    counts = np.diff(log.shown_offsets)
    keep = np.isin(np.repeat(np.arange(40), np.diff(log.offsets)), others)
    bare = dataclasses.replace(
        log,
        shown=log.shown[np.repeat(keep, counts)],
        shown_offsets=np.cumsum([0, *np.where(keep, counts, 0)]),
    )
    assert has_impressions(bare, others) and not has_impressions(bare, validation)
    assert has_impressions(log, validation) and not has_impressions(log, validation[:0])
    settings = {**SETTINGS, "epochs": 1, "impression_weight": 1.0}
    fitted = HRNNRecommender("hrnn", **settings).fit(bare, run=tmp_path / "run", verbose=0)
    assert fitted.run is not None
    row = fitted.run.epochs().row(0, named=True)
    assert row["val_perplexity"] > 0 and row["val_impression_loss"] is None
