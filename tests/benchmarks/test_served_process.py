"""A server in a process of its own: its port, its costs, and its end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.served_process import NAME, ServedProcess, served

LINES = ("A server.", "Waiting for a version ...", "Serving model at http://127.0.0.1:8765/v1/m")


def speak(*lines: str, then: str = "import time; time.sleep(60)") -> str:
    """Code that prints lines and goes on."""
    return f"for line in {lines!r}: print(line, flush=True)\n{then}"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Starts `code` of the test in place of a server; the list tells the commands."""
    commands: list[list[str]] = []
    start = subprocess.Popen

    def popen(command: list[str], **options: Any) -> Any:
        commands.append(command)
        return start([sys.executable, "-c", commands[0][-1].removeprefix("--code=")], **options)

    monkeypatch.setattr(subprocess, "Popen", popen)
    return commands


def test_it_is_there_when_it_says_where_and_gone_after_the_block(
    asked: list[list[str]], tmp_path: Path
) -> None:
    with served(tmp_path, f"--code={speak(*LINES)}") as process:
        assert process.port == 8765 and process.is_alive
        # A Python takes some megabytes and hundredths of a second.
        assert 1 < process.resident_megabytes() < 1000
        assert 0 <= process.cpu_seconds() < 60
    assert not process.is_alive
    command = asked[0]
    assert command[1:3] == ["-m", "serving"]
    assert command[3:6] == [
        f"--model_name={NAME}",
        f"--model_base_path={tmp_path}",
        "--rest_api_port=0",
    ]


def test_it_is_killed_where_the_block_fails(asked: list[list[str]], tmp_path: Path) -> None:
    with pytest.raises(KeyError), served(tmp_path, f"--code={speak(*LINES)}") as process:
        raise KeyError
    assert not process.is_alive


def test_a_server_that_does_not_come_up_is_an_error(asked: list[list[str]], tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="the server ended with code 3"):
        ServedProcess(tmp_path, f"--code={speak('A server.', then='raise SystemExit(3)')}")


def test_what_it_prints_later_does_not_stop_it(asked: list[list[str]], tmp_path: Path) -> None:
    """More than a pipe holds: who is not read waits for ever."""
    then = "print('x' * 1_000_000, flush=True); raise SystemExit(0)"
    process = ServedProcess(tmp_path, f"--code={speak(*LINES, then=then)}")
    assert process._process.wait(timeout=60) == 0
    process.kill()
