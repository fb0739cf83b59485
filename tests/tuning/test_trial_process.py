"""A process for trials: it works, is replaced, and may die."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tfhrnn.config import Config
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.split_rule import SplitRule
from tuning.trial import Task, train_trial
from tuning.trial_process import TrialProcess

ROOT = Path(__file__).parents[2]


def task_of(log: EventLog, config: Config, folder: Path, epochs: int = 1) -> Task:
    split = SplitRule().to_dict()
    return Task(str(folder), str(log.directory), config.to_json(), epochs, split)


def test_trials_train_there_as_here_and_a_killed_process_is_one_failed_trial(
    tiny_log: EventLog, tiny_base: Config, tmp_path: Path
) -> None:
    here = train_trial(task_of(tiny_log, tiny_base, tmp_path / "here"))
    with TrialProcess(trials_each=2) as run:
        epochs: list[tuple[int, float]] = []

        def told(epoch: int, logs: dict[str, float]) -> None:
            epochs.append((epoch, logs["val_perplexity"]))

        there = run(task_of(tiny_log, tiny_base, tmp_path / "there"), told)
        assert {**there, "seconds": 0} == {**here, "seconds": 0}
        assert epochs == [(1, there["val_perplexity"])]
        first = run.pid

        def kill(epoch: int, logs: dict[str, float]) -> None:
            assert run.pid == first  # not replaced yet
            os.kill(first or 0, signal.SIGKILL)  # what the kernel does where memory runs out

        lost = run(task_of(tiny_log, tiny_base, tmp_path / "lost", epochs=2), kill)
        assert lost == {"failed": "its process ended by SIGKILL, as it does where memory runs out"}
        again = run(task_of(tiny_log, tiny_base, tmp_path / "again"))
        assert again["val_perplexity"] == here["val_perplexity"]
        assert run.pid != first
    assert run.pid is None


class FakeChild:
    """A child without TensorFlow: its own number as the record's score."""

    CODE = (
        "import json, os, sys\n"
        "for line in sys.stdin:\n"
        "    print(json.dumps({'record': {'pid': os.getpid()}}), flush=True)\n"
    )

    @classmethod
    def start(cls) -> Any:
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        return subprocess.Popen([sys.executable, "-c", cls.CODE], **pipes)


def test_the_process_is_replaced_after_a_few_trials(
    monkeypatch: pytest.MonkeyPatch, tiny_log: EventLog, tiny_base: Config, tmp_path: Path
) -> None:
    monkeypatch.setattr("tuning.trial_process._start", FakeChild.start)
    task = task_of(tiny_log, tiny_base, tmp_path)
    with TrialProcess(trials_each=3) as run:
        pids = [run(task)["pid"] for _ in range(7)]
    assert pids[0] == pids[1] == pids[2] != pids[3] == pids[5] != pids[6]
    assert all(not Path(f"/proc/{pid}").exists() for pid in pids)


def test_ctrl_c_ends_the_process_at_once(
    monkeypatch: pytest.MonkeyPatch, tiny_log: EventLog, tiny_base: Config, tmp_path: Path
) -> None:
    code = "import json, time; print(json.dumps({'epoch': 1, 'logs': {}}), flush=True)\n"
    monkeypatch.setattr(FakeChild, "CODE", code + "time.sleep(600)")
    monkeypatch.setattr("tuning.trial_process._start", FakeChild.start)

    def interrupt(epoch: int, logs: dict[str, float]) -> None:
        raise KeyboardInterrupt

    with TrialProcess() as run, pytest.raises(KeyboardInterrupt):
        run(task_of(tiny_log, tiny_base, tmp_path), interrupt)
    assert run.pid is None


def test_a_child_whose_parent_is_gone_ends() -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "tuning.trial_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        cwd=ROOT,
    )
    assert child.stdin is not None
    child.stdin.close()
    assert child.wait(timeout=120) == 0


def test_a_script_without_a_main_guard_is_not_run_twice(
    tiny_log: EventLog, tiny_base: Config, tmp_path: Path
) -> None:
    task = task_of(tiny_log, tiny_base, tmp_path / "run").to_json()
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        "from tuning.trial import Task\n"
        "from tuning.trial_process import TrialProcess\n"
        "with TrialProcess() as run:\n"
        f"    print(run(Task.from_json({task!r}))['epochs'])\n",
        encoding="utf-8",
    )
    began = time.time()
    found = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert json.loads(found.stdout) == 1
    assert (tmp_path / "run" / "metrics.csv").stat().st_mtime >= began - 1
