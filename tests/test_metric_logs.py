"""Metrics go where they were asked to: TensorBoard's own reader, and stand-ins of two libraries."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tfhrnn import cli
from tfhrnn.data.event_log import EventLog
from tfhrnn.errors import ConfigError, RunError
from tfhrnn.log_option import LOG_NAMES
from tfhrnn.metric_logs import TRACKERS, logged
from tfhrnn.recommender import HRNNRecommender

SETTINGS = ["units=4", "layers=1", "time_bumps=2", "epochs=2", "batch_size=8", "bptt=16"]
SET = [word for setting in SETTINGS for word in ("--set", setting)]
Calls = list[tuple[Any, ...]]


@pytest.fixture
def mlflow(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A stand-in with the part of MLflow's interface that is used."""
    library: Any = ModuleType("mlflow")
    library.calls, library.active = [], None
    library.active_run = lambda: library.active

    def start_run(run_name: str = "", run_id: str = "") -> Any:
        library.calls.append(("start", run_name or f"again {run_id}"))
        return SimpleNamespace(info=SimpleNamespace(run_id=run_id or f"id of {run_name}"))

    library.start_run = start_run
    library.log_params = lambda params: library.calls.append(("params", params))
    library.log_metrics = lambda metrics, step: library.calls.append(("metrics", step, metrics))
    library.end_run = lambda status: library.calls.append(("end", status))
    monkeypatch.setitem(sys.modules, "mlflow", library)
    return library


@pytest.fixture
def wandb(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A stand-in with the part of wandb's interface that is used."""
    library: Any = ModuleType("wandb")
    library.calls, library.run = [], None

    def init(project: str, name: str, **again: str) -> Any:
        library.calls.append(("start", project, name, *again.items()))
        return library.made

    library.init = init
    library.made = SimpleNamespace(
        id="w1",
        config=SimpleNamespace(update=lambda found: library.calls.append(("params", found))),
        log=lambda metrics: library.calls.append(("metrics", metrics)),
        finish=lambda exit_code: library.calls.append(("end", exit_code)),
    )
    monkeypatch.delenv("WANDB_PROJECT", raising=False)
    monkeypatch.setitem(sys.modules, "wandb", library)
    return library


def train(log: EventLog, out: Path, *more: str) -> int:
    words = ["train", "--data", str(log.directory), "--preset", "hrnn", "--out", str(out)]
    return cli.main([*words, *SET, *more])


def rows(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_names_known_before_tensorflow_are_those_there_are() -> None:
    assert list(LOG_NAMES) == list(TRACKERS)


def test_csv_tensorboard_and_both_libraries_tell_the_same(
    tiny_log: EventLog, tmp_path: Path, mlflow: Any, wandb: Any
) -> None:
    run = tmp_path / "monday"
    assert train(tiny_log, run, "--log", "mlflow", "--log", "wandb", "--log", "mlflow") == 0
    table = rows(run)
    assert [row["epoch"] for row in table] == ["1", "2"]
    for part, name in (
        ("train", "perplexity"),
        ("validation", "val_perplexity"),
        ("train", "learning_rate"),
    ):
        events = EventAccumulator(str(run / "tensorboard" / part), size_guidance={"tensors": 0})
        events.Reload()
        found = events.Tensors(f"epoch_{name.removeprefix('val_')}")
        assert [event.step for event in found] == [0, 1]
        values = [float(tf.make_ndarray(event.tensor_proto)) for event in found]
        assert values == pytest.approx([float(row[name]) for row in table], rel=1e-6)

    start, params, *metrics, end = mlflow.calls
    assert start == ("start", "monday") and end == ("end", "FINISHED")
    config = json.loads((run / "config.json").read_text())
    assert params[1]["model.units"] == 4 and params[1]["preset"] == "hrnn"
    assert len(params[1]) == 1 + len(config["model"]) + len(config["training"])
    assert [step for _, step, _ in metrics] == [1, 2]
    for (_, _, values), row in zip(metrics, table, strict=True):
        assert {"loss", "perplexity", "val_loss", "val_perplexity"} <= set(values)
        for name, value in values.items():
            assert value == pytest.approx(float(row[name]), rel=1e-6), name
    assert wandb.calls == [
        ("start", "tfhrnn", "monday"),
        params,
        *(("metrics", {**values, "epoch": step}) for _, step, values in metrics),
        ("end", 0),
    ]


def test_resuming_goes_on_with_the_runs_of_before(
    tiny_log: EventLog, tmp_path: Path, mlflow: Any, wandb: Any
) -> None:
    class Stop(Exception):
        pass

    def stop(metrics: dict[str, float], step: int) -> None:
        raise Stop

    run, both = tmp_path / "monday", ("--log", "mlflow", "--log", "wandb")
    log_metrics, mlflow.log_metrics = mlflow.log_metrics, stop
    with pytest.raises(Stop):
        train(tiny_log, run, *both)
    assert len(rows(run)) == 1
    assert (mlflow.calls[-1], wandb.calls[-1]) == (("end", "FAILED"), ("end", 1))
    mlflow.log_metrics = log_metrics
    mlflow.calls.clear()
    wandb.calls.clear()
    assert train(tiny_log, run, *both, "--resume") == 0
    assert mlflow.calls[0] == ("start", "again id of monday")
    assert [call[1] for call in mlflow.calls if call[0] == "metrics"] == [2]
    assert wandb.calls[0] == ("start", "tfhrnn", "monday", ("id", "w1"), ("resume", "allow"))
    assert [call[1]["epoch"] for call in wandb.calls if call[0] == "metrics"] == [2]


def test_a_run_that_is_open_already_is_used_and_stays_open(mlflow: Any, wandb: Any) -> None:
    mlflow.active, wandb.run = "mine", wandb.made
    noted: list[str] = []

    def note(name: str, id: str) -> None:
        noted.append(name)

    with logged(["mlflow", "wandb"], run="other", settings=dict, note=note) as callbacks:
        assert len(callbacks) == 2
        callbacks[0].on_train_begin()
        callbacks[1].on_train_begin()
    assert mlflow.calls == wandb.calls == [("params", {})]
    assert noted == []  # it is not ours to go on with


def test_stopped_training_is_told_as_failed(mlflow: Any, wandb: Any) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        logged(["wandb", "mlflow"], run="r", settings=dict),
    ):
        raise KeyboardInterrupt
    assert mlflow.calls[-1] == ("end", "FAILED")
    assert wandb.calls[-1] == ("end", 1)


def test_an_update_logs_too(trained: HRNNRecommender, tmp_path: Path, mlflow: Any) -> None:
    assert trained.run is not None
    table = tmp_path / "more.csv"
    table.write_text("user_id,item_id,timestamp,feedback\nu0,fresh,2000000000,4\n")
    words = ["update", "--run", str(trained.run.path), "--interactions", str(table)]
    words += ["--set", "epochs=1", "--out", str(tmp_path / "tuesday"), "--log", "mlflow"]
    assert cli.main(words) == 0
    start, params, metrics, end = mlflow.calls
    assert start == ("start", "tuesday") and end == ("end", "FINISHED")
    assert params[1]["training.epochs"] == 1  # the update's own settings
    assert metrics[2]["perplexity"] == pytest.approx(
        float(rows(tmp_path / "tuesday")[-1]["perplexity"])
    )


@pytest.mark.parametrize("name", LOG_NAMES)
def test_a_missing_library_is_one_line_before_training(
    name: str,
    tiny_log: EventLog,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, name, None)  # import says ModuleNotFoundError
    assert train(tiny_log, tmp_path / "run", "--log", name) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"tfhrnn train: log: got '{name}', which cannot be imported (")
    assert error.endswith(f"; pip install {name}\n") and error.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_a_library_that_cannot_begin_is_one_line(mlflow: Any) -> None:
    def refuse(run_name: str) -> Any:
        raise OSError("no server at\nhttp://127.0.0.1:1")

    mlflow.start_run = refuse
    with pytest.raises(RunError) as refused, logged(["mlflow"], run="r", settings=dict):
        pass
    assert str(refused.value) == "log: mlflow could not begin: no server at"
    with (
        pytest.raises(ConfigError, match="log: got 'comet', expected one of mlflow, wandb"),
        logged(["comet"], run="r", settings=dict),
    ):
        pass


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", LOG_NAMES)
def test_the_libraries_themselves_take_what_is_logged(
    name: str, tiny_log: EventLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = pytest.importorskip(name)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "mlruns").as_uri())
    assert train(tiny_log, tmp_path / "run", "--log", name) == 0
    if name == "wandb":
        assert list((tmp_path / "wandb").glob("offline-run-*/run-*.wandb"))
        assert library.run is None
        return
    (run,) = library.search_runs(output_format="list")
    assert (run.info.status, run.info.run_name) == ("FINISHED", "run")
    assert run.data.params["model.units"] == "4"
    history = library.MlflowClient().get_metric_history(run.info.run_id, "perplexity")
    assert [point.step for point in history] == [1, 2]
