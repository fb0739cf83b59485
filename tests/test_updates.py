"""Going on from a run: what is kept, what is trained on, and what bad input leaves behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import tensorflow as tf

from tfhrnn.data.event_log import EventLog, write_event_log
from tfhrnn.data.split import Part
from tfhrnn.errors import ConfigError, DataError, RunError
from tfhrnn.histories import Histories
from tfhrnn.recommender import HRNNRecommender
from tfhrnn.updates import update_config

T0 = 1_000_000_000
SETTINGS: dict[str, Any] = {
    **{"units": 4, "layers": 1, "time_bumps": 2, "epochs": 2, "batch_size": 4, "bptt": 8},
    **{"seen_items": 4, "item_factors": 3},
}


def new_tables() -> dict[str, pl.DataFrame]:
    """Twelve users of before and ten new ones read two new films among known ones; one is cold."""
    rows = []
    for n in range(22):
        user = f"u{n}" if n < 12 else f"new {n}"
        for at in range(4):
            item = f"film {(n + at) % 30}, é" if (n + at) % 3 else f"new film {n % 2}"
            rows.append((user, item, T0 + 20_000_000 + 50 * at, 3.0))
    names = ["user_id", "item_id", "timestamp", "feedback"]
    films = [f"new film {n}" for n in range(3)]
    return {
        "interactions": pl.DataFrame(rows, schema=names, orient="row"),
        "items": pl.DataFrame(
            {"item_id": films, "title": ["X", "Y", "Z"], "genres": ["Drama", "Horror", "War"]}
        ),
    }


@pytest.fixture(scope="module")
def old(tiny_log: EventLog, tmp_path_factory: pytest.TempPathFactory) -> HRNNRecommender:
    place = tmp_path_factory.mktemp("old") / "run"
    return HRNNRecommender("best", **SETTINGS).fit(tiny_log, run=place, verbose=0)


@pytest.fixture(scope="module")
def updated(old: HRNNRecommender, tmp_path_factory: pytest.TempPathFactory) -> HRNNRecommender:
    tables = new_tables()
    assert old.run is not None and old.log is not None
    folders = (old.run.path, old.log.directory)
    before = {path: path.read_bytes() for folder in folders for path in folder.rglob("*.*")}
    place = tmp_path_factory.mktemp("updated") / "run"
    found = old.fit_more(
        tables["interactions"], items=tables["items"], run=place, epochs=2, verbose=0
    )
    assert {path: path.read_bytes() for path in before} == before  # the old run is only read
    assert tables["interactions"].equals(new_tables()["interactions"])
    return found


def test_the_new_run_tells_its_parent_and_has_what_it_needs(
    old: HRNNRecommender, updated: HRNNRecommender
) -> None:
    assert old.run is not None and old.log is not None
    assert updated.run is not None and updated.log is not None
    assert updated.run.description["parent"] == {
        "run": str(old.run.path),
        "fingerprint": old.log.fingerprint,
        "replay": 0.7,
        "new_events": 88,
        "new_users": 10,
        "new_items": 3,
        "split": "users: 20 % test, 10 % of the rest validation; grown since the log "
        + old.log.fingerprint[:12],
    }
    assert updated.log.directory == updated.run.path.with_name("run-data")
    assert updated.catalogue.num_items == 33
    assert updated.config.training.learning_rate == pytest.approx(1e-3)  # a tenth of the preset's
    epochs = updated.run.epochs()
    assert epochs["epoch"].to_list() == [0, 1, 2]
    assert epochs["val_perplexity"].is_not_null().all()
    assert epochs["perplexity"].is_null().to_list() == [True, False, False]


def test_users_keep_their_parts_and_none_that_is_judged_was_trained_on(
    old: HRNNRecommender, updated: HRNNRecommender
) -> None:
    assert old.run is not None and old.log is not None
    assert updated.run is not None and updated.log is not None
    before = dict(zip(old.log.user_ids, old.run.parts(old.log).tolist(), strict=True))
    after = dict(zip(updated.log.user_ids, updated.run.parts(updated.log).tolist(), strict=True))
    assert {user: after[user] for user in before} == before
    # 50 users: 10 test and 4 validation users in all, of which 8 and 3 there were.
    assert np.bincount(list(after.values())).tolist() == [36, 4, 10]
    counted = np.zeros(33)
    for user in updated.run.users(updated.log, Part.TRAIN).tolist():
        np.add.at(counted, updated.log.item[updated.log.events_of(user)] - 2, 1)
    np.testing.assert_array_equal(updated.run.facts.item_counts, counted)
    assert counted[updated.catalogue.ids.index("new film 2")] == 0


def test_it_is_loaded_judged_asked_and_exported_like_any_other(
    updated: HRNNRecommender, tmp_path: Path
) -> None:
    assert updated.run is not None and updated.log is not None
    loaded = HRNNRecommender.load(updated.run.path)
    history = [["film 3, é", "new film 0"]]
    found = loaded.recommend(history, k=33)
    assert found["item"].to_list() == updated.recommend(history, k=33)["item"].to_list()
    assert np.exp(found["log_probability"].to_numpy()).sum() == pytest.approx(1, rel=1e-4)
    result = loaded.evaluate()
    assert result["epochs"] == 2 and result["catalogue_items"] == 33
    assert result["protocol"]["split"] == updated.run.description["parent"]["split"]
    assert result["protocol"] == pl.read_json(updated.run.path / "protocol.json").to_dicts()[0]
    # Served answers are those that judging gives: the first test user's first item.
    test = int(updated.run.users(updated.log, Part.TEST)[0])
    first = Histories.from_log(updated.log, [test], [0])
    time = np.asarray(updated.log.time[updated.log.events_of(test)][:1])
    ids, log_p = loaded.predictor.answer(first, query_time=time, k=33)
    assert set(ids[0]) == set(updated.catalogue.ids) and np.isfinite(log_p).all()
    assert (loaded.export(tmp_path / "models") / "saved_model.pb").is_file()


@pytest.mark.parametrize(
    "settings",
    [
        {"tower": "lstm", "tied": False, "rating": "joint", "loss": "in_batch", "tied_targets": 1},
        {"item_features": False, "item_factors": 0},
    ],
)
def test_whatever_the_model_it_starts_where_the_old_one_stood(
    settings: dict[str, Any], tiny_log: EventLog, tmp_path: Path
) -> None:
    # Statistics tell new counts; without them known items keep their scores but for one constant.
    words = {**SETTINGS, "epochs": 1, "item_statistics": False, **settings}
    before = HRNNRecommender("best", **words).fit(tiny_log, run=tmp_path / "old", verbose=0)
    tables = new_tables()
    # Steps of that size change no digit of a weight.
    after = before.fit_more(
        tables["interactions"],
        items=tables["items"],
        run=tmp_path / "new",
        epochs=1,
        learning_rate=1e-15,
        verbose=0,
    )
    ours, theirs = (
        one.recommend(
            [["film 3, é", "film 4, é", "film 5, é"]],
            times=[[T0, T0 + 5, T0 + 400]],
            gap=7200,
            k=40,
        ).select("item", "log_probability")
        for one in (after, before)
    )
    both = theirs.join(ours, on="item", suffix=" after")
    apart = (both["log_probability after"] - both["log_probability"]).to_numpy()
    assert len(both) == 30 and np.abs(apart - np.median(apart)).max() < 1e-4


class _StopAfter(tf.keras.callbacks.Callback):
    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if epoch == 0:
            raise KeyboardInterrupt


def test_a_stopped_update_resumes_to_the_weights_of_an_undisturbed_one(
    old: HRNNRecommender, updated: HRNNRecommender, tmp_path: Path
) -> None:
    tables = new_tables()
    given: dict[str, Any] = {"items": tables["items"], "run": tmp_path / "run", "verbose": 0}
    with pytest.raises(KeyboardInterrupt):
        old.fit_more(tables["interactions"], **given, epochs=2, callbacks=[_StopAfter()])
    with pytest.raises(RunError, match="got something that is not an empty folder"):
        old.fit_more(tables["interactions"], **given)
    with pytest.raises(RunError, match="got an event log with fingerprint"):
        old.fit_more(tables["interactions"].head(9), **given, resume=True)
    resumed = old.fit_more(tables["interactions"], **given, resume=True)
    assert resumed.config == updated.config
    assert resumed.model is not None and updated.model is not None
    for one, other in zip(resumed.model.variables, updated.model.variables, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy(), err_msg=one.name)
    with pytest.raises(RunError, match="got a run that does not go on from"):
        updated.fit_more(tables["interactions"], **given, resume=True)


def test_an_update_of_an_update_goes_on_alike(updated: HRNNRecommender, tmp_path: Path) -> None:
    assert updated.run is not None
    later = pl.DataFrame(
        {"user_id": ["u1", "z"], "item_id": ["new film 2", "late"], "timestamp": [T0 * 2, T0 * 2]}
    )
    third = updated.fit_more(later, run=tmp_path / "run", verbose=0)
    assert third.config == updated.config  # the rate is lowered once
    assert third.run is not None and third.catalogue.num_items == 34
    assert third.run.description["parent"]["split"].count("grown since the log") == 2
    one, other = (run.facts.statistics_scale for run in (third.run, updated.run))
    assert list(one) == list(other)


def test_a_run_that_does_not_gain_ends_as_it_started(old: HRNNRecommender, tmp_path: Path) -> None:
    tables = new_tables()
    # A rate that large overshoots.
    found = old.fit_more(
        tables["interactions"], run=tmp_path / "run", learning_rate=2.0, epochs=1, verbose=0
    )
    assert found.run is not None and found.model is not None
    start, after = found.run.epochs()["val_perplexity"].to_list()
    assert start < after
    kept = tf.train.load_checkpoint(str(found.run.start_weights))
    key = "model/decoder/id_weights/.ATTRIBUTES/VARIABLE_VALUE"
    np.testing.assert_array_equal(found.model.decoder.id_weights, kept.get_tensor(key))


def test_popularity_is_counted_anew(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {"user_id": ["a", "b", "c"], "item_id": ["x", "y", "y"], "timestamp": [1, 2, 3]}
    )
    log = write_event_log(frame, tmp_path / "log")
    before = HRNNRecommender("hrnn", history=False, epochs=0, units=2).fit(log, verbose=0)
    new = pl.DataFrame(
        {"user_id": [f"n{n}" for n in range(9)], "item_id": ["z"] * 9, "timestamp": [5] * 9}
    )
    after = before.fit_more(new, run=tmp_path / "run", verbose=0)
    assert after.recommend([[]], k=1)["item"].to_list() == ["z"]


@pytest.mark.parametrize(
    ("settings", "replay", "message"),
    [
        ({"units": 8}, 0.5, "units: got a setting of the model, which is fixed once it is trained"),
        ({"colour": 1}, 0.5, "no setting named 'colour'"),
        ({"epochs": -1}, 0.5, "epochs: got -1"),
        ({}, 1.0, r"replay: got 1.0, expected a share in \[0, 1\)"),
    ],
)
def test_wrong_settings_are_refused(
    settings: dict[str, object], replay: float, message: str, old: HRNNRecommender
) -> None:
    assert old.run is not None
    with pytest.raises(ConfigError, match=message):
        update_config(old.run, settings, replay)


def test_bad_input_leaves_nothing_behind(old: HRNNRecommender, tmp_path: Path) -> None:
    assert old.run is not None and old.log is not None
    good, place = new_tables()["interactions"], tmp_path / "run"
    bad = good.with_columns(timestamp=pl.lit("soon"))
    with pytest.raises(DataError, match="column timestamp: got 'soon'"):
        old.fit_more(bad, run=place)
    with pytest.raises(DataError, match="no column 'genres'"):
        old.fit_more(good, items=new_tables()["items"].drop("genres"), run=place)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(RunError, match="perplexity"):
        old.fit_more(good, run=place, learning_rate=1e30, clip_norm=1e30, verbose=0)
    assert [path.name for path in tmp_path.iterdir()] == ["run-data"]  # as by `fit`
