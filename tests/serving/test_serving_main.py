import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from serving.__main__ import main
from serving.server import bound_socket


@pytest.fixture
def start() -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    started: list[subprocess.Popen[str]] = []

    def run(*flags: str) -> "subprocess.Popen[str]":
        named = [] if any("config_file" in flag for flag in flags) else ["--model_name=scale"]
        command = [sys.executable, "-m", "serving", *named, *flags]
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
    line, last = output.splitlines()
    assert (process.returncode, last) == (0, "Stopped.")
    told = json.loads(line)
    assert (told["model"], told["verb"], told["status"]) == ("scale", "predict", 200)


def test_several_models_are_served_from_a_configuration_that_may_change(
    start: Callable[..., "subprocess.Popen[str]"], exports: Path, tmp_path: Path
) -> None:
    def model(name: str, more: str = "") -> str:
        platform = 'model_platform: "tensorflow"'
        return f'config {{ name: "{name}" base_path: "{exports / name}" {platform} {more} }}'

    def configure(*models: str) -> None:
        (tmp_path / "new").write_text(f"model_config_list {{ {' '.join(models)} }}")
        (tmp_path / "new").rename(tmp_path / "models.config")

    policy = "model_version_policy { specific { versions: 1 versions: 2 } }"
    labels = 'version_labels { key: "stable" value: 1 }'
    configure(model("scale", policy + labels))
    (tmp_path / "batching.config").write_text("max_batch_size { value: 8 }")
    (tmp_path / "monitoring.config").write_text('prometheus_config { enable: true path: "/m" }')
    process = start(
        f"--model_config_file={tmp_path / 'models.config'}",
        "--model_config_file_poll_wait_seconds=0.05",
        "--file_system_poll_wait_seconds=0.05",
        "--enable_batching",
        f"--batching_parameters_file={tmp_path / 'batching.config'}",
        f"--monitoring_config_file={tmp_path / 'monitoring.config'}",
        "--rest_api_port=0",
        "--log_requests=false",
    )
    for _ in range(2):
        _line(process)
    place, _, _ = _line(process).removeprefix("Serving scale at ").rstrip().rpartition("/scale")
    stable = f"{place}/scale/labels/stable"

    def answer() -> object:
        return httpx.post(f"{stable}:predict", json={"instances": [[1, 2]]}).json()

    assert answer() == {"predictions": [[1.0, 2.0]]}
    configure(model("scale", policy + labels.replace("value: 1", "value: 2")), model("kinds"))
    deadline = time.monotonic() + 30
    while answer() != {"predictions": [[2.0, 4.0]]} or httpx.get(f"{place}/kinds").is_error:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    metrics = httpx.get(place.removesuffix("/v1/models") + "/m").text
    assert ':tensorflow:serving:request_count{model_name="scale",status="OK"}' in metrics


def test_after_sigterm_it_is_not_ready_but_answers_for_a_while(
    start: Callable[..., "subprocess.Popen[str]"], exports: Path
) -> None:
    process = start(
        f"--model_base_path={exports / 'scale'}", "--rest_api_port=0", "--drain_seconds=1"
    )
    for _ in range(2):
        _line(process)
    place = _line(process).removeprefix("Serving scale at ").rstrip()
    ready = place.replace("/v1/models/scale", "/readyz")
    assert httpx.get(ready).status_code == 200
    process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + 30
    while httpx.get(ready).status_code != 503:
        assert time.monotonic() < deadline
    assert httpx.post(f"{place}:predict", json={"instances": [[1, 2]]}).status_code == 200
    output, _ = process.communicate(timeout=30)
    assert (process.returncode, output.splitlines()[-1]) == (0, "Stopped.")


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


def test_a_configuration_that_cannot_be_used_is_told(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main([f"--model_config_file={tmp_path / 'absent'}"]) == 2
    assert f"{tmp_path / 'absent'}: cannot be read" in capsys.readouterr().err
