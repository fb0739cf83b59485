"""The estimator: every road in gives the same figures, and a run holds what recomputes them."""

from __future__ import annotations

import csv
import gc
import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import tensorflow as tf

from tfhrnn.config import preset
from tfhrnn.data.event_log import EventLog, write_event_log
from tfhrnn.data.event_rules import EventRules
from tfhrnn.data.facts import item_counts
from tfhrnn.data.split import Part, split_users
from tfhrnn.errors import ConfigError, DataError, RunError
from tfhrnn.evaluation.evaluate import judge
from tfhrnn.histories import Histories
from tfhrnn.recommender import HRNNRecommender

SETTINGS: dict[str, object] = {
    "units": 4,
    "layers": 1,
    "time_bumps": 2,
    "epochs": 1,
    "batch_size": 8,
    "bptt": 16,
    "seen_items": 4,
}
T0 = 1_000_000_000
FILMS = [f"film {n}, é" for n in range(30)]


def small(**settings: object) -> HRNNRecommender:
    return HRNNRecommender("best", **{**SETTINGS, **settings})


def metrics(recommender: HRNNRecommender) -> list[dict[str, str]]:
    """metrics.csv without the column that no two runs share."""
    assert recommender.run is not None
    with recommender.run.metrics.open(newline="") as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def from_frame(
    tiny_tables: dict[str, pl.DataFrame], tmp_path_factory: pytest.TempPathFactory
) -> HRNNRecommender:
    """A small fit on polars frames, whose own copies are compared afterwards."""
    before = {name: frame.clone() for name, frame in tiny_tables.items()}
    recommender = small().fit(
        tiny_tables["interactions"],
        items=tiny_tables["items"],
        users=tiny_tables["users"],
        run=tmp_path_factory.mktemp("frame") / "run",
        verbose=0,
    )
    for name, frame in tiny_tables.items():
        assert frame.equals(before[name])  # the caller's tables are only read
    return recommender


def test_the_event_log_of_a_table_stands_beside_the_run(from_frame: HRNNRecommender) -> None:
    assert from_frame.run is not None and from_frame.log is not None
    path = from_frame.run.path
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["run", "run-data"]
    assert EventLog.open(path.parent / "run-data").fingerprint == from_frame.log.fingerprint


@pytest.mark.parametrize("kind", ["pandas", "csv"])
def test_every_kind_of_table_gives_the_same_figures(
    kind: str,
    from_frame: HRNNRecommender,
    tiny_tables: dict[str, pl.DataFrame],
    tmp_path: Path,
) -> None:
    tables: dict[str, Any] = {}
    for name, frame in tiny_tables.items():
        if kind == "pandas":
            pandas = pytest.importorskip("pandas")
            tables[name] = pandas.DataFrame(frame.to_dict(as_series=False))
        else:
            tables[name] = str(tmp_path / f"{name}.csv")
            frame.write_csv(tables[name])
    before = {name: table.copy() for name, table in tables.items() if kind == "pandas"}
    other = small().fit(
        tables["interactions"],
        items=tables["items"],
        users=tables["users"],
        run=tmp_path / "run",
        verbose=0,
    )
    assert all(tables[name].equals(table) for name, table in before.items())
    assert from_frame.log is not None and other.log is not None
    assert other.log.fingerprint == from_frame.log.fingerprint
    assert metrics(other) == metrics(from_frame)


def test_a_loaded_recommender_scores_the_same(
    from_frame: HRNNRecommender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The SavedModel beside it takes time to write, and is tested in test_no_pickle.
    monkeypatch.setattr("tfhrnn.recommender.write_saved_model", lambda *_: None)
    saved = from_frame.save(tmp_path / "saved")
    again = HRNNRecommender.load(saved)
    assert again.config == from_frame.config
    asked = [FILMS[:3], [], ["no such film"]]
    assert again.recommend(asked, k=30).equals(from_frame.recommend(asked, k=30))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["saved"]
    with pytest.raises(RunError, match="got a path that exists, expected a new one"):
        from_frame.save(tmp_path / "saved")


def test_a_failed_save_leaves_nothing(
    from_frame: HRNNRecommender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    def fail(source: Path, target: Path, **options: object) -> None:
        (target / "half").write_text("x")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copytree", fail)
    with pytest.raises(RunError, match="saved: could not be written: No space left on device"):
        from_frame.save(tmp_path / "saved")
    assert list(tmp_path.iterdir()) == []


def test_columns_of_a_fit_are_those_of_questions_after_a_load_too(
    tiny_tables: dict[str, pl.DataFrame], tmp_path: Path
) -> None:
    columns = {"user_id": "who", "item_id": "what", "timestamp": "at"}
    events = tiny_tables["interactions"]
    table = events.rename(columns)
    items = tiny_tables["items"].rename({"item_id": "what"})
    how: dict[str, Any] = {"items": items, "columns": columns, "verbose": 0}
    model = small(user_features=False).fit(table, run=tmp_path / "run", **how)
    found = model.recommend(table.head(20), k=3)
    assert found.equals(model.recommend(events.head(20), k=3))  # known names are known still
    shutil.rmtree(tmp_path / "run-data")  # the run itself remembers
    again = HRNNRecommender.load(tmp_path / "run")
    assert again.recommend(table.head(20), k=3).equals(found)
    assert again.rank(table.head(1), [FILMS[:2]]).height == 2
    cold = pl.DataFrame({"what": ["new"], "genres": ["Horror"]})
    told = again.recommend(table.head(1), cold_items=cold, k=31)
    assert "new" in told["item"].to_list()
    other = table.rename({"what": "sku"})
    assert again.recommend(other.head(20), columns={"item_id": "sku"}, k=3).equals(found)
    with pytest.raises(DataError, match="no column for item_id"):
        again.recommend(other)
    with pytest.raises(ConfigError, match="columns: got some without a table"):
        again.recommend([FILMS[:2]], columns=columns)


def test_rules_by_type_of_event_reach_the_log_and_are_of_tables_alone(
    tiny_tables: dict[str, pl.DataFrame], tmp_path: Path
) -> None:
    rules = EventRules(("buy", "view"), {"view": 0.25}, {"buy": 3.0})
    number = pl.int_range(pl.len()) % 3
    typed = tiny_tables["interactions"].with_columns(
        event_type=pl.when(number == 0)
        .then(pl.lit("buy"))
        .when(number == 1)
        .then(pl.lit("view"))
        .otherwise(pl.lit("scroll"))
    )
    model = small(user_features=False).fit(typed, rules=rules, run=tmp_path / "run", verbose=0)
    prepared = write_event_log(typed, tmp_path / "log", rules=rules)
    assert model.log is not None and model.log.fingerprint == prepared.fingerprint
    assert model.log.rules.to_json() == rules.to_json()
    assert set(model.log.weight.tolist()) == {0.25, 1.0}
    with pytest.raises(ConfigError, match="rules: got some for an event log"):
        small().fit(prepared, rules=rules, run=tmp_path / "other", verbose=0)
    assert not (tmp_path / "other").exists()


def test_the_perplexity_can_be_recomputed_from_the_run_and_the_table(
    trained: HRNNRecommender, tiny_tables: dict[str, pl.DataFrame]
) -> None:
    assert trained.run is not None
    result = trained.evaluate()
    assert json.loads((trained.run.path / "result.json").read_text(encoding="utf-8")) == (
        json.loads(json.dumps(result))
    )
    split = pl.read_parquet(trained.run.path / "split.parquet")
    test = split.filter(pl.col("part") == "test")["user_id"].to_list()
    ages = dict(tiny_tables["users"].select("user_id", "age").iter_rows())
    groups = dict(tiny_tables["users"].select("user_id", "group").iter_rows())
    nats, hits = [], []
    for user in test:
        rows = tiny_tables["interactions"].filter(pl.col("user_id") == user)
        items, times = rows["item_id"].to_list(), rows["timestamp"].to_list()
        feedback, count = rows["feedback"].to_list(), rows.height
        histories = Histories(
            [user] * count,
            [items[:n] for n in range(count)],
            [times[:n] for n in range(count)],
            [feedback[:n] for n in range(count)],
            {"age": [ages[user]] * count, "group": [groups[user]] * count},
        )
        ids, log_p = trained.predictor.answer(histories, query_time=np.array(times), k=30)
        for n, item in enumerate(items):
            place = ids[n].tolist().index(item)
            nats.append(-float(log_p[n, place]))
            hits.append(place < 10)
    assert len(nats) == result["test_targets"]
    assert result["perplexity"]["best"] == pytest.approx(math.exp(np.mean(nats)), rel=1e-5)
    assert result["hit_rate_at_10"]["best"] == pytest.approx(np.mean(hits))


def test_a_gap_is_a_query_time_after_the_last_event(trained: HRNNRecommender) -> None:
    items, times = [FILMS[:2], FILMS[4:5]], [[T0, T0 + 9], [T0 + 500]]
    by_gap = trained.recommend(items, times=times, gap=[90, 4000], k=4)
    by_time = trained.recommend(items, times=times, query_time=[T0 + 99, T0 + 4500], k=4)
    assert by_gap.equals(by_time)
    assert by_gap["level"].to_list() == [1] * 4 + [2] * 4
    assert by_gap["user"].to_list() == ["0"] * 4 + ["1"] * 4
    assert by_gap["rank"].to_list() == [1, 2, 3, 4] * 2
    titles = {f"film {n}, é": f"Film {n}" for n in range(30)}
    assert by_gap["title"].to_list() == [titles[item] for item in by_gap["item"]]
    one_gap = trained.recommend(items, times=times, gap=90, k=4)
    assert one_gap.head(4).equals(by_gap.head(4))
    assert not one_gap.tail(4).equals(by_gap.tail(4))


def test_a_table_gives_answers_by_user(trained: HRNNRecommender) -> None:
    table = pl.DataFrame(
        {"user_id": ["b", "a", "b"], "item_id": FILMS[:3], "timestamp": [T0, T0 + 1, T0 + 2]}
    )
    found = trained.recommend(table, k=3)
    expected = trained.recommend(
        [[FILMS[0], FILMS[2]], [FILMS[1]]], times=[[T0, T0 + 2], [T0 + 1]], k=3
    )
    assert found["user"].to_list() == ["b"] * 3 + ["a"] * 3
    assert found["item"].to_list() == expected["item"].to_list()
    np.testing.assert_allclose(found["log_probability"], expected["log_probability"], atol=1e-5)


def test_no_history_answers_at_the_start_level(trained: HRNNRecommender) -> None:
    found = trained.recommend([[]], k=2)
    assert found["level"].to_list() == [4, 4]
    assert trained.recommend([], k=2).height == 0


def test_seen_items_and_k_beyond_the_catalogue(trained: HRNNRecommender) -> None:
    found = trained.recommend([FILMS[:3]], k=10**15, exclude_seen=True)
    assert set(found["item"]) == set(FILMS[3:])


def test_user_features_reach_the_answer(trained: HRNNRecommender) -> None:
    young = trained.recommend([[]], user_columns={"age": [20], "group": ["a"]})
    old = trained.recommend([[]], user_columns={"age": ["60"], "group": ["a"]})
    assert not young.equals(old)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"k": 0}, ConfigError, "k: got 0, expected 1 or more"),
        ({"k": -3}, ConfigError, "k: got -3, expected 1 or more"),
        ({"gap": 1, "query_time": T0}, ConfigError, "got both query_time and gap"),
        ({"gap": -1}, ConfigError, "gap: got -1, expected 0 to 253402300799 seconds"),
        ({"query_time": -1}, ConfigError, "query_time: got -1, expected 0 to"),
        ({"gap": 10**30}, ConfigError, "gap: got 10{30}, expected whole seconds"),
        ({"query_time": 10**18}, ConfigError, "query_time: got 10{18}, expected 0 to"),
        ({"gap": [1, 2, 3]}, ConfigError, "gap: got 3 values for 1 histories, expected one, or"),
        ({"times": [[T0, T0]]}, DataError, "history, row 1, column times: got 2 values, expec"),
        ({"user_columns": {"job": ["x"]}}, ConfigError, "no user feature named 'job'; there are: "),
        ({"user_columns": {"age": ["x"]}}, DataError, "column age: got 'x', expected a number"),
    ],
)
def test_questions_that_cannot_be_answered_are_refused(
    trained: HRNNRecommender, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        trained.recommend([[FILMS[0]]], **options)


def test_a_single_history_needs_a_list_around_it(trained: HRNNRecommender) -> None:
    with pytest.raises(DataError, match="expected a list of ids"):
        trained.recommend(FILMS[:2])  # a str is a sequence of str


def test_nothing_is_answered_before_a_fit() -> None:
    for use in (small().evaluate, lambda: small().recommend([[]]), lambda: small().save("x")):
        with pytest.raises(RunError, match="got a recommender that is not fitted"):
            use()


@pytest.mark.parametrize("name", ["colour", "self", "config"])
def test_an_unknown_setting_is_named(name: str) -> None:
    with pytest.raises(ConfigError, match=f"no setting named '{name}'; there are: batch_size"):
        HRNNRecommender("hrnn", **{name: 1})


def test_thresholds_are_the_logs_unless_given(
    tiny_tables: dict[str, pl.DataFrame], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = write_event_log(tiny_tables["interactions"], tmp_path / "log", thresholds=(30, 300))

    def thresholds(recommender: HRNNRecommender, name: str) -> tuple[int, ...]:
        monkeypatch.setattr("tfhrnn.training.train", lambda *_, **__: None)
        recommender.fit(log, run=tmp_path / name)
        assert recommender.run is not None
        return recommender.run.config.model.thresholds

    assert thresholds(HRNNRecommender("hrnn"), "a") == (30, 300)
    given = HRNNRecommender("hrnn", thresholds="60,3600,86400")  # the default, but asked for
    assert thresholds(given, "b") == (60, 3600, 86400)
    config = preset("hrnn", {"thresholds": (7,)})
    assert thresholds(HRNNRecommender(config), "c") == (7,)


def test_users_of_odd_lengths_are_left_out_of_training_alone(
    tiny_log: EventLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained_on: list[Any] = []
    monkeypatch.setattr("tfhrnn.training.train", lambda *given, **_: trained_on.append(given))
    low, high = "min_user_history_length_percentile", "max_user_history_length_percentile"
    for name, settings in {"all": {}, "some": {low: 0.2, high: "0.8"}}.items():
        recommender = small(**settings).fit(tiny_log, run=tmp_path / name)
        assert recommender.run is not None
    (_, _, everyone, watched), (run, _, kept, watched_too) = trained_on
    lengths = np.diff(tiny_log.offsets)
    # 29 training users: the 6th shortest and the 24th shortest stay, 5.8 and 23.2 rounded up.
    ordered = np.sort(lengths[everyone])
    assert len(everyone) == 29 and ordered[0] < ordered[5] and ordered[23] < ordered[-1]
    wanted = [u for u in everyone if ordered[5] <= lengths[u] <= ordered[23]]
    assert kept.tolist() == wanted and len(kept) < len(everyone)
    np.testing.assert_array_equal(watched, watched_too)
    # What the model takes from its training users, it takes from those alone.
    counts = np.bincount(
        np.concatenate([tiny_log.item[tiny_log.events_of(user)] for user in wanted]), minlength=32
    )
    np.testing.assert_array_equal(run.facts.item_counts, counts[2:])
    protocols = [(tmp_path / name / "protocol.json").read_text() for name in ("all", "some")]
    assert protocols[0] == protocols[1]


def test_a_temporary_run_goes_with_its_recommender(
    tiny_log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tfhrnn.training.train", lambda *_, **__: None)
    recommender = small().fit(tiny_log)
    assert recommender.run is not None
    path = recommender.run.path
    assert (path / "run.json").is_file()
    del recommender
    gc.collect()
    assert not path.parent.exists()


def test_a_refused_fit_leaves_the_run_and_its_data_alone(
    from_frame: HRNNRecommender, tiny_tables: dict[str, pl.DataFrame]
) -> None:
    assert from_frame.run is not None and from_frame.log is not None
    path = from_frame.run.path
    other = tiny_tables["interactions"].head(100)
    with pytest.raises(RunError, match="got something that is not an empty folder"):
        small().fit(other, run=path, verbose=0)
    with pytest.raises(RunError, match="got an event log with fingerprint"):
        small().fit(other, run=path, resume=True, verbose=0)
    data = EventLog.open(path.parent / "run-data")
    assert data.fingerprint == from_frame.log.fingerprint


def test_a_disk_that_fills_up_in_training_is_one_line(
    tiny_log: EventLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise tf.errors.ResourceExhaustedError(None, None, "x.tmp; No space left on device\nat ...")

    monkeypatch.setattr("tfhrnn.training.train", full)
    with pytest.raises(RunError) as caught:
        small().fit(tiny_log, run=tmp_path / "run")
    assert str(caught.value) == (
        f"{tmp_path / 'run'}: training stopped: x.tmp; No space left on device; "
        "finished epochs are kept, resume later"
    )
    assert (tmp_path / "run" / "run.json").is_file()


class _StopAfter(tf.keras.callbacks.Callback):
    """Ctrl-C at the end of an epoch."""

    def __init__(self, epoch: int) -> None:
        super().__init__()
        self.epoch = epoch

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if epoch + 1 == self.epoch:
            raise KeyboardInterrupt


def test_a_stopped_run_resumes_to_the_weights_of_an_undisturbed_one(
    tiny_tables: dict[str, pl.DataFrame], tmp_path: Path
) -> None:
    table = tiny_tables["interactions"].head(200)
    whole = small(epochs=3).fit(table, run=tmp_path / "whole", verbose=0)
    stopped = small(epochs=3)
    with pytest.raises(KeyboardInterrupt):
        stopped.fit(table, run=tmp_path / "stopped", verbose=0, callbacks=[_StopAfter(1)])
    assert len(metrics(stopped)) == 1
    # What resumes is the run's own config, whatever this one says.
    resumed = small(units=5).fit(table, run=tmp_path / "stopped", resume=True, verbose=0)
    assert resumed.config == whole.config
    assert metrics(resumed) == metrics(whole)
    assert whole.model is not None and resumed.model is not None
    for one, other in zip(whole.model.variables, resumed.model.variables, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy(), err_msg=one.name)


def test_validation_users_can_be_trained_on_and_the_protocol_stays(
    tiny_log: EventLog, tmp_path: Path
) -> None:
    held = small().fit(tiny_log, run=tmp_path / "held", verbose=0)
    whole = small(train_on_validation=True).fit(tiny_log, run=tmp_path / "whole", verbose=0)
    assert held.run is not None and whole.run is not None
    parts = split_users(tiny_log.num_users)
    for recommender, users in ((held, parts == Part.TRAIN), (whole, parts != Part.TEST)):
        counts = item_counts(tiny_log, np.flatnonzero(users))
        assert recommender.run is not None
        np.testing.assert_array_equal(recommender.run.facts.item_counts, counts)
    assert held.run.facts.item_counts.sum() < whole.run.facts.item_counts.sum()
    assert {row["val_perplexity"] for row in metrics(whole)} == {""}
    assert whole.evaluate()["protocol"] == held.evaluate()["protocol"]


def test_a_fit_on_events_watches_validation_events_and_is_judged_on_test_events(
    tiny_log: EventLog, tmp_path: Path
) -> None:
    fitted = small().fit(tiny_log, run=tmp_path / "run", split="leave-one-out", verbose=0)
    assert fitted.run is not None and fitted.model is not None
    sizes = np.diff(tiny_log.offsets)
    result = fitted.evaluate()
    assert result["protocol"]["test_targets"] == (sizes > 1).sum() == 40
    judged = judge(fitted.model, tiny_log, np.arange(40), fitted.config)
    # Validation watched the event before each user's last one, after all that came before it.
    watched = judged.filter(
        pl.col("position") == pl.Series(np.repeat(sizes, sizes)) - 2, pl.col("position") > 0
    )
    (row,) = metrics(fitted)
    perplexity = math.exp(-watched["log_p"].to_numpy().mean())
    assert float(row["val_perplexity"]) == pytest.approx(perplexity, rel=1e-4)
    last = judged.filter(pl.col("position") == pl.Series(np.repeat(sizes, sizes)) - 1)
    assert result["perplexity"]["best"] == pytest.approx(math.exp(-last["log_p"].to_numpy().mean()))
    with pytest.raises(ConfigError, match=r"split: got .last 10 % of each .* can only go on"):
        small().fit(tiny_log, run=tmp_path / "run", split="last", resume=True, verbose=0)
    more = pl.DataFrame({"user_id": ["new"], "item_id": [FILMS[0]], "timestamp": [T0]})
    with pytest.raises(RunError, match="events were split by leave-one-out, expected one"):
        fitted.fit_more(more, run=tmp_path / "more", verbose=0)
    assert not (tmp_path / "more-data").exists()
