"""Faults that are quick to try: swaps under load, broken requests, half copies and kills."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import tensorflow as tf

import serving
from benchmarks import serving_faults as faults
from benchmarks.load import drive, post
from benchmarks.served_process import NAME, served

_BODY = b'{"instances": [{"x": [1.5, 2.0], "name": "a"}]}'
_REQUEST = post(f"/v1/models/{NAME}:predict", _BODY)


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A version of a model with variables, of inputs `x` and `name`."""
    weights = tf.Variable(tf.ones([2, 100]))

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, 2], tf.float32, name="x"),
            tf.TensorSpec([None], tf.string, name="name"),
        ]
    )
    def answer(x: tf.Tensor, name: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": tf.matmul(x, weights)[:, 0], "name": name}

    module = tf.Module()
    module.weights, module.answer = weights, answer
    folder: Path = tmp_path_factory.mktemp("faults") / "version"
    tf.saved_model.save(module, str(folder), {"serving_default": answer})
    return folder


@pytest.fixture
def port(version: Path, tmp_path: Path) -> Iterator[int]:
    """A server of that model, whose base path is `tmp_path`."""
    faults.place(version, tmp_path / "1", slowly=False)
    with serving.running(NAME, tmp_path, poll_seconds=0.2) as url:
        yield int(url.rpartition(":")[2])


@pytest.mark.parametrize("slowly", [False, True])
def test_versions_are_put_in_place_whole(version: Path, tmp_path: Path, slowly: bool) -> None:
    faults.place(version, tmp_path / "1", slowly=slowly)
    for path in version.rglob("*"):
        if path.is_file():
            copy = tmp_path / "1" / path.relative_to(version)
            assert copy.read_bytes() == path.read_bytes()


def test_no_request_fails_while_versions_are_swapped(
    port: int, version: Path, tmp_path: Path
) -> None:
    def swap() -> None:
        for number in (2, 3, 4):
            faults.place(version, tmp_path / str(number), slowly=number == 3)
            deadline = time.monotonic() + 30
            while faults.versions(port).get(str(number)) != "AVAILABLE":
                assert time.monotonic() < deadline
                time.sleep(0.05)

    outcome = drive(port, [_REQUEST], 4, 0.5, keep_bodies=True, meanwhile=swap)
    assert outcome.failed == 0
    assert list(outcome.bodies) == [b'{"predictions":[{"name":"a","y":3.5}]}']
    assert faults.await_settled(port)["3"] == "END"


def test_a_version_cut_short_anywhere_is_never_served(
    port: int, version: Path, tmp_path: Path
) -> None:
    files = [path for path in version.rglob("*") if path.is_file() and path.stat().st_size]
    needed = [path for path in files if path.name.startswith(("saved_model", "variables"))]
    assert len(needed) == 3
    for number, path in enumerate(needed, start=2):
        folder = tmp_path / str(number)
        faults.place(version, folder.with_name(f"{number}.partial"), slowly=False)
        cut = folder.with_name(f"{number}.partial") / path.relative_to(version)
        cut.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        folder.with_name(f"{number}.partial").rename(folder)
        deadline = time.monotonic() + 30
        while faults.versions(port).get(str(number)) != "END":
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert faults.versions(port)["1"] == "AVAILABLE"
        assert faults.once(port, [_REQUEST]).statuses[200] == 1


def test_broken_requests_are_answered_and_none_is_the_servers_fault(port: int) -> None:
    rng = random.Random(0)
    path = f"/v1/models/{NAME}:predict"
    broken = [post(path, faults.mutated(_BODY, rng)) for _ in range(500)]
    outcome = faults.once(port, broken)
    assert sum(outcome.statuses.values()) == 500
    assert set(outcome.statuses) <= {200, 400}
    assert faults.once(port, [_REQUEST]).statuses[200] == 1


def test_mutations_are_the_same_for_the_same_seed() -> None:
    first, second = random.Random(3), random.Random(3)
    assert [faults.mutated(_BODY, first) for _ in range(50)] == [
        faults.mutated(_BODY, second) for _ in range(50)
    ]


_WRITES = """
import sys
from pathlib import Path
from benchmarks.killed_export import die_at
from tfhrnn.data.files import whole_folder

base, step = Path(sys.argv[1]), int(sys.argv[2])
die_at(step, str(base))
with whole_folder(base / "2") as folder:
    (folder / "saved_model.pb").write_text("model")
    (folder / "variables").mkdir()
    (folder / "variables" / "variables.index").write_text("index")
"""


def test_a_version_killed_at_any_step_of_its_writing_does_not_appear(tmp_path: Path) -> None:
    for step in range(1, 40):
        command = [sys.executable, "-c", _WRITES, str(tmp_path), str(step)]
        code = subprocess.run(command, check=False, timeout=120).returncode
        whole = {"saved_model.pb", "variables"}
        if (tmp_path / "2").exists():
            assert {path.name for path in (tmp_path / "2").iterdir()} == whole
            break
        assert code == -9
    else:
        pytest.fail("the folder never appeared")
    assert step > 5


def test_a_server_that_is_killed_leaves_nothing_behind(version: Path, tmp_path: Path) -> None:
    faults.place(version, tmp_path / "1", slowly=False)
    before = sorted(tmp_path.rglob("*"))
    with served(tmp_path, "--log_requests=false") as server:
        killer = threading.Timer(0.2, server.kill)
        killer.start()
        outcome = drive(server.port, [_REQUEST], 4, 0.4)
        killer.join()
        assert outcome.statuses[200] > 0
        assert not server.is_alive
    assert sorted(tmp_path.rglob("*")) == before
