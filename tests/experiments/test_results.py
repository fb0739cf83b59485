"""Results of an experiment: what stands is read, what does not is worked out."""

from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tfhrnn.experiments.results import Task, gather, write_record


def square(number: int, path: Path) -> None:
    """Work that other processes can find by name."""
    if number < 0:
        raise ValueError(f"got {number}")
    write_record(path, {"square": number**2, "process": os.getpid()})


def read(number: int, path: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(path.read_text())
    if record["square"] != number**2:
        raise RuntimeError(f"{path.name} is of another number")
    return record


def tasks(out: Path, *numbers: int) -> dict[int, Task]:
    paths = {number: out / f"{number}.json" for number in numbers}
    return {n: Task(path, partial(read, n), square, (n, path)) for n, path in paths.items()}


def test_what_stands_is_read_and_told_first_and_the_rest_worked_out_in_order(
    tmp_path: Path,
) -> None:
    write_record(tmp_path / "3.json", {"square": 9})
    told: list[tuple[int, int]] = []
    found = gather(
        tasks(tmp_path, 1, 2, 3),
        jobs=1,
        say=lambda name, record: told.append((name, record["square"])),
    )
    assert told == [(3, 9), (1, 1), (2, 4)]
    assert {name: record["square"] for name, record in found.items()} == {1: 1, 2: 4, 3: 9}
    assert found[1]["process"] == os.getpid()


def test_what_cannot_be_used_is_found_before_work(tmp_path: Path) -> None:
    write_record(tmp_path / "2.json", {"square": 5})
    with pytest.raises(RuntimeError, match=r"2\.json is of another number"):
        gather(tasks(tmp_path, 1, 2), jobs=1, say=lambda name, record: None)
    assert not (tmp_path / "1.json").exists()


def test_what_was_done_before_a_failure_stays(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="got -1"):
        gather(tasks(tmp_path, 2, -1, 3), jobs=1, say=lambda name, record: None)
    assert [path.name for path in tmp_path.iterdir()] == ["2.json"]


def test_side_by_side_is_in_other_processes(tmp_path: Path) -> None:
    told: list[int] = []
    found = gather(tasks(tmp_path, 2, 3), jobs=2, say=lambda name, record: told.append(name))
    assert {name: record["square"] for name, record in found.items()} == {2: 4, 3: 9}
    assert all(record["process"] != os.getpid() for record in found.values())
    assert sorted(told) == [2, 3]
