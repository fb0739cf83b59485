"""Modules that take long begin first, and each stays whole."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

HERE = Path(__file__).parent


@pytest.fixture
def conftest(pytestconfig: pytest.Config) -> Any:
    own = str(HERE / "conftest.py")
    plugins = pytestconfig.pluginmanager.get_plugins()
    return next(one for one in plugins if getattr(one, "__file__", None) == own)


def test_the_modules_that_take_long_are_there_and_named_once(conftest: Any) -> None:
    assert [name for name in conftest.LONG if not (HERE.parent / name).is_file()] == []
    assert len(set(conftest.LONG)) == len(conftest.LONG)


def test_they_come_first_and_all_others_keep_their_order(conftest: Any) -> None:
    second, first = conftest.LONG[1], conftest.LONG[0]
    others = ["tests/data/test_split.py", "tests/test_cells.py", "tfhrnn/errors.py"]
    modules = [others[0], second, others[1], first, others[2]]
    names = [f"{module}::{test}" for module in modules for test in ("b", "a[x::y]")]
    items = [SimpleNamespace(nodeid=name) for name in names]
    conftest.pytest_collection_modifyitems(items)
    found = [item.nodeid for item in items]
    assert [key for key, _ in groupby(found, lambda name: name.split("::")[0])] == [
        *(first, second, *others)
    ]
    assert sorted(found) == sorted(names)
    assert [name.split("::", 1)[1] for name in found[:2]] == ["b", "a[x::y]"]


def test_make_keeps_that_order() -> None:
    commands = [
        line for line in (HERE.parent / "Makefile").read_text().splitlines() if "-n 2" in line
    ]
    assert len(commands) == 2
    assert all("--dist loadfile --no-loadscope-reorder" in line for line in commands)
