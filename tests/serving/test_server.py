import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

import serving
from serving.server import bound_socket, url_of

_QUESTION = {"instances": [[1.0, 2.0]]}


def _predictions(response: httpx.Response) -> object:
    assert response.status_code == 200, response.text
    return response.json()["predictions"]


def test_a_client_is_answered(url: str) -> None:
    response = httpx.post(f"{url}/v1/models/scale:predict", json=_QUESTION)
    assert _predictions(response) == [[2.0, 4.0]]


def test_requests_at_the_same_time_are_each_answered_their_own(url: str) -> None:
    answers: dict[int, object] = {}

    def ask(number: int) -> None:
        question = {"instances": [[float(number), 0.0]]}
        response = httpx.post(f"{url}/v1/models/scale:predict", json=question, timeout=30)
        answers[number] = _predictions(response)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {number: [[2.0 * number, 0.0]] for number in range(16)}


def test_head_has_no_body(url: str) -> None:
    response = httpx.head(f"{url}/v1/models/scale")
    assert (response.status_code, response.content) == (400, b"")


def test_a_new_version_is_picked_up_while_a_client_keeps_asking(
    tmp_path: Path, publish: Callable[[int, Path], None]
) -> None:
    publish(1, tmp_path)
    answers: list[object] = []
    is_over = threading.Event()

    with serving.running("scale", tmp_path, poll_seconds=0.1) as url:

        def keep_asking() -> None:
            with httpx.Client(timeout=30) as client:
                while not is_over.is_set():
                    response = client.post(f"{url}/v1/models/scale:predict", json=_QUESTION)
                    answers.append(response.json())

        client = threading.Thread(target=keep_asking)
        client.start()
        publish(2, tmp_path)
        status = f"{url}/v1/models/scale"
        deadline = time.monotonic() + 30
        while httpx.get(status).json()["model_version_status"][-1]["state"] != "END":
            assert time.monotonic() < deadline
            time.sleep(0.05)
        is_over.set()
        client.join()
        last = httpx.post(f"{url}/v1/models/scale:predict", json=_QUESTION)
        gone = httpx.post(f"{url}/v1/models/scale/versions/1:predict", json=_QUESTION)

    first, second = {"predictions": [[1.0, 2.0]]}, {"predictions": [[2.0, 4.0]]}
    assert answers[0] == first
    assert last.json() == second
    assert gone.status_code == 404
    # Every answer is one of the two, and none of the old after the first of the new.
    num_old = answers.count(first)
    assert answers == [first] * num_old + [second] * (len(answers) - num_old)


def test_the_port_is_free_again_afterwards(exports: Path) -> None:
    with serving.running("scale", exports / "scale") as url:
        port = int(url.rpartition(":")[2])
        with pytest.raises(OSError, match="in use"):
            bound_socket("127.0.0.1", port).listen()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/v1/models/scale")


def test_a_block_that_fails_stops_the_server_too(exports: Path) -> None:
    with pytest.raises(KeyError), serving.running("scale", exports / "scale") as url:
        raise KeyError("the caller's own")
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)


def test_waiting_in_vain_tells_why(tmp_path: Path) -> None:
    with (
        pytest.raises(
            TimeoutError, match=r"not available .*: model m under .*: no version was found"
        ),
        serving.running("m", tmp_path, timeout_seconds=0.1, poll_seconds=0.1),
    ):
        pass
    (tmp_path / "1").mkdir()
    with (
        pytest.raises(TimeoutError, match=r"version 1: NOT_FOUND: Could not find SavedModel"),
        serving.running("m", tmp_path, timeout_seconds=0.5, poll_seconds=0.1),
    ):
        pass


def test_addresses_of_both_families_make_urls() -> None:
    with bound_socket("127.0.0.1", 0) as bound:
        assert url_of(bound) == f"http://127.0.0.1:{bound.getsockname()[1]}"
    try:
        bound = bound_socket("::1", 0)
    except OSError:
        pytest.skip("this machine has no IPv6")
    with bound:
        assert url_of(bound) == f"http://[::1]:{bound.getsockname()[1]}"


def test_importing_the_package_imports_no_tensorflow() -> None:
    script = "import sys, serving, serving.__main__; print('tensorflow' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert result.stdout == "False\n"
