"""What commands share: how options are read, where JSON goes, and what tables show."""

from __future__ import annotations

import importlib
import json
from argparse import Namespace
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from tfhrnn import commands
from tfhrnn.cli import build_parser
from tfhrnn.config import preset
from tfhrnn.errors import ConfigError, RunError
from tfhrnn.experiments import ablation as ladder
from tfhrnn.experiments import copy as memory
from tfhrnn.experiments import everything, table1


def console() -> tuple[Console, StringIO]:
    screen = StringIO()
    return Console(file=screen, width=120, markup=False), screen


def test_settings_come_from_set_and_seed_and_the_last_one_wins() -> None:
    changes = ["--set", "units=8", "--set", "units=16", "--set", "seed=3"]
    words = ["train", "--data", "d", "--out", "o", *changes]
    assert commands.training_settings(build_parser().parse_args(words)) == {
        "units": "16",
        "seed": "3",
    }
    with_seed = commands.training_settings(build_parser().parse_args([*words, "--seed", "0"]))
    assert with_seed["seed"] == 0  # 0 is a seed, not the lack of one
    config = preset("hrnn", with_seed)
    assert (config.model.units, config.training.seed) == (16, 0)


def test_json_is_written_whole_and_folders_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {"title": "Ärger, [red]", "items": [1, 2.5, None]}
    monkeypatch.setattr(commands, "_export", lambda arguments, console: found)
    target = tmp_path / "new" / "deep" / "out.json"
    commands.run(Namespace(command="export", json=str(target)))
    text = target.read_text(encoding="utf-8")
    assert json.loads(text) == found and "Ärger" in text and text.endswith("}\n")
    assert [path.name for path in target.parent.iterdir()] == ["out.json"]


def test_an_older_json_stays_where_a_command_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RunError("no run here")

    monkeypatch.setattr(commands, "_export", fail)
    target = tmp_path / "out.json"
    target.write_text("older")
    with pytest.raises(RunError, match="no run here"):
        commands.run(Namespace(command="export", json=str(target)))
    assert target.read_text() == "older" and list(tmp_path.iterdir()) == [target]


def test_a_json_path_that_is_a_folder_is_refused_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(*_: Any) -> None:
        pytest.fail("worked in vain")

    monkeypatch.setattr(commands, "_train", work)
    with pytest.raises(ConfigError, match=f"--json: got the folder {tmp_path}, expected a file"):
        commands.run(Namespace(command="train", json=str(tmp_path)))


def test_a_dash_in_a_commands_name_is_an_underscore_in_its_functions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(
        commands, "_propose_thresholds", lambda arguments, console: asked.append(arguments.command)
    )
    commands.run(Namespace(command="propose-thresholds", json=None))
    assert asked == ["propose-thresholds"]


@pytest.mark.parametrize("text", ["In [red] Paradise", "[/b]", "Alien :smile:", ":e-mail:"])
def test_what_a_command_prints_is_not_read_as_markup(
    text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def show(arguments: Namespace, console: Console) -> None:
        console.print(text)

    monkeypatch.setattr(commands, "_export", show)
    commands.run(Namespace(command="export", json=None))
    assert capsys.readouterr().out == text + "\n"


def test_an_experiment_shows_its_rows_and_leaves_out_what_was_not_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}

    def run(log: Any, out: Path, *, seeds: int, jobs: int, say: Any) -> dict[str, Any]:
        asked.update(out=out, seeds=seeds, jobs=jobs)
        say("seed 0, [RNN]: 250.0")
        many = {"ndcg_at_10": 0.0312, "epochs": 13.6, "seconds_per_epoch": 1.25}
        return {
            "rows": [
                {"name": "popularity", "perplexity": 804.13, "seeds": 1},
                {"name": "[RNN]", "perplexity": 250.04, "standard_error": 1.26, **many},
                {"name": "one", "perplexity": 240.06, **many},
            ],
            "protocol": {"hash": "0123abcd", "dataset": "ml-100k"},
        }

    class Tables:
        def write(self, out: Path) -> Any:
            asked["data"] = out
            return SimpleNamespace(name="ml-100k")

    monkeypatch.setattr(ladder, "run", run)
    monkeypatch.setattr(commands, "start_tensorflow", lambda: None)
    monkeypatch.setattr(commands, "load_movielens", lambda *_, **__: Tables())
    words = ["experiment", "ablation", "--seeds", "2", "--jobs", "3", "--out", str(tmp_path)]
    screen, said = console()
    found = commands._experiment(build_parser().parse_args(words), screen)
    assert json.loads((tmp_path / "ablation.json").read_text()) == found
    place = {"out": tmp_path / "ablation", "data": tmp_path / "data"}
    assert asked == {**place, "seeds": 2, "jobs": 3}
    assert [row["name"] for row in found["rows"]] == ["popularity", "[RNN]", "one"]
    text = said.getvalue()
    assert "seed 0, [RNN]: 250.0\n" in text
    assert "ml-100k: ablation, 2 seeds, protocol 0123abcd" in text
    lines = {
        line.replace("│", " ").split()[0]: line.replace("│", " ").split()
        for line in text.splitlines()
        if "│" in line
    }
    assert lines["popularity"] == ["popularity", "804.1"]
    assert lines["[RNN]"] == ["[RNN]", "250.0", "±", "1.3", "0.0312", "14", "1.2"]
    assert lines["one"] == ["one", "240.1", "0.0312", "14", "1.2"]


@pytest.mark.parametrize(
    ("name", "dataset", "folder"),
    [("table2", "ml-100k", Path()), ("table3", "ml-1m", Path("ml-1m"))],
)
def test_other_data_have_a_folder_of_their_own(
    name: str, dataset: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    class Tables:
        def write(self, out: Path) -> Any:
            asked.append(out)
            return SimpleNamespace(name=dataset)

    def load(name: str, source: str, *, notify: Any) -> Tables:
        asked.append(name)
        return Tables()

    def run(log: Any, out: Path, *, seeds: int, jobs: int, say: Any) -> dict[str, Any]:
        asked.extend((log.name, out, seeds))
        row = {"name": "HRNN", "rmse": 0.91236, "rmse_standard_error": 0.00152, "paper": 0.846}
        return {"rows": [row], "protocol": {"hash": "0123abcd", "dataset": dataset}}

    module = importlib.import_module(f"tfhrnn.experiments.{name}")
    monkeypatch.setattr(module, "run", run)
    monkeypatch.setattr(commands, "start_tensorflow", lambda: None)
    monkeypatch.setattr(commands, "load_movielens", load)
    screen, said = console()
    words = ["experiment", name, "--dataset", dataset, "--out", str(tmp_path)]
    commands._experiment(build_parser().parse_args(words), screen)
    place, seeds = tmp_path / folder, {"table2": 3, "table3": 5}[name]
    assert asked == [dataset, place / "data", dataset, place / name, seeds]
    assert f"{dataset}: {name}, {seeds} seeds" in said.getvalue()
    assert "0.9124 ± 0.0015" in said.getvalue() and " 0.846 " in said.getvalue()


def test_an_experiment_on_simulated_data_has_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "start_tensorflow", lambda: None)
    words = ["experiment", "copy", "--dataset", "ml-1m", "--out", str(tmp_path)]
    with pytest.raises(ConfigError, match="--dataset: the experiment copy makes its own data"):
        commands._experiment(build_parser().parse_args(words), console()[0])


@pytest.mark.parametrize("option", ["--seeds", "--jobs"])
def test_an_experiment_of_no_seeds_or_jobs_is_refused(option: str) -> None:
    words = ["experiment", "ablation", option, "0"]
    with pytest.raises(ConfigError, match=f"{option}: got 0, expected 1 or more"):
        commands._experiment(build_parser().parse_args(words), console()[0])


def test_parts_of_an_experiment_are_asked_for_where_it_leaves_the_choice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}

    def run(
        log: None, out: Path, *, seeds: int, jobs: int, say: Any, towers: Any, distances: Any
    ) -> dict[str, Any]:
        asked.update(log=log, towers=towers, distances=distances)
        return {"rows": [{"name": "gru", "accuracy_10": 0.5, "updates_10": 1200}], "protocol": {}}

    monkeypatch.setattr(memory, "run", run)
    monkeypatch.setattr(commands, "start_tensorflow", lambda: None)
    words = ["experiment", "copy", "--out", str(tmp_path), "--distances", "10,100"]
    screen, said = console()
    commands._experiment(build_parser().parse_args([*words, "--towers", "gru,tcn"]), screen)
    assert asked == {"log": None, "towers": ["gru", "tcn"], "distances": [10, 100]}
    assert "copy, 3 seeds" in said.getvalue() and "1,200" in said.getvalue()
    with pytest.raises(ConfigError, match="--distances: got '10,x', expected numbers"):
        commands._experiment(build_parser().parse_args([*words[:-1], "10,x"]), screen)
    with pytest.raises(ConfigError, match="--towers: the experiment ablation has no such choice"):
        words = ["experiment", "ablation", "--towers", "gru"]
        commands._experiment(build_parser().parse_args(words), screen)


def test_a_quick_form_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def run(log: Any, out: Path, *, quick: bool = False, **others: Any) -> dict[str, Any]:
        asked.update(log=log, out=out, quick=quick)
        return {"rows": [{"name": "RNN", "perplexity": 2.1, "paper": 2.0}], "protocol": {}}

    monkeypatch.setattr(table1, "run", run)
    monkeypatch.setattr(commands, "start_tensorflow", lambda: None)
    words = ["experiment", "table1", "--out", str(tmp_path)]
    for quick in (False, True):
        parsed = build_parser().parse_args([*words, "--quick"] if quick else words)
        commands._experiment(parsed, console()[0])
        assert asked == {"log": None, "out": tmp_path / "table1", "quick": quick}


def test_all_runs_what_is_asked_for_and_ends_with_what_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}

    def run_everything(out: Path, **options: Any) -> dict[str, Any]:
        asked.update(out=out, **options)
        return {"report": str(out / "report.html"), "failed": asked.get("fails", {})}

    monkeypatch.setattr(everything, "run_everything", run_everything)
    monkeypatch.setattr(commands, "start_tensorflow", lambda: None)
    words = ["experiment", "all", "--quick", "--only", "copy,table5", "--out", str(tmp_path)]
    screen, said = console()
    found = commands._experiment(build_parser().parse_args(words), screen)
    assert found["report"] in said.getvalue()
    assert asked["only"] == ["copy", "table5"] and asked["quick"] and asked["seeds"] is None
    asked["fails"] = {"copy": "no disk", "table5": "no data"}
    with pytest.raises(RunError, match="failed: copy, table5"):
        commands._experiment(build_parser().parse_args([*words, "--report-only"]), screen)
    assert asked["report_only"]
    for refused in (["all", "--events", "9"], ["copy", "--only", "x"], ["copy", "--hour"]):
        with pytest.raises(ConfigError, match=f"{refused[1]}: the experiment {refused[0]} has no"):
            commands._experiment(build_parser().parse_args(["experiment", *refused]), screen)
