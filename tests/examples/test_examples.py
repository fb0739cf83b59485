"""Every example runs, says what its question asks for, and is short enough to be read."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "examples"
HOLDS: dict[str, Callable[[Any], bool]] = {
    "anonymous_sessions": lambda shown: len(set(shown)) == 5,
    "cold_items": lambda found: found["after westerns"] > found["after comedies"] + 0.5,
    "continue_training": lambda items: items["after"] > items["before"],
    "multi_task": lambda errors: errors["last error"] < 0.8 * errors["first error"],
    "own_keras_model": lambda loss: loss["last loss"] < 0.95 * loss["first loss"],
    "personalize_tables": lambda found: all(0 < value <= 1 for value in found.values()),
    "site_with_state": lambda same: same is True,
}


def test_all_examples_are_tested_and_short() -> None:
    paths = {path.stem: path for path in FOLDER.glob("*.py")}
    assert set(paths) == set(HOLDS)
    for path in paths.values():
        text = path.read_text()
        assert text.count("\n") < 60 and text.startswith('"""How do I ')


@pytest.mark.parametrize("name", sorted(HOLDS))
def test_an_example_holds(name: str) -> None:
    assert HOLDS[name](runpy.run_path(str(FOLDER / f"{name}.py"))["main"]())
