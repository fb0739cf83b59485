"""A search by keras-tuner's chief and a worker: two processes, one folder."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from tfhrnn.data.event_log import EventLog

ROOT = Path(__file__).parents[2]


def test_a_chief_and_a_worker_search_together(tiny_log: EventLog, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [sys.executable, "-m", "tuning", "--data", str(tiny_log.directory)]
    words += ["--out", str(tmp_path / "out"), "--preset", "hrnn", "--tuner", "hyperband"]
    # Three trials of one epoch, the best of them promoted to three, and one of the next bracket.
    words += ["--max_trials", "5", "--epochs", "3", "--only", "output_dropout"]
    words += ["--fix", "units=4", "--fix", "batch_size=4", "--in-process", "--search-only"]

    def start(name: str) -> subprocess.Popen[str]:
        cluster = {"KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_ORACLE_PORT": str(port)}
        environment = {**os.environ, **cluster, "KERASTUNER_TUNER_ID": name}
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(words, env=environment, cwd=ROOT, text=True, **pipes)

    worker, chief = start("tuner0"), start("chief")
    try:
        told, error = worker.communicate(timeout=400)
        assert worker.returncode == 0, error
        shown, error = chief.communicate(timeout=100)
        assert chief.returncode == 0, error
    finally:
        worker.kill()
        chief.kill()
    assert told.count("trial ") == 5 and "this worker trained 5 trials; the chief has" in told
    found = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    assert [row["status"] for row in found["trials"]] == ["completed"] * 5
    assert f"results: {tmp_path / 'out' / 'results.html'}" in shown
    promoted = [row for row in found["trials"] if row["parent"]]
    assert promoted and all(row["epochs"] == 3 for row in promoted)
