import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from serving.__main__ import main
from serving.server import bound_socket


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    started: list[subprocess.Popen[str]] = []

    def run(*flags: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "serving", "--model_name=scale", *flags]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def _line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def test_it_serves_on_a_free_port_until_it_is_told_to_stop(
    start: Callable[..., "subprocess.Popen[str]"], exports: Path
) -> None:
    process = start("--model_base_path", str(exports / "scale"), "--rest_api_port", "0")
    assert "It is not TensorFlow Serving itself." in _line(process)
    assert _line(process) == f"Waiting for a version under {exports / 'scale'} ...\n"
    place = _line(process).removeprefix("Serving scale at ").rstrip()
    assert place.startswith("http://127.0.0.1:")
    response = httpx.post(f"{place}:predict", json={"instances": [[1, 2]]})
    assert response.json() == {"predictions": [[2.0, 4.0]]}
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=30)
    assert (process.returncode, output) == (0, "Stopped.\n")


def test_with_no_version_the_port_stays_closed_and_the_process_waits(
    start: Callable[..., "subprocess.Popen[str]"], tmp_path: Path
) -> None:
    with bound_socket("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    process = start(f"--model_base_path={tmp_path}", f"--rest_api_port={port}")
    _line(process)
    assert _line(process).startswith("Waiting for a version")
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/v1/models/scale")
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=30)
    assert (process.returncode, output) == (130, "Stopped.\n")


def test_a_port_that_is_taken_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with bound_socket("127.0.0.1", 0) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        flags = ["--model_name=m", f"--model_base_path={tmp_path}", f"--rest_api_port={port}"]
        assert main(flags) == 1
    assert f"Cannot listen on 127.0.0.1:{port}: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--rest_api_port=65536", "got 65536, expected 0 to 65535"),
        ("--rest_api_port=x", "invalid _port value: 'x'"),
        ("--file_system_poll_wait_seconds=0", "got 0, expected a positive number of seconds"),
        ("--unknown=1", "unrecognized arguments: --unknown=1"),
    ],
)
def test_wrong_flags_exit_with_2(
    flag: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["--model_name=m", "--model_base_path=d", flag])
    assert raised.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("flags", [["--model_name=m"], ["--model_base_path=d"]])
def test_model_and_base_path_are_required(
    flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(flags)
    assert "the following arguments are required" in capsys.readouterr().err
