"""The command line in process: what each command leaves, and one clear line for bad input."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tfhrnn import cli, commands
from tfhrnn.data.event_log import EventLog
from tfhrnn.errors import DataError
from tfhrnn.models.hrnn import HRNN
from tfhrnn.progress import LOGGER
from tfhrnn.recommender import HRNNRecommender

T0 = 1_000_000_000
FILMS = [f"film {n}, é" for n in range(30)]
SETTINGS = ["units=4", "layers=1", "time_bumps=2", "epochs=1", "batch_size=8", "bptt=16"]
SET = [word for setting in SETTINGS for word in ("--set", setting)]


@pytest.fixture
def fails(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs a command that must fail with exit code 2; returns its one line on standard error."""

    def run(*arguments: object) -> str:
        capsys.readouterr()
        try:
            code = cli.main([str(argument) for argument in arguments])
        except SystemExit as left:  # argparse's way
            code = left.code  # type: ignore[assignment]  # always a number there
        error = capsys.readouterr().err
        assert code == 2, error
        assert "Traceback" not in error
        assert error.count("\n") == 1 and error.endswith("\n"), error
        assert error.startswith(f"tfhrnn {arguments[0]}: "), error
        return error.removeprefix(f"tfhrnn {arguments[0]}: ").rstrip("\n")

    return run


@pytest.fixture(scope="module")
def tables(tiny_tables: dict[str, pl.DataFrame], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small world as CSV files."""
    folder = tmp_path_factory.mktemp("tables")
    for name, frame in tiny_tables.items():
        frame.write_csv(folder / f"{name}.csv")
    return folder


@pytest.fixture(scope="module")
def run_folder(trained: HRNNRecommender) -> Path:
    assert trained.run is not None
    return trained.run.path


def csv_file(path: Path, *rows: str, header: str = "user_id,item_id,timestamp") -> Path:
    path.write_text("\n".join((header, *rows)) + "\n", encoding="utf-8")
    return path


GOOD = tuple(f"{'ab'[n % 2]},{'xyz'[n % 3]},{T0 + 50 * n}" for n in range(12))


def test_prepare_train_evaluate_recommend_and_export(tables: Path, tmp_path: Path) -> None:
    def run(*arguments: object) -> Any:
        target = tmp_path / "json" / f"{arguments[0]}.json"
        words = [*map(str, arguments), "--json", str(target)]
        assert cli.main(words) == 0
        return json.loads(target.read_text(encoding="utf-8"))

    prepared = run(
        *("prepare", "--interactions", tables / "interactions.csv", "--keep-duplicates"),
        *("--items", tables / "items.csv", "--users", tables / "users.csv"),
        *("--thresholds", "100,1000", "--out", tmp_path / "data"),
    )
    log = EventLog.open(tmp_path / "data")
    assert (prepared["users"], prepared["items"]) == (40, 30)
    assert log.thresholds == (100, 1000)
    assert log.catalogue.features is not None and log.user_features is not None
    assert [spec.name for spec in log.catalogue.features.specs] == ["genres"]
    assert [spec.name for spec in log.user_features.specs] == ["age", "group"]

    proposed = run(
        "propose-thresholds", "--data", tmp_path / "data", "--out", tmp_path / "gaps.png"
    )
    assert len(proposed["thresholds"]) == 3
    assert sum(proposed["level_shares"]) == pytest.approx(1)
    assert (tmp_path / "gaps.png").stat().st_size > 1000

    train = ("train", "--data", tmp_path / "data", "--preset", "hrnn-metadata", "--seed", 3)
    trained = run(*train, *SET, "--out", tmp_path / "run")
    assert trained["run"] == str(tmp_path / "run")
    assert [row["epoch"] for row in trained["epochs"]] == [1]
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert (config["training"]["seed"], config["model"]["units"]) == (3, 4)
    assert config["model"]["thresholds"] == [100, 1000]  # the log's

    judged = run("evaluate", "--run", tmp_path / "run")
    assert set(judged["perplexity"]) == {"popularity", "hrnn_meta"}
    assert Path(judged["report"]).is_file()
    stored = json.loads((tmp_path / "run" / "result.json").read_text(encoding="utf-8"))
    assert stored == {key: value for key, value in judged.items() if key != "report"}

    asked = run(
        *("recommend", "--run", tmp_path / "run", "--gap", 3600, "-k", 3),
        *("--history", json.dumps([FILMS[3], "no such film"]), "--times", f"{T0},{T0 + 5}"),
        *("--user", "age=33", "--user", "group=a"),
    )
    expected = HRNNRecommender.load(tmp_path / "run").recommend(
        [[FILMS[3], "no such film"]],
        times=[[T0, T0 + 5]],
        gap=3600,
        k=3,
        user_columns={"age": [33], "group": ["a"]},
    )
    assert [row["item"] for row in asked["items"]] == expected["item"].to_list()
    assert asked["level"] == 2 and asked["unknown"] == ["no such film"]

    export = ("export", "--run", tmp_path / "run", "--out", tmp_path / "models" / "tiny")
    assert run(*export) == {"export_dir": str(tmp_path / "models" / "tiny"), "version": 1}
    assert run(*export, "--retrieval", "streaming")["version"] == 2
    cards = [tmp_path / "models" / "tiny" / n / "assets.extra" / "model_card.json" for n in "12"]
    ways = [json.loads(card.read_text())["retrieval"]["way"] for card in cards]
    assert ways == ["exact", "streaming"]
    card = cards[0]
    assert json.loads(card.read_text())["figures"]["perplexity"] == pytest.approx(
        judged["perplexity"]["hrnn_meta"]
    )
    assert not [path for path in tmp_path.rglob("*.tmp")]


def test_two_users_train_without_a_validation_user(tmp_path: Path, capsys: Any) -> None:
    table = csv_file(tmp_path / "two.csv", *GOOD)
    prepared = ["prepare", "--interactions", str(table), "--out", str(tmp_path / "data")]
    assert cli.main(prepared) == 0
    words = ["train", "--data", str(tmp_path / "data"), "--out", str(tmp_path / "run"), *SET]
    assert cli.main([*words, "--strategy", "one_device", "--steps-per-execution", "2"]) == 0
    shown = capsys.readouterr().out
    assert "best epoch 1 of 1, training perplexity " in shown
    # Long paths are not cut in two: what is printed can be copied.
    assert f"next: python -m tfhrnn evaluate --run {tmp_path / 'run'}\n" in shown


def test_train_parts_events_where_it_is_asked_to(tiny_log: EventLog, tmp_path: Path) -> None:
    run, point = tmp_path / "run", tiny_log.time.mean()
    words = ["train", "--data", str(tiny_log.directory), "--preset", "popularity-count"]
    words += ["--split", "time", "--split-point", str(int(point)), "--out", str(run)]
    assert cli.main(words) == 0
    description = json.loads((run / "run.json").read_text())
    assert description["split"] == {"by": "time", "share": None, "point": int(point)}
    protocol = json.loads((run / "protocol.json").read_text())
    assert protocol["test_targets"] == (tiny_log.time >= int(point)).sum()


def test_a_split_that_leaves_nothing_to_judge_is_one_line(
    tiny_log: EventLog, tmp_path: Path, fails: Callable[..., str]
) -> None:
    words = ["train", "--data", tiny_log.directory, "--out", tmp_path / "run", "--split", "time"]
    error = fails(*words, "--split-point", "2099-01-01")
    assert error.startswith("split by time: got no event to judge among ")
    assert not (tmp_path / "run").exists()


def test_a_preset_that_trains_nothing_goes_the_same_way(
    tiny_log: EventLog, tmp_path: Path, capsys: Any
) -> None:
    run, data = str(tmp_path / "run"), str(tiny_log.directory)
    assert cli.main(["train", "--data", data, "--preset", "popularity-count", "--out", run]) == 0
    shown = capsys.readouterr().out
    assert f"run: {run} (nothing to train)\nnext: python -m tfhrnn evaluate --run {run}\n" in shown
    assert cli.main(["evaluate", "--run", run]) == 0
    assert "popularity-count" in capsys.readouterr().out
    assert "popularity-count" in (tmp_path / "run" / "report" / "index.html").read_text()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["a,x,2021-13-01"], "row 1, column timestamp: got '2021-13-01', expected"),
        ([*GOOD, f"a,x,{T0 * 1000}"], "row 13, column timestamp: got "),
        ([*GOOD, "a,y,-5"], "row 13, column timestamp: got '-5', expected"),
        (["a,x,5", "a,y,9"], "column user_id: got a single user, 'a', expected at least 2 users"),
        (["a,x,5", "b,x,9"], "column item_id: got a single item, 'x', expected at least 2 items"),
        ([], "got no rows, expected interactions"),
        (["a,,5", *GOOD], "row 1, column item_id: got "),
    ],
)
def test_bad_tables_are_refused_in_one_line(
    rows: list[str], message: str, fails: Callable[..., str], tmp_path: Path
) -> None:
    table = csv_file(tmp_path / "bad.csv", *rows)
    line = fails("prepare", "--interactions", table, "--out", tmp_path / "data")
    assert line.startswith(str(table)) and message in line
    assert [path.name for path in tmp_path.iterdir()] == ["bad.csv"]


def test_bad_files_are_refused_in_one_line(fails: Callable[..., str], tmp_path: Path) -> None:
    def prepare(table: object, *more: object) -> str:
        return fails("prepare", "--interactions", table, "--out", tmp_path / "data", *more)

    assert "none.csv: got no such file" in prepare(tmp_path / "none.csv")
    assert f"{tmp_path}: got a folder, expected a CSV" in prepare(tmp_path)
    (tmp_path / "empty.csv").touch()
    assert "empty.csv: got an empty file" in prepare(tmp_path / "empty.csv")
    other = csv_file(tmp_path / "other.csv", "a,x", header="user_id,item_id")
    assert "timestamp" in prepare(other) and "other.csv: got " in prepare(other)
    semicolons = csv_file(
        tmp_path / "semi.csv", *(row.replace(",", ";") for row in GOOD), header="user_id;item_id;ts"
    )
    assert "semi.csv: got " in prepare(semicolons)
    good = csv_file(tmp_path / "good.csv", *GOOD)
    assert "semi" not in prepare(good, "--separator", ";")
    assert "--map: got 'who', expected NAME=VALUE" in prepare(good, "--map", "who")
    assert "expected NAME:KIND with one of multi-hot" in prepare(
        good, "--items", good, "--item-features", "genre:colour"
    )
    assert "without a table, expected --items too" in prepare(good, "--item-features", "g:numeric")
    assert "thresholds: got 'a', expected whole numbers" in prepare(good, "--thresholds", "a")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("mine")
    line = fails("prepare", "--interactions", good, "--out", tmp_path / "mine")
    assert "got something that is no event log" in line
    assert "got the folder" in prepare(good, "--json", tmp_path)
    assert not (tmp_path / "data").exists()


def test_bad_settings_are_refused_in_one_line(
    fails: Callable[..., str], tiny_log: EventLog, tmp_path: Path
) -> None:
    train = ("train", "--data", tiny_log.directory, "--out", tmp_path / "run")
    line = fails(*train, "--set", "colour=red")
    assert line.startswith("no setting named 'colour'; there are: batch_size, ")
    assert "units: got 'x', expected a whole number" in fails(*train, "--set", "units=x")
    assert "units: got 0, expected a whole number of at least 1" in fails(
        *train, "--set", "units=0"
    )
    assert "tower: got 'gur', expected one of gru, lstm" in fails(*train, "--set", "tower=gur")
    assert "invalid choice: 'bset'" in fails(*train, "--preset", "bset")
    assert "seed: got -1, expected 0 or" in fails(*train, "--seed", "-1")
    assert "invalid choice: 'two'" in fails(*train, "--strategy", "two")
    line = fails(*train, "--strategy", "multi_worker")
    assert line.startswith("strategy: got 'multi_worker' without TF_CONFIG in the environment")
    line = fails(*train, "--steps-per-execution", "0")
    assert line == "steps_per_execution: got 0, expected 1 or more"
    data = tmp_path / "nothing"
    line = fails("train", "--data", data, "--out", tmp_path / "run")
    assert line == f"{data}: got no such folder, expected an event log"
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    line = fails("train", "--data", tiny_log.directory, "--out", tmp_path / "full")
    assert "got something that is not an empty folder" in line
    assert [path.name for path in tmp_path.iterdir()] == ["full"]


def test_bad_runs_and_questions_are_refused_in_one_line(
    fails: Callable[..., str], run_folder: Path, tmp_path: Path
) -> None:
    for command in ("evaluate", "recommend", "export"):
        more = ("--out", tmp_path / "models") if command == "export" else ()
        line = fails(command, "--run", tmp_path, *more)
        assert line.startswith(f"{tmp_path}: got no run.json, expected a folder written by")
    ask = ("recommend", "--run", run_folder)
    assert fails(*ask, "-k", "0") == "k: got 0, expected 1 or more"
    assert "invalid int value: 'x'" in fails(*ask, "-k", "x")
    assert "--times: got 'x', expected Unix seconds" in fails(*ask, "--times", "x")
    assert "--history: got '[\"a', expected a JSON list" in fails(*ask, "--history", '["a')
    line = fails(*ask, "--history", "a,b", "--times", "5")
    assert line == "history, row 1, column times: got 1 values, expected 2"
    line = fails(*ask, "--history", "a", "--event-types", "view")
    assert line == "event_types: got some, but this model reads none (event_types=false)"
    assert "gap: got -5, expected 0 to" in fails(*ask, "--gap", "-5")
    assert "query_time: got 9" in fails(*ask, "--query-time", "9" * 30)
    assert "not allowed with argument" in fails(*ask, "--gap", "5", "--query-time", "9")
    assert "no user feature named 'job'; there are: age, group" in fails(*ask, "--user", "job=x")
    assert "column age: got 'x', expected a number" in fails(*ask, "--user", "age=x")
    line = fails("evaluate", "--run", run_folder, "--data", tmp_path / "gone")
    assert line == f"{tmp_path / 'gone'}: got no such folder, expected an event log"


def test_no_command_or_an_unknown_one_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    for words, message in (
        ([], "the following arguments are required: COMMAND"),
        (["fly"], "argument COMMAND: invalid choice: 'fly'"),
    ):
        with pytest.raises(SystemExit) as left:
            cli.main(words)
        error = capsys.readouterr().err
        assert left.value.code == 2
        assert error.startswith(f"tfhrnn: {message}") and error.count("\n") == 1


def test_ctrl_c_is_130_and_says_what_is_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tiny_log: EventLog
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "_propose_thresholds", stop)
    assert cli.main(["propose-thresholds", "--data", str(tiny_log.directory)]) == 130
    error = capsys.readouterr().err.strip()
    assert error == "tfhrnn propose-thresholds: stopped; finished epochs and files are kept"
    monkeypatch.setattr(commands, "_train", stop)
    assert cli.main(["train", "--data", str(tiny_log.directory), "--out", "run"]) == 130
    assert capsys.readouterr().err.endswith("files are kept; go on with --resume\n")


def test_unknown_arguments_point_to_the_commands_own_help(fails: Callable[..., str]) -> None:
    error = fails("recommend", "--run", "run", "--colour", "red")
    assert error == ("unrecognized arguments: --colour red; see python -m tfhrnn recommend --help")


def test_files_of_a_bare_pattern_are_told_to_be_quoted(
    fails: Callable[..., str], tmp_path: Path
) -> None:
    parts = [tmp_path / f"part-{n}.csv" for n in range(3)]
    for part in parts:
        part.write_text("x")
    words = ["prepare", "--out", str(tmp_path / "log"), "--interactions", *map(str, parts)]
    hint = "(a pattern of files goes in quotes, as 'logs/part-*.parquet')"
    assert f"unrecognized arguments: {parts[1]} {parts[2]} {hint}; see" in fails(*words)
    parts[2].unlink()
    assert "in quotes" not in fails(*words)


def test_several_columns_are_mapped_by_one_option_or_by_many() -> None:
    words = "prepare --interactions a.csv --out b --map user_id=u item_id=i --map timestamp=t"
    parsed = cli.build_parser().parse_args(words.split())
    assert parsed.map == ["user_id=u", "item_id=i", "timestamp=t"]
    assert cli.build_parser().parse_args(words.split()[:5]).map == []


def test_help_tells_the_roles_and_how_features_are_listed(capsys: Any) -> None:
    with pytest.raises(SystemExit):
        cli.main(["prepare", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert "roles: user_id, item_id, timestamp, feedback, weight, event_type" in shown
    assert "several separated by spaces, such as tags:multi-hot name:text" in shown


@pytest.mark.parametrize("command", ["prepare", "train"])
def test_a_full_disk_leaves_nothing(
    command: str,
    fails: Callable[..., str],
    tables: Path,
    tiny_log: EventLog,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    source = {
        "prepare": ("--interactions", tables / "interactions.csv"),
        "train": ("--data", tiny_log.directory),
    }[command]
    line = fails(command, *source, "--out", tmp_path / "out")
    message = "could not be written: No space left on device; nothing was kept"
    assert line == f"{tmp_path / 'out'}: {message}"
    assert list(tmp_path.iterdir()) == []


def test_any_other_trouble_with_a_file_is_one_line_too(
    fails: Callable[..., str], monkeypatch: pytest.MonkeyPatch, tiny_log: EventLog
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied", "a\nfile")

    monkeypatch.setattr(commands, "_propose_thresholds", refuse)
    line = fails("propose-thresholds", "--data", tiny_log.directory)
    assert line == "a file: Permission denied"


def test_a_mapped_id_is_looked_for_in_the_item_table_too(tmp_path: Path) -> None:
    (tmp_path / "clicks.csv").write_text("who,sku,when\na,x,5\na,y,6\nb,y,7\n")
    (tmp_path / "shop.csv").write_text("sku,kind\nx,mug|blue\ny,mug\n")
    given = ["--interactions", str(tmp_path / "clicks.csv"), "--items", str(tmp_path / "shop.csv")]
    roles = ["--map", "user_id=who", "--map", "item_id=sku", "--map", "timestamp=when"]
    assert cli.main(["prepare", *given, *roles, "--out", str(tmp_path / "log")]) == 0
    assert EventLog.open(tmp_path / "log").catalogue.feature_matrix.shape == (2, 2)


def test_update_goes_on_in_a_new_run(
    trained: HRNNRecommender,
    fails: Callable[..., str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert trained.run is not None
    rows = [f'u{n},"film {n}, é",{T0 * 2}' for n in range(6)] + [
        f"new,fresh,{T0}",
        f"u0,fresh,{T0}",
    ]
    out, run = tmp_path / "run2", ("--run", trained.run.path, "--interactions")
    table = csv_file(tmp_path / "blind.csv", *rows)
    line = fails("update", *run, table, "--out", out)  # the model reads feedback
    assert "blind.csv: got no column for feedback" in line and "--map feedback=COLUMN" in line
    assert not out.exists()
    header = "user_id,item_id,timestamp,feedback,shop"
    rows = [f"{row},,s" for row in rows]
    given = (*run, csv_file(tmp_path / "more.csv", *rows, header=header))
    settings = ("--set", "epochs=1", "--replay", 0.25)
    words = ["update", *given, "--out", out, *settings, "--json", tmp_path / "update.json"]
    fit = HRNN.fit
    monkeypatch.setattr(HRNN, "fit", lambda *a, **named: (print("begins"), fit(*a, **named))[1])
    assert cli.main([str(word) for word in words]) == 0
    shown = capsys.readouterr().out
    assert "new events: 8, new users: 1, new items: 1\n" in shown
    # How the table was read and what is to be beaten stand before the first epoch.
    before, _, _ = shown.partition("begins\n")
    assert "columns not used: shop\n" in before
    assert "1 new events are older than the last one known of their user" in before
    assert "1 new items have no row in a table: no features" in before
    start = HRNNRecommender.load(out).run
    assert start is not None
    value = start.epochs()["val_perplexity"][0]
    line = f"the old model on the same validation events: perplexity {value:.4g}\n"
    assert before.endswith(line)
    assert f"next: python -m tfhrnn evaluate --run {out}\n" in shown
    found = json.loads((tmp_path / "update.json").read_text())
    assert [row["epoch"] for row in found["epochs"]] == [0, 1]
    grown = HRNNRecommender.load(out)
    assert grown.run is not None and grown.run.description["parent"]["replay"] == 0.25
    assert grown.catalogue.num_items == 31 and grown.config.training.epochs == 1
    resumed = [str(word) for word in (*words, "--resume")]
    assert cli.main(resumed) == 0  # nothing is left to do
    assert "is not an empty folder" in fails(*words)
    line = fails("update", *given, "--out", tmp_path / "run3", "--set", "units=9")
    assert line.startswith("units: got a setting of the model")
    line = fails("update", *given, "--out", tmp_path / "run3", "--replay", 1)
    assert line == "replay: got 1.0, expected a share in [0, 1)"
    assert "got no run.json" in fails("update", *("--run", tmp_path), *given[2:], "--out", out)
    with pytest.raises(DataError, match="got no column for feedback"):
        trained.fit_more(table)
    assert not (tmp_path / "run3").exists()


def test_progress_is_told_on_standard_error_and_results_on_standard_output(
    tiny_log: EventLog, tmp_path: Path, capsys: Any, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[str] = []
    monitor = logging.Handler()
    monitor.emit = lambda record: heard.append(record.getMessage())  # type: ignore[method-assign]
    LOGGER.addHandler(monitor)
    try:
        run = str(tmp_path / "run")
        train = ["train", "--data", str(tiny_log.directory), "--preset", "hrnn", *SET]
        assert cli.main([*train, "--out", run]) == 0
        out, error = capsys.readouterr()
        assert out.splitlines()[-2].startswith(f"run: {run} (best epoch 1 of 1")
        assert "Epoch" not in out and "loss" not in out
        (line,) = error.splitlines()
        assert line.startswith("epoch 1 of 1: loss ") and ", validation perplexity " in line
        assert cli.main(["evaluate", "--run", run]) == 0
        assert cli.main(["export", "--run", run, "--out", str(tmp_path / "models")]) == 0
    finally:
        LOGGER.removeHandler(monitor)
    begun = [line for line in dict.fromkeys(heard) if line and ", 1 of" not in line]
    for name in ("counting the training events", "building the model", "writing the SavedModel"):
        assert name in begun
    assert any(line.startswith("judging 8 users, 0 of ") for line in begun)
    assert "tracing the signatures, 0 of 9" in begun  # without item features one fewer
