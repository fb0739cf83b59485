"""Experiments are found by their function `run`, and taken for what they say of themselves."""

from __future__ import annotations

import inspect
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tfhrnn.cli import build_parser
from tfhrnn.experiments import registry
from tfhrnn.experiments.registry import (
    experiment_names,
    hour_of,
    jobs_of,
    load_experiment,
    needs_log,
    seeds_of,
    takes,
)


@pytest.mark.parametrize("name", experiment_names())
def test_every_experiment_takes_what_all_of_them_are_given(name: str) -> None:
    parameters = inspect.signature(load_experiment(name).run).parameters
    assert list(parameters)[:2] == ["log", "out"]
    assert {"seeds", "jobs", "say", "quick"} <= set(parameters)
    for extra in list(parameters)[5:]:
        assert parameters[extra].default is not inspect.Parameter.empty, extra
    asked = build_parser().parse_args(["experiment", name])
    assert asked.name == name and asked.seeds is None


def test_names_are_those_of_the_modules_with_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = {
        "cold_start": "def run(log): ...",
        "b": "x = 1\n\n\ndef run(\n    log,\n): ...",
        "inner": "class A:\n    def run(self): ...",
        "runs": "def run_all(): ...",
    }
    for name, text in texts.items():
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.setattr(registry, "__file__", str(tmp_path / "registry.py"))
    assert experiment_names() == ["b", "cold-start"]


def test_what_an_experiment_says_of_itself() -> None:
    def run(log: Any, out: Path, *, quick: bool = False) -> None:
        """As an experiment's."""

    plain = SimpleNamespace(run=run)
    assert needs_log(plain) and jobs_of(plain, 4) == 4 and seeds_of(plain, None) == 3
    own = SimpleNamespace(run=run, NEEDS_LOG=False, MOST_JOBS=1, SEEDS=5)
    assert not needs_log(own) and jobs_of(own, 4) == 1 and seeds_of(own, None) == 5
    assert seeds_of(own, 2) == seeds_of(own, 2, quick=True) == 2
    assert seeds_of(own, None, quick=True) == 1
    assert takes(plain, "quick") and not takes(plain, "towers")
    assert hour_of(plain) is None
    for name in experiment_names():
        chosen = set(hour_of(load_experiment(name)) or ()) - {"seeds"}
        assert all(takes(load_experiment(name), choice) for choice in chosen)
    assert jobs_of(load_experiment("update"), 2) == jobs_of(load_experiment("scale"), 2) == 1
