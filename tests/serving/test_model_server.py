"""A real `tensorflow_model_server`, where there is one, answers an export as our server does.

It is named by TFHRNN_MODEL_SERVER or found on PATH.
"""

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import serving
from benchmarks.served_process import NAME
from benchmarks.serving import predict_requests
from tfhrnn.recommender import HRNNRecommender

_SERVER = os.environ.get("TFHRNN_MODEL_SERVER") or shutil.which("tensorflow_model_server")

pytestmark = pytest.mark.skipif(not _SERVER, reason="no tensorflow_model_server on this machine")


@pytest.fixture(scope="module")
def base_path(trained: HRNNRecommender, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("compared") / NAME
    trained.export(path)
    return path


@pytest.fixture(scope="module")
def theirs(base_path: Path) -> Iterator[str]:
    """The real server's address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(_SERVER), "--port=0", f"--rest_api_port={port}", f"--model_name={NAME}"]
    process = subprocess.Popen([*command, f"--model_base_path={base_path}"])
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 120
    try:
        while True:
            assert process.poll() is None, "the server ended"
            assert time.monotonic() < deadline, "the server did not answer"
            try:
                if httpx.get(f"{url}/v1/models/{NAME}").status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture(scope="module")
def ours(base_path: Path) -> Iterator[str]:
    with serving.running(NAME, base_path) as url:
        yield url


def _bodies(base_path: Path) -> list[bytes]:
    whole = [request.partition(b"\r\n\r\n")[2] for request in predict_requests(base_path)[:20]]
    (columns,) = [json.loads(body)["inputs"] for body in whole[:1]]
    row = {name: value[0] for name, value in columns.items()}
    return [
        *whole,
        json.dumps({"instances": [row, row]}).encode(),
        json.dumps({"instances": [{**row, "nothing": 1}]}).encode(),
        json.dumps({"inputs": {**columns, "k": ["five"]}}).encode(),
        json.dumps({"inputs": {**columns, "times": [[1]]}}).encode(),
        json.dumps({"inputs": columns, "signature_name": "nothing"}).encode(),
        b"{}",
        b"{",
        b"",
    ]


def test_answers_are_the_same(base_path: Path, theirs: str, ours: str) -> None:
    for body in _bodies(base_path):
        path = f"/v1/models/{NAME}:predict"
        expected = httpx.post(theirs + path, content=body, timeout=60)
        given = httpx.post(ours + path, content=body, timeout=60)
        assert given.status_code == expected.status_code, (body, given.text, expected.text)
        _assert_same(given.json(), expected.json())


@pytest.mark.parametrize("path", ["", "/metadata", "/versions/1", "/versions/9", "/labels/x"])
def test_what_is_told_of_the_model_is_the_same(theirs: str, ours: str, path: str) -> None:
    expected = httpx.get(f"{theirs}/v1/models/{NAME}{path}")
    given = httpx.get(f"{ours}/v1/models/{NAME}{path}")
    assert given.status_code == expected.status_code
    assert given.json() == expected.json()


def _assert_same(given: Any, expected: Any) -> None:
    """Equal but for the last digits of numbers."""
    if isinstance(expected, dict):
        assert given.keys() == expected.keys()
        for key, value in expected.items():
            _assert_same(given[key], value)
    elif isinstance(expected, list):
        assert len(given) == len(expected)
        for one, other in zip(given, expected, strict=True):
            _assert_same(one, other)
    elif isinstance(expected, float):
        assert given == pytest.approx(expected, rel=1e-4, abs=1e-5, nan_ok=True)
    else:
        assert given == expected
