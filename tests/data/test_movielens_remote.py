"""Fetching MovieLens: a copy is checked before it counts, and every failure says why."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfhrnn.data import movielens_remote
from tfhrnn.data.movielens import NOTICE, load_movielens
from tfhrnn.data.movielens_remote import fetch_wheel_copy, load_tfds, stored_order
from tfhrnn.errors import RunError


@pytest.fixture
def pip(atomic_folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """A pip that packs the invented files into the wheel that is asked for; lists its calls."""
    calls: list[list[str]] = []

    def download(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        calls.append(command)
        wheel = Path(command[command.index("--dest") + 1]) / "recbole-1.2.1-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            for file in sorted(atomic_folder.iterdir()):
                archive.write(file, f"recbole/dataset_example/ml-100k/{file.name}")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", download)
    return calls


@pytest.fixture
def trusted(pip: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Makes the invented wheel's SHA-256 the one that is expected."""
    (tmp_path / "probe").mkdir()
    subprocess.run(["pip", "--dest", str(tmp_path / "probe")])
    (wheel,) = (tmp_path / "probe").iterdir()
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    monkeypatch.setattr(movielens_remote, "_SHA256", digest)
    pip.clear()
    return [digest]


def silent(line: str) -> None:
    """Takes a notice."""


def test_wheel_is_fetched_once_and_cached(
    pip: list[list[str]],
    trusted: list[str],
    atomic_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TFHRNN_CACHE", str(tmp_path / "cache"))
    said: list[str] = []
    load_movielens(source="wheel", notify=said.append)
    folder = tmp_path / "cache" / "ml-100k"
    assert said == [
        f"Fetching ml-100k out of the package recbole==1.2.1 (2 MB) into {folder}",
        NOTICE,
    ]
    for file in atomic_folder.iterdir():
        assert (folder / file.name).read_bytes() == file.read_bytes()
    said.clear()
    load_movielens(notify=said.append)
    assert len(pip) == 1 and not said


def test_pip_is_asked_for_one_wheel_and_nothing_is_installed(
    pip: list[list[str]], trusted: list[str], tmp_path: Path
) -> None:
    fetch_wheel_copy(tmp_path / "copy", silent, "")
    (command,) = pip
    assert command[:5] == [sys.executable, "-m", "pip", "download", "recbole==1.2.1"]
    assert {"--no-deps", "--no-input"} <= set(command) and "install" not in command
    assert command[command.index("--only-binary") + 1] == ":all:"  # no code of its setup is run
    assert not Path(command[command.index("--dest") + 1]).exists()  # the wheel itself is not kept


def test_another_wheel_is_refused_and_nothing_kept(pip: list[list[str]], tmp_path: Path) -> None:
    said: list[str] = []
    with pytest.raises(RunError) as caught:
        fetch_wheel_copy(tmp_path / "cache" / "copy", said.append, NOTICE)
    message = str(caught.value)
    assert message.startswith("recbole==1.2.1: got a file with SHA-256 ")
    assert message.endswith(f", expected {movielens_remote._SHA256}")
    assert not (tmp_path / "cache").exists() and NOTICE not in said


@pytest.mark.parametrize("missing", ["ml-100k.inter", "ml-100k.item", "ml-100k.user"])
def test_part_of_a_copy_is_not_trusted(
    missing: str, pip: list[list[str]], trusted: list[str], atomic_folder: Path, tmp_path: Path
) -> None:
    folder = fetch_wheel_copy(tmp_path / "copy", silent, "")
    for file in folder.iterdir():
        file.write_text("of an older day")
    (folder / missing).unlink()
    fetch_wheel_copy(folder, silent, "")
    assert len(pip) == 2
    for file in atomic_folder.iterdir():
        assert (folder / file.name).read_bytes() == file.read_bytes()


def ends_with(code: int, stderr: str) -> Callable[..., Any]:
    def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, code, "", stderr)

    return run


def raises(error: Exception) -> Callable[..., Any]:
    def run(command: list[str], **options: Any) -> None:
        raise error

    return run


@pytest.mark.parametrize(
    ("run", "reason"),
    [
        (ends_with(1, "hint\nERROR: no route to host\n \n"), "ERROR: no route to host"),
        (ends_with(3, ""), "exit code 3"),
        (ends_with(1, "No module named pip"), "No module named pip"),
        (ends_with(0, ""), "exit code 0"),  # content, but there is no wheel
        (raises(FileNotFoundError(2, "No such file")), "[Errno 2] No such file"),
        (
            raises(subprocess.TimeoutExpired("pip", 300)),
            "Command 'pip' timed out after 300 seconds",
        ),
    ],
)
def test_pips_failure_is_told_by_its_last_words(
    run: Callable[..., Any], reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(RunError) as caught:
        fetch_wheel_copy(tmp_path / "copy", silent, "")
    assert str(caught.value) == f"recbole==1.2.1: pip could not fetch it: {reason}"
    assert list(tmp_path.iterdir()) == []


def test_pip_failure_is_told_with_what_else_to_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 1, "", "hint\nERROR: no route to host\n")

    def no_tfds(*_: Any) -> Any:
        raise RunError("TensorFlow Datasets could not fetch ml-100k: offline")

    monkeypatch.setattr(subprocess, "run", fail)
    monkeypatch.setattr("tfhrnn.data.movielens.load_tfds", no_tfds)
    with pytest.raises(RunError, match=r"no route to host; .*offline; or download it"):
        load_movielens(cache=tmp_path)


def test_without_tensorflow_datasets_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(RunError, match=r"^ml-1m: TensorFlow Datasets is not installed$"):
        load_tfds("ml-1m", None, silent, "")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("\n  no network\n  many more lines"), "no network"),
        (OSError(), "OSError()"),
        (KeyError("x"), "'x'"),
    ],
)
def test_its_failure_is_told_in_one_line(
    error: Exception, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str | None]] = []

    def builder(name: str, data_dir: str | None) -> Any:
        asked.append((name, data_dir))
        raise error

    monkeypatch.setitem(sys.modules, "tensorflow_datasets", SimpleNamespace(builder=builder))
    with pytest.raises(RunError) as caught:
        load_tfds("ml-latest-small", Path("here"), silent, "")
    assert str(caught.value) == f"TensorFlow Datasets could not fetch ml-latest-small: {reason}"
    assert asked == [("movielens/latest-small-movies", "here")]


def test_file_order_comes_back_over_several_shards(
    folder_100k: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tfds = pytest.importorskip("tensorflow_datasets")
    pytest.importorskip("importlib_resources")
    rows = [(str(n % 3 + 1), str(n % 2 + 1), "3", str(1000 + n * 7 % 500)) for n in range(500)]
    users = "".join(f"{n}|20|F|writer|0\n" for n in (1, 2, 3))
    (folder_100k / "u.data").write_text("".join("\t".join(row) + "\n" for row in rows))
    (folder_100k / "u.user").write_text(users)
    manager = tfds.download.DownloadManager
    monkeypatch.setattr(manager, "download_and_extract", lambda self, url: str(tmp_path))
    builder = tfds.builder("movielens/100k-ratings", data_dir=str(tmp_path / "tfds"))
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(num_shards=4))
    assert builder.info.splits["train"].num_shards == 4
    data = load_movielens(source="tfds", tfds_dir=tmp_path / "tfds")
    assert isinstance(data.interactions, pl.DataFrame)
    assert data.interactions["timestamp"].to_list() == [int(row[3]) for row in rows]


@settings(max_examples=20)
@given(st.integers(1, 200), st.text(max_size=8))
def test_stored_order_sorts_by_the_hash_of_salt_and_row(rows: int, salt: str) -> None:
    order = stored_order(rows, salt).tolist()
    assert sorted(order) == list(range(rows))
    keys = [hashlib.md5(f"{salt}{row}".encode()).digest() for row in order]
    assert keys == sorted(keys)
