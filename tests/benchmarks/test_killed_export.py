"""A process that kills itself before a step of the file system below a folder, and no sooner."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Five steps below the folder: mkdir, open, rename, open, remove; and some beside it.
CODE = """
import os, sys
from benchmarks.killed_export import die_at
folder, step = sys.argv[1], int(sys.argv[2])
die_at(step, folder)
os.mkdir(folder + "/a")
open(os.path.dirname(folder) + "/beside", "w").close()
open(folder + "/a/one", "w").close()
os.rename(folder + "/a/one", folder + "/a/two")
open(folder + "/a/two").close()
os.remove(folder + "/a/two")
print("whole")
"""


def run(folder: Path, step: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", CODE, str(folder), str(step)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize(
    ("step", "left"),
    [(1, []), (2, ["a"]), (3, ["a", "a/one"]), (4, ["a", "a/two"]), (5, ["a", "a/two"])],
)
def test_it_dies_before_the_step(tmp_path: Path, step: int, left: list[str]) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    done = run(folder, step)
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, "")
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*")) == left
    # What it does elsewhere is not counted.
    assert (tmp_path / "beside").exists() == (step > 1)


def test_it_lives_where_there_are_fewer_steps(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    done = run(folder, 6)
    assert (done.returncode, done.stdout) == (0, "whole\n"), done.stderr
    assert [path.name for path in folder.rglob("*")] == ["a"]
