"""A command of its own process is weighed, capped, and heard where it fails."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.command import run_command

_HOLDS = """
import mmap, sys, time
kind, size = sys.argv[1], int(sys.argv[2])
if kind == "own":
    held = b"x" * size
else:
    with open(sys.argv[0], "r+b") as file:
        file.truncate(size)
        held = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ)
        sum(held[::4096])
time.sleep(0.3)
"""


@pytest.fixture
def holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module that holds so many bytes, of its own or of a file."""
    (tmp_path / "holds.py").write_text(_HOLDS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return "holds"


def test_memory_of_its_own_is_told_from_that_of_mapped_files(holds: str) -> None:
    own = run_command([holds, "own", "200000000"])
    assert 195 < own.megabytes < 230 and own.megabytes < own.with_files
    mapped = run_command([holds, "mapped", "200000000"])
    assert mapped.megabytes < 30 and 195 < mapped.with_files < 240
    assert mapped.seconds > 0.3


def test_a_cap_is_enforced_and_a_failure_is_told(holds: str) -> None:
    assert run_command([holds, "own", "50000000"], cap=150).megabytes > 50
    with pytest.raises(RuntimeError, match=r"holds own 200000000: 1: (?s:.*)MemoryError"):
        run_command([holds, "own", "200000000"], cap=150)
    assert "holds" not in sys.modules
