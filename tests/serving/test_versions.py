import re
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from serving.errors import ApiError, Code
from serving.model_config import ModelConfig
from serving.version_policy import every_version, latest, specific
from serving.versions import ServedModel, State
from tests.serving.fake_bundle import FakeBundle


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
    return ServedModel(ModelConfig("m", tmp_path), FakeBundle)


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

    served = ServedModel(ModelConfig("m", tmp_path), load)
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


def test_a_policy_says_which_versions_are_served(model: ServedModel, tmp_path: Path) -> None:
    for name in ("1", "2", "3"):
        _add(tmp_path, name)
    model.config = replace(model.config, policy=every_version())
    model.poll()
    assert _states(model) == [(3, "AVAILABLE"), (2, "AVAILABLE"), (1, "AVAILABLE")]
    with model.using(2) as (number, _):
        assert number == 2
    assert _latest(model) == 3
    model.config = replace(model.config, policy=latest(2))
    model.poll()
    assert _states(model) == [(3, "AVAILABLE"), (2, "AVAILABLE"), (1, "END")]
    model.config = replace(model.config, policy=specific([1, 9]))
    model.poll()
    assert _states(model) == [(3, "END"), (2, "END"), (1, "AVAILABLE")]


def test_a_policy_that_no_version_fits_unloads_all(model: ServedModel, tmp_path: Path) -> None:
    _add(tmp_path, "1")
    model.poll()
    model.config = replace(model.config, policy=specific([9]))
    model.poll()
    assert _states(model) == [(1, "END")]


def test_a_withdrawn_model_is_unloaded_even_if_its_folder_is_gone(
    model: ServedModel, tmp_path: Path
) -> None:
    _add(tmp_path, "1")
    model.poll()
    shutil.rmtree(tmp_path)
    model.config = replace(model.config, is_withdrawn=True)
    model.poll()
    assert _states(model) == [(1, "END")]


def test_a_folder_waits_until_nothing_in_it_changes_any_more(tmp_path: Path) -> None:
    model = ServedModel(ModelConfig("m", tmp_path), FakeBundle, settle_seconds=3600)
    _add(tmp_path, "1")
    model.poll()
    model.poll()
    assert _states(model) == [(1, "START")]
    shutil.rmtree(tmp_path / "1")
    model.poll()
    assert _states(model) == []


def test_labels_point_to_versions_that_are_available(
    model: ServedModel, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def labelled(label: str) -> int:
        with model.using(None, label) as (number, _):
            return number

    for name in ("1", "2"):
        _add(tmp_path, name)
    labels = {"stable": 1, "canary": 2}
    model.config = replace(model.config, policy=every_version(), labels=labels)
    model.poll()
    assert (labelled("stable"), labelled("canary")) == (1, 2)

    # The version is not there yet, so the old mapping stays.
    model.config = replace(model.config, labels={"stable": 3, "new": 3})
    model.poll()
    model.poll()
    assert labelled("stable") == 1
    assert caplog.text.count("m: labels wait for their versions to load: ['stable', 'new']") == 1
    for unknown in ("new", "canary", "Stable"):
        with pytest.raises(ApiError, match=f"Unrecognized servable version label: {unknown}"):
            labelled(unknown)
    _add(tmp_path, "3")
    model.poll()
    assert (labelled("stable"), labelled("new")) == (3, 3)
    assert "points to" not in caplog.text

    # A version that goes leaves its labels without one.
    shutil.rmtree(tmp_path / "3")
    model.poll()
    model.poll()
    for label in ("new", "stable"):
        told = f"label {label} of m points to version 3, which is not served any more"
        assert caplog.text.count(told) == 1
        with pytest.raises(ApiError, match=re.escape("Specific(m, 3)")):
            labelled(label)
    _add(tmp_path, "3")
    model.poll()
    assert labelled("stable") == 3
    caplog.clear()
    model.config = replace(model.config, is_withdrawn=True)
    model.poll()
    assert "points to" not in caplog.text  # the whole model went, as it was told to
