"""All experiments in one folder: which are run, with what, and what stands when some fail."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tfhrnn.errors import ConfigError, DataError, RunError
from tfhrnn.experiments import everything
from tfhrnn.experiments.everything import in_order, lead, read_result, run_everything, write_page
from tfhrnn.experiments.registry import experiment_names

NAMES = ["copy", "losses", "table5"]


class Stage:
    """Three experiments that say with what they were run."""

    def __init__(self) -> None:
        self.ran: list[tuple[Any, ...]] = []
        self.opened = 0
        self.fails = ""

    def log(self) -> Any:
        self.opened += 1
        return "the log"

    def load(self, name: str) -> Any:
        def run(
            log: Any, out: Path, *, seeds: int, jobs: int, say: Any, quick: bool = False
        ) -> dict[str, Any]:
            return self.note(name, log, out, seeds, jobs, quick)

        if name == "copy":
            return SimpleNamespace(run=run, NEEDS_LOG=False, MOST_JOBS=1)
        return SimpleNamespace(run=run, SEEDS=5)

    def note(self, name: str, *given: Any) -> dict[str, Any]:
        if name == self.fails:
            raise DataError("ratings", found="nothing", expected="rows")
        self.ran.append((name, *given))
        return {"rows": [{"name": f"row of {name}", "perplexity": 12.5}], "protocol": {}}


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    found = Stage()
    monkeypatch.setattr(everything, "experiment_names", lambda: NAMES)
    monkeypatch.setattr(everything, "load_experiment", found.load)
    return found


def run(stage: Stage, out: Path, **options: Any) -> dict[str, Any]:
    common: dict[str, Any] = {"seeds": None, "jobs": 2, "say": lambda _: None, **options}
    return run_everything(out, log=stage.log, **common)


def test_all_are_run_with_what_they_take_and_leave_a_result(stage: Stage, tmp_path: Path) -> None:
    found = run(stage, tmp_path)
    assert stage.ran == [
        ("table5", "the log", tmp_path / "table5", 5, 2, False),
        ("copy", None, tmp_path / "copy", 3, 1, False),
        ("losses", "the log", tmp_path / "losses", 5, 2, False),
    ]
    assert stage.opened == 1
    assert found["done"] == ["table5", "copy", "losses"]
    assert found["missing"] == [] and found["failed"] == {}
    page = Path(found["report"]).read_text()
    for name in NAMES:
        stored = json.loads((tmp_path / f"{name}.json").read_text())
        assert stored["rows"][0]["name"] == f"row of {name}" and f"row of {name}" in page


def test_an_hour_is_of_those_that_say_what_they_do_in_it(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(name: str) -> Any:
        found = stage.load(name)
        if name == "table5":
            found.HOUR = {"seeds": 2, "quick": True}
        return found

    monkeypatch.setattr(everything, "load_experiment", load)
    found = run(stage, tmp_path, hour=True)
    assert stage.ran == [("table5", "the log", tmp_path / "table5", 2, 2, True)]
    assert found["done"] == ["table5"] and found["missing"] == ["copy", "losses"]
    stage.ran.clear()
    run(stage, tmp_path, hour=True, seeds=7)  # what is asked for goes first
    assert [ran[3] for ran in stage.ran] == [7]


def test_quick_forms_of_an_hour_are_those_of_any_time(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(name: str) -> Any:
        found = stage.load(name)
        if name == "table5":
            found.HOUR = {"seeds": 2, "models": "of the hour alone"}
        return found

    monkeypatch.setattr(everything, "load_experiment", load)
    run(stage, tmp_path, hour=True, quick=True)
    assert stage.ran == [("table5", "the log", tmp_path / "table5", 1, 2, True)]


def test_quick_forms_have_a_folder_of_their_own_and_one_seed(stage: Stage, tmp_path: Path) -> None:
    found = run(stage, tmp_path, quick=True, only=["table5", "copy"])
    assert stage.ran == [
        ("table5", "the log", tmp_path / "table5", 1, 2, True),
        ("copy", None, tmp_path / "copy", 1, 1, True),
    ]
    assert found["missing"] == ["losses"]
    results = {file.name for file in (tmp_path / "quick").iterdir()}
    assert results == {"table5.json", "copy.json", "report.html"}
    assert found["report"] == str(tmp_path / "quick" / "report.html")


def test_one_that_fails_does_not_keep_the_others_from_it(stage: Stage, tmp_path: Path) -> None:
    stage.fails = "table5"
    found = run(stage, tmp_path)
    assert list(found["failed"]) == ["table5"] and found["done"] == ["copy", "losses"]
    assert "It failed: ratings" in Path(found["report"]).read_text()
    stage.fails = ""
    assert run(stage, tmp_path)["failed"] == {}


def test_a_mistake_of_the_program_is_no_failure_to_be_listed(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(stage, "note", broken)
    with pytest.raises(ZeroDivisionError):
        run(stage, tmp_path)


def test_the_page_is_of_whatever_stands(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "losses.json").write_text('{"rows": [{"name": "gbce", "perplexity": 175.4}]}')
    (tmp_path / "other.json").write_text('{"rows": [{"name": "a stranger", "rmse": 0.9}]}')
    found = run(stage, tmp_path, report_only=True)
    assert stage.ran == [] and found["missing"] == ["table5", "copy"]
    page = Path(found["report"]).read_text()
    assert "gbce" in page and "a stranger" in page
    assert "Not here yet: table5, copy." in page


def test_no_such_experiment_is_refused(stage: Stage, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--only: got tables, expected some of table5, copy"):
        run(stage, tmp_path, only=["tables"])


@pytest.mark.parametrize("text", ["{", "[]", '{"rows": 3}'])
def test_a_file_that_is_no_result_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "copy.json"
    path.write_text(text)
    with pytest.raises(RunError, match=r"copy\.json: got no "):
        read_result(path)
    assert read_result(tmp_path / "none.json") is None


def test_leads_are_the_docstrings_first_lines() -> None:
    assert lead("losses").startswith("Every training loss on ml-100k under the preset best: ")
    assert all(lead(name) and "`" not in lead(name) for name in experiment_names())


def test_tables_come_first() -> None:
    assert in_order(["update", "table3", "copy", "table1"]) == [
        "table1",
        "table3",
        "copy",
        "update",
    ]


def test_a_page_of_real_names_says_what_makes_each(tmp_path: Path) -> None:
    names: Callable[[], list[str]] = experiment_names
    page = write_page(tmp_path / "r.html", tmp_path, names(), {}).read_text()
    for name in names():
        assert f"python -m tfhrnn experiment {name}\n" in page.replace("</pre>", "\n")
