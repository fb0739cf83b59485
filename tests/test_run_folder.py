"""A run folder describes itself, whole or not at all."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tfhrnn.config import preset
from tfhrnn.data.event_log import EventLog, write_event_log
from tfhrnn.data.event_split import split_last
from tfhrnn.data.facts import training_facts
from tfhrnn.data.split import Part, split_users
from tfhrnn.data.split_rule import SplitRule
from tfhrnn.errors import ConfigError, RunError
from tfhrnn.new_run import create_run
from tfhrnn.protocol import Protocol
from tfhrnn.recommender import HRNNRecommender
from tfhrnn.run_folder import RunFolder

CONFIG = preset("best", {"units": 8, "thresholds": "60,600"})


def create(path: Path, log: EventLog) -> RunFolder:
    parts = split_users(log.num_users, 5)
    facts = training_facts(log, np.flatnonzero(parts == Part.TRAIN), CONFIG.model)
    return RunFolder.create(path, config=CONFIG, log=log, parts=parts, split_seed=5, facts=facts)


@pytest.fixture(scope="module")
def run(tiny_log: EventLog, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return create(tmp_path_factory.mktemp("run") / "a" / "run", tiny_log)


def test_what_was_written_is_read_again(run: RunFolder, tiny_log: EventLog) -> None:
    again = RunFolder(run.path).require()
    assert again.config == CONFIG
    assert again.catalogue.frame.equals(tiny_log.catalogue.frame)
    np.testing.assert_array_equal(again.catalogue.feature_matrix, tiny_log.catalogue.feature_matrix)
    assert again.user_features == tiny_log.user_features
    parts = split_users(tiny_log.num_users, 5)
    np.testing.assert_array_equal(again.parts(tiny_log), parts)
    facts = training_facts(tiny_log, np.flatnonzero(parts == Part.TRAIN), CONFIG.model)
    for field in dataclasses.fields(facts):
        np.testing.assert_array_equal(getattr(again.facts, field.name), getattr(facts, field.name))
    assert again.open_log().fingerprint == tiny_log.fingerprint


def test_users_of_parts_come_in_the_logs_order(run: RunFolder, tiny_log: EventLog) -> None:
    test = set(run.users(tiny_log, Part.TEST).tolist())
    both = run.users(tiny_log, Part.TRAIN, Part.VALIDATION).tolist()
    assert len(test) == 8 and both == sorted(set(range(40)) - test)


def test_the_protocol_stands_in_the_run_before_it_is_judged(
    run: RunFolder, tiny_log: EventLog
) -> None:
    test = np.flatnonzero(split_users(tiny_log.num_users, 5) == Part.TEST)
    stored = json.loads((run.path / "protocol.json").read_text(encoding="utf-8"))
    assert Protocol.from_dict(stored) == Protocol(
        dataset="tiny",
        fingerprint=tiny_log.fingerprint,
        split_seed=5,
        test_users=len(test),
        test_targets=int((tiny_log.offsets[test + 1] - tiny_log.offsets[test]).sum()),
        catalogue_items=30,
    )
    assert run.protocol(tiny_log).to_dict() == stored


def test_the_run_says_what_an_outsider_needs(run: RunFolder, tiny_log: EventLog) -> None:
    found = json.loads((run.path / "run.json").read_text(encoding="utf-8"))
    assert found["dataset"] == "tiny" and found["split_seed"] == 5
    assert found["fingerprint"] == tiny_log.fingerprint
    assert Path(found["data"]) == tiny_log.directory.resolve()
    assert {"tfhrnn", "python", "tensorflow", "tf-keras", "numpy"} <= set(found["versions"])
    split = pl.read_parquet(run.path / "split.parquet")
    assert split["user_id"].to_list() == tiny_log.user_ids
    assert split["part"].value_counts()["count"].sum() == 40


@pytest.mark.parametrize("kind", ["a folder with a file", "a file"])
def test_a_place_that_is_taken_is_refused(kind: str, tiny_log: EventLog, tmp_path: Path) -> None:
    place = tmp_path / "run"
    mine = place if kind == "a file" else place / "mine.txt"
    mine.parent.mkdir(exist_ok=True)
    mine.write_text("mine")
    with pytest.raises(RunError, match="got something that is not an empty folder"):
        create(place, tiny_log)
    assert mine.read_text() == "mine"


def test_an_empty_folder_is_taken(tiny_log: EventLog, tmp_path: Path) -> None:
    assert create(tmp_path, tiny_log).require().path == tmp_path


@pytest.mark.parametrize(
    ("failure", "raised"),
    [
        (OSError(28, "No space left on device"), RunError),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
)
def test_a_failure_while_writing_leaves_nothing(
    failure: BaseException,
    raised: type[BaseException],
    tiny_log: EventLog,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*arguments: Any) -> None:
        raise failure

    monkeypatch.setattr(np, "save", fail)
    with pytest.raises(raised) as caught:
        create(tmp_path / "run", tiny_log)
    if raised is RunError:
        assert str(caught.value) == (
            f"{tmp_path / 'run'}: could not be written: No space left on device; nothing was kept"
        )
    assert list(tmp_path.iterdir()) == []


def test_another_folder_is_no_run(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(RunError, match=r"got no run\.json, expected a folder written by"):
            RunFolder(path).require()


def test_a_damaged_run_is_named(run: RunFolder, tmp_path: Path) -> None:
    damaged = RunFolder(shutil.copytree(run.path, tmp_path / "run"))
    for name in ("run.json", "config.json"):
        (damaged.path / name).write_text('{"half')
    with pytest.raises(RunError, match=r"run\.json: got no readable JSON, expected a whole run"):
        _ = damaged.description
    with pytest.raises(RunError, match=r"config\.json: got no readable JSON"):
        _ = damaged.config
    (damaged.path / "facts" / "facts.json").unlink()
    with pytest.raises(RunError, match=r"facts\.json: got no readable JSON"):
        _ = damaged.facts


def test_a_result_is_written_whole_and_read_again(run: RunFolder, tmp_path: Path) -> None:
    own = RunFolder(shutil.copytree(run.path, tmp_path / "run"))
    with pytest.raises(RunError, match=r"got no result\.json, expected a run that `tfhrnn eval"):
        own.read_result()
    own.write_result({"dataset": "é", "perplexity": {"best": 3.5}})
    assert own.read_result() == {"dataset": "é", "perplexity": {"best": 3.5}}
    with pytest.raises(TypeError):
        own.write_result({"wrong": object()})
    assert own.read_result()["perplexity"] == {"best": 3.5}
    assert not list(own.path.glob(".*"))


def test_other_data_are_refused_and_moved_data_found(
    run: RunFolder,
    tiny_log: EventLog,
    tiny_tables: dict[str, pl.DataFrame],
    tmp_path: Path,
) -> None:
    other = write_event_log(tiny_tables["interactions"].head(50), tmp_path / "other")
    with pytest.raises(RunError) as caught:
        run.open_log(other.directory)
    assert str(caught.value) == (
        f"{other.directory}: got an event log with fingerprint {other.fingerprint[:12]}, expected "
        f"{tiny_log.fingerprint[:12]}, the one that {run.path} was trained on"
    )
    moved = shutil.copytree(tiny_log.directory, tmp_path / "moved")
    assert run.open_log(moved).directory == moved
    lost = RunFolder(shutil.copytree(run.path, tmp_path / "run"))
    description = {**lost.description, "data": str(tmp_path / "gone")}
    (lost.path / "run.json").write_text(json.dumps(description))
    with pytest.raises(RunError, match=r"got no event log at .*gone, .* now \(--data\)"):
        lost.open_log()
    assert lost.open_log(moved).fingerprint == tiny_log.fingerprint


def test_metrics_have_a_row_an_epoch(trained: HRNNRecommender) -> None:
    assert trained.run is not None
    epochs = trained.run.epochs()
    assert epochs["epoch"].to_list() == [1, 2]
    assert epochs.columns == [
        "epoch",
        "loss",
        "perplexity",
        "rmse",
        "impression_loss",
        "val_loss",
        "val_perplexity",
        "val_ndcg",
        "val_rmse",
        "val_impression_loss",
        "learning_rate",
        "seconds",
    ]
    np.testing.assert_allclose(np.exp(epochs["val_loss"]), epochs["val_perplexity"], rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("best", {"units": 9}, "units: got 9, but .* began with 8"),
        ("best", {"epochs": 3}, "epochs: got 3, but "),
        ("hrnn", {}, "preset: got 'hrnn', but .* began with 'best'"),
    ],
)
def test_a_run_goes_on_with_its_own_settings_only(
    run: RunFolder, name: str, settings: dict[str, object], message: str
) -> None:
    run.require_same_settings(preset("best", {"units": 8, "seed": 0}), ["units", "seed"])
    with pytest.raises(ConfigError, match=message):
        run.require_same_settings(preset(name, settings), list(settings))


def test_the_same_events_with_other_features_are_other_data(
    run: RunFolder, tiny_tables: dict[str, pl.DataFrame], tmp_path: Path
) -> None:
    plain = write_event_log(
        tiny_tables["interactions"],
        tmp_path / "data",
        items=tiny_tables["items"],
        keep_duplicates=True,
    )
    assert plain.fingerprint == run.description["fingerprint"]
    with pytest.raises(RunError, match="got item features other than those"):
        run.require_same_data(plain)


def test_a_split_of_events_is_kept_and_has_no_users_parts(
    tiny_log: EventLog, tmp_path: Path
) -> None:
    rule = SplitRule("last", 0.25)
    made = create_run(tmp_path / "run", CONFIG, tiny_log, 5, split=rule)
    again = RunFolder(made.path).require()
    assert again.split == rule and again.split_rule == rule.text
    parts = split_last(tiny_log.offsets, 0.25)
    np.testing.assert_array_equal(again.division(tiny_log).parts, parts)
    training = again.facts.item_counts.sum()
    assert training == (parts == Part.TRAIN).sum()  # no other event was counted
    assert again.users(tiny_log, Part.TEST).tolist() == list(range(40))
    stored = json.loads((again.path / "protocol.json").read_text())
    assert stored["test_targets"] == (parts == Part.TEST).sum()
    assert stored["split_seed"] == 0  # nothing was drawn
    with pytest.raises(RunError, match="got a run whose events were split by last, expected one"):
        again.parts(tiny_log)
    again.require_same_split(rule)
    with pytest.raises(ConfigError, match=r"split: got 'users: 20 % test.* can only go on with"):
        again.require_same_split(SplitRule())


def test_a_run_of_users_says_nothing_new(run: RunFolder) -> None:
    assert "split" not in run.description and run.split == SplitRule()
