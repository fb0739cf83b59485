import shutil
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from serving.bundle import Signature
from serving.dtypes import Array
from serving.errors import ApiError, Code
from serving.versions import ServedModel, State


class FakeBundle:
    """A bundle that knows its folder and whether it was closed."""

    metadata: dict[str, Any]

    def __init__(self, folder: Path) -> None:
        if not (folder / "saved_model.pb").exists():
            raise ApiError(Code.NOT_FOUND, f"nothing in {folder.name}")
        if (folder / "saved_model.pb").read_text() == "bug":
            raise RuntimeError("a bug")
        self.folder = folder
        self.is_closed = False

    def signature(self, key: str) -> Signature:
        raise NotImplementedError

    def run(self, signature: Signature, arrays: Mapping[str, Array]) -> dict[str, Array]:
        raise NotImplementedError

    def close(self) -> None:
        self.is_closed = True


def _add(base_path: Path, name: str, content: str | None = "model") -> None:
    (base_path / name).mkdir()
    if content is not None:
        (base_path / name / "saved_model.pb").write_text(content)


def _states(model: ServedModel) -> list[tuple[int, str]]:
    return [(status.number, status.state.value) for status in model.statuses()]


def _latest(model: ServedModel) -> int:
    with model.using(None) as (number, _):
        return number


@pytest.fixture
def model(tmp_path: Path) -> ServedModel:
    return ServedModel("m", tmp_path, FakeBundle)


def test_the_largest_number_is_served_and_other_names_are_not(
    model: ServedModel, tmp_path: Path
) -> None:
    for name in ("2", "10", "9.partial", "x11", "-12", "99999999999999999999"):
        _add(tmp_path, name)
    (tmp_path / "13").write_text("a file")
    model.poll()
    assert _states(model) == [(10, "AVAILABLE")]
    assert _latest(model) == 10


def test_a_new_version_takes_over_and_the_old_one_stays_in_the_statuses(
    model: ServedModel, tmp_path: Path
) -> None:
    _add(tmp_path, "1")
    model.poll()
    with model.using(1) as (_, old):
        pass
    _add(tmp_path, "2")
    model.poll()
    assert _states(model) == [(2, "AVAILABLE"), (1, "END")]
    assert isinstance(old, FakeBundle)
    assert old.is_closed
    with pytest.raises(ApiError, match=r"Servable not found for request: Specific\(m, 1\)"):
        model.using(1).__enter__()


def test_a_new_version_is_loaded_before_the_old_one_is_unloaded(tmp_path: Path) -> None:
    seen: list[list[tuple[int, str]]] = []

    def load(folder: Path) -> FakeBundle:
        seen.append(_states(served))
        return FakeBundle(folder)

    served = ServedModel("m", tmp_path, load)
    _add(tmp_path, "1")
    served.poll()
    _add(tmp_path, "2")
    served.poll()
    assert seen == [[(1, "LOADING")], [(2, "LOADING"), (1, "AVAILABLE")]]


def test_requests_in_flight_finish_on_the_version_they_began_with(
    model: ServedModel, tmp_path: Path
) -> None:
    _add(tmp_path, "1")
    model.poll()
    with model.using(None) as (number, bundle):
        _add(tmp_path, "2")
        polling = threading.Thread(target=model.poll)
        polling.start()
        while _states(model) != [(2, "AVAILABLE"), (1, "UNLOADING")]:
            assert polling.is_alive()
        assert _latest(model) == 2
        assert number == 1
        assert isinstance(bundle, FakeBundle)
        assert not bundle.is_closed
    polling.join()
    assert bundle.is_closed
    assert _states(model) == [(2, "AVAILABLE"), (1, "END")]


def test_a_version_that_cannot_be_loaded_leaves_the_old_one_alone(
    model: ServedModel, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _add(tmp_path, "1")
    model.poll()
    _add(tmp_path, "2", content=None)
    model.poll()
    assert _states(model) == [(2, "END"), (1, "AVAILABLE")]
    assert _latest(model) == 1
    error = model.statuses()[0].error
    assert error is not None
    assert (error.code, error.message) == (Code.NOT_FOUND, "nothing in 2")
    assert "cannot load m version 2: NOT_FOUND: nothing in 2" in caplog.text


def test_a_broken_version_is_tried_again_only_when_its_folder_changed(
    model: ServedModel, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _add(tmp_path, "1", content=None)
    model.poll()
    model.poll()
    assert caplog.text.count("cannot load") == 1
    (tmp_path / "1" / "saved_model.pb").write_text("model")
    model.poll()
    assert _states(model) == [(1, "AVAILABLE")]
    assert model.statuses()[0].error is None


def test_a_failure_nobody_foresaw_is_told_too(
    model: ServedModel, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _add(tmp_path, "1", content="bug")
    model.poll()
    error = model.statuses()[0].error
    assert error is not None
    assert (error.code, error.message) == (Code.UNKNOWN, "RuntimeError: a bug")
    assert "Traceback" in caplog.text


def test_removing_every_folder_unloads_the_model(model: ServedModel, tmp_path: Path) -> None:
    _add(tmp_path, "1")
    model.poll()
    shutil.rmtree(tmp_path / "1")
    model.poll()
    assert _states(model) == [(1, "END")]
    with pytest.raises(ApiError, match=r"Servable not found for request: Latest\(m\)"):
        _latest(model)


def test_removing_the_newest_brings_back_the_one_before(model: ServedModel, tmp_path: Path) -> None:
    for name in ("1", "2"):
        _add(tmp_path, name)
        model.poll()
    shutil.rmtree(tmp_path / "2")
    model.poll()
    assert _states(model) == [(2, "END"), (1, "AVAILABLE")]
    assert _latest(model) == 1


def test_a_base_path_that_cannot_be_listed_changes_nothing(
    model: ServedModel, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _add(tmp_path, "1")
    model.poll()
    shutil.rmtree(tmp_path)
    model.poll()
    model.poll()
    assert _latest(model) == 1
    assert caplog.text.count("cannot list the versions of m") == 1


def test_closing_unloads_everything(model: ServedModel, tmp_path: Path) -> None:
    _add(tmp_path, "1")
    model.poll()
    model.close()
    assert [status.state for status in model.statuses()] == [State.END]


def test_waiting_ends_with_the_first_available_version(model: ServedModel, tmp_path: Path) -> None:
    assert not model.await_available(0.01)
    _add(tmp_path, "1")
    threading.Timer(0.05, model.poll).start()
    assert model.await_available(10)
