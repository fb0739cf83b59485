"""What a server survives: versions swapped under load, broken requests, and kills.

Each fault has a row; `failed` counts what must not happen. A version that is served is whole if the
answers to a set of questions are those of the version that was exported.
"""

from __future__ import annotations

import http.client
import json
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.load import Outcome, drive, post
from benchmarks.served_process import NAME, served

MUTATIONS = 10_000
SWAP_SECONDS = 2.0
_QUICK = ("--log_requests=false", "--file_system_poll_wait_seconds=0.2")
_STRANGE = (b"NaN", b"-Infinity", b"1e999", b"null", b"{}", b"[[[", b'"\\ud800"', b"\xff", b"\0")


def run(base_path: Path, requests: list[bytes], run_folder: Path) -> list[dict[str, Any]]:
    """A row for each fault.

    Args:
      base_path: a model with one version.
      requests: predict requests that it answers.
      run_folder: the run it was exported from, to export again.
    """
    return [
        swaps_under_load(base_path, requests),
        mutated_requests(base_path, requests[0], MUTATIONS),
        killed_under_load(base_path, requests),
        killed_exports(base_path, requests, run_folder),
    ]


def swaps_under_load(
    base_path: Path, requests: list[bytes], num_swaps: int = 10, pause: float = SWAP_SECONDS
) -> dict[str, Any]:
    """Puts a new version in place every two seconds and takes the one before away.

    Half of the versions appear by a rename, the others are copied in place file by file.
    """
    with tempfile.TemporaryDirectory() as folder:
        served_path = Path(folder) / "models"
        shutil.copytree(base_path, served_path)
        newest = [1]

        def swap() -> None:
            for number in range(2, num_swaps + 2):
                time.sleep(pause)
                place(base_path / "1", served_path / str(number), slowly=number % 2 == 0)
                newest.append(number)
                if number > 2:
                    shutil.rmtree(served_path / str(number - 2))

        with served(served_path, *_QUICK) as server:
            seconds = num_swaps * pause + 2
            outcome = drive(server.port, requests, 8, seconds, meanwhile=swap)
            loaded = await_settled(server.port)
    row = outcome.row(f"{num_swaps} versions swapped", 8)
    return {**row, "held": not outcome.failed and loaded[str(newest[-1])] == "AVAILABLE"}


def mutated_requests(base_path: Path, request: bytes, count: int) -> dict[str, Any]:
    """Sends requests with random faults; a crash, a 500 and no answer count as failed."""
    rng = random.Random(0)
    body = request.partition(b"\r\n\r\n")[2]
    broken = [post(f"/v1/models/{NAME}:predict", mutated(body, rng)) for _ in range(count)]
    with served(base_path, *_QUICK) as server:
        whole = once(server.port, broken)
        after = once(server.port, [request])
        is_alive = server.is_alive
    failed = whole.statuses[0] + sum(n for status, n in whole.statuses.items() if status >= 500)
    row = whole.row("mutated requests", 1)
    held = is_alive and not failed and after.statuses[200] == 1
    return {**row, "failed": failed, "held": held}


def mutated(body: bytes, rng: random.Random) -> bytes:
    """A body with one to four random faults."""
    for _ in range(rng.randint(1, 4)):
        at, end = sorted(rng.randrange(len(body) + 1) for _ in range(2))
        fault = rng.randrange(6)
        if fault == 0:  # cut out
            body = body[:at] + body[min(end, at + 40) :]
        elif fault == 1:  # doubled
            body = body[:end] + body[at:end] + body[end:]
        elif fault == 2:  # a byte changed
            body = body[:at] + bytes([rng.randrange(256)]) + body[at + 1 :]
        elif fault == 3:  # cut off
            body = body[: max(1, end)]
        elif fault == 4:  # something strange put in
            body = body[:at] + rng.choice(_STRANGE) + body[at:]
        else:  # a value in place of another
            values = list(re.finditer(rb'"[^"]*"|-?\d+|true|false', body))
            if values:
                value = rng.choice(values)
                body = body[: value.start()] + rng.choice(_STRANGE) + body[value.end() :]
    return body


def killed_under_load(base_path: Path, requests: list[bytes], times: int = 3) -> dict[str, Any]:
    """Kills the server in the middle of a load; the next one answers as the first did."""
    with served(base_path, *_QUICK) as server:
        expected = answers(server.port, requests)
    wrong = 0
    for _ in range(times):
        with served(base_path, *_QUICK) as server:
            killer = threading.Timer(1.0, server.kill)
            killer.start()
            drive(server.port, requests, 8, 1.5)
            killer.join()
        with served(base_path, *_QUICK) as server:
            wrong += answers(server.port, requests) != expected
    return {
        "what": f"answers after {times} kills of the server",
        "requests": times * len(expected),
        "failed": wrong,
        "held": not wrong,
    }


def killed_exports(base_path: Path, requests: list[bytes], run_folder: Path) -> dict[str, Any]:
    """Kills an export at every step it takes in the file system, while the model is served.

    The version that was there goes on answering. One that appears, be it of an export that was
    killed after that, is whole: it answers as the first one does, since it is of the same run.
    """
    wrong = step = 0
    with tempfile.TemporaryDirectory() as folder:
        served_path = Path(folder) / "models"
        shutil.copytree(base_path, served_path)
        with served(served_path, *_QUICK) as server:
            expected = answers(server.port, requests[:20])
            is_killed = True
            while is_killed:
                step += 1
                command = [sys.executable, "-m", "benchmarks.killed_export"]
                command += [str(run_folder), str(served_path), str(step)]
                is_killed = subprocess.run(command, capture_output=True).returncode != 0
                await_settled(server.port)
                wrong += answers(server.port, requests[:20]) != expected
            newest = max(int(path.name) for path in served_path.glob("[0-9]*"))
            appeared = newest > 1 and versions(server.port).get(str(newest)) == "AVAILABLE"
    return {
        "what": f"answers after {step - 1} kills of an export, one at each step",
        "requests": 20 * step,
        "failed": wrong,
        "held": not wrong and appeared and step > 1,
    }


def place(source: Path, target: Path, *, slowly: bool) -> None:
    """Puts a version in place: by a rename, or file by file with pauses."""
    if not slowly:
        hidden = target.with_name(f".{target.name}")
        shutil.copytree(source, hidden)
        hidden.rename(target)
        return
    for path in sorted(source.rglob("*")):
        copy = target / path.relative_to(source)
        if path.is_dir():
            copy.mkdir(parents=True, exist_ok=True)
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        content = path.read_bytes()
        with copy.open("wb") as file:
            for half in (content[: len(content) // 2], content[len(content) // 2 :]):
                file.write(half)
                file.flush()
                time.sleep(0.03)


def once(port: int, requests: list[bytes]) -> Outcome:
    """Sends each request once, one after another, over connections of their own."""
    outcome = Outcome()
    started = time.perf_counter()
    for request in requests:
        head, _, body = request.partition(b"\r\n\r\n")
        begin = time.perf_counter()
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            connection.request("POST", head.split()[1].decode(), body)
            response = connection.getresponse()
            outcome.bodies[response.read()] += 1
            outcome.statuses[response.status] += 1
            outcome.milliseconds.append(1000 * (time.perf_counter() - begin))
        except (OSError, http.client.HTTPException):
            outcome.statuses[0] += 1
        finally:
            connection.close()
    outcome.seconds = time.perf_counter() - started
    return outcome


def answers(port: int, requests: list[bytes]) -> Counter[bytes]:
    """The answers to requests, each asked once."""
    return once(port, requests).bodies


def await_settled(port: int, seconds: float = 60.0) -> dict[str, str]:
    """Waits until the server has looked around and no version is on its way; their states."""
    deadline = time.monotonic() + seconds
    time.sleep(1)
    while (found := versions(port)) and set(found.values()) - {"AVAILABLE", "END"}:
        if time.monotonic() > deadline:
            raise TimeoutError(f"still {found} after {seconds:g} seconds")
        time.sleep(0.1)
    return found


def versions(port: int) -> dict[str, str]:
    """The states of the model's versions, by their numbers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", f"/v1/models/{NAME}")
    told = json.loads(connection.getresponse().read())["model_version_status"]
    connection.close()
    return {one["version"]: one["state"] for one in told}
