import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from serving.errors import ApiError
from serving.model_config import ModelConfig
from serving.models import Models, following
from serving.text_proto import ConfigError
from tests.serving.fake_bundle import FakeBundle


def _models(*configs: ModelConfig) -> Models:
    return Models(configs, poll_seconds=0.02, load=FakeBundle)


@pytest.fixture
def config(tmp_path: Path) -> Callable[[str], ModelConfig]:
    def make(name: str) -> ModelConfig:
        version = tmp_path / name / "1"
        version.mkdir(parents=True)
        (version / "saved_model.pb").write_text("model")
        return ModelConfig(name, tmp_path / name)

    return make


def _soon(holds: Callable[[], bool]) -> Iterator[None]:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)
        yield


def _await(holds: Callable[[], bool]) -> None:
    for _ in _soon(holds):
        pass


def test_every_model_is_loaded_while_the_block_runs(config: Callable[[str], ModelConfig]) -> None:
    models = _models(config("a"), config("b"))
    assert not models.is_available()
    with models.watched():
        assert models.await_available(20)
        assert models.is_available()
        assert models.find("a", None, None).name == "a"
    assert not models.is_available()


def test_one_model_without_versions_holds_up_all(
    config: Callable[[str], ModelConfig], tmp_path: Path
) -> None:
    models = _models(config("a"), ModelConfig("b", tmp_path / "nothing"))
    with models.watched():
        assert not models.await_available(0.1)
    assert f"model b under {tmp_path / 'nothing'}: no version was found" in models.why_unavailable()


def test_a_model_that_is_still_being_loaded_is_said_to_be(
    config: Callable[[str], ModelConfig],
) -> None:
    goes_on = threading.Event()

    def slow(folder: Path) -> FakeBundle:
        assert goes_on.wait(20)
        return FakeBundle(folder)

    models = Models([config("a")], poll_seconds=0.02, load=slow)
    with models.watched():
        _await(lambda: models.why_unavailable().endswith("version 1: LOADING"))
        goes_on.set()
        assert models.await_available(20)


def test_unknown_models_are_refused_as_what_they_were_asked_for() -> None:
    models = _models()
    assert models.get("x") is None
    for number, label, message in (
        (None, None, r"Servable not found for request: Latest\(x\)"),
        (3, None, r"Servable not found for request: Specific\(x, 3\)"),
        (None, "new", "Unrecognized servable version label: new"),
    ):
        with pytest.raises(ApiError, match=message):
            models.find("x", number, label)


def test_models_come_and_go_while_others_are_served(config: Callable[[str], ModelConfig]) -> None:
    first, second = config("a"), config("b")
    models = _models(first)
    with models.watched():
        assert models.await_available(20)
        with models.find("a", None, None).using(None) as (_, bundle):
            models.configure([second])
            assert models.await_available(20)
            assert isinstance(bundle, FakeBundle)
            assert not bundle.is_closed  # a request is in it
        _await(lambda: bundle.is_closed)
        # Its status is still told; it does not count as missing.
        assert models.is_available()
        assert [s.state.value for s in models.find("a", None, None).statuses()] == ["END"]
        models.configure([first, second])
        _await(lambda: bool(models.is_available()))


def test_a_configuration_is_followed_and_a_broken_one_changes_nothing(
    config: Callable[[str], ModelConfig], caplog: pytest.LogCaptureFixture
) -> None:
    first, second = config("a"), config("b")
    models = _models(first)
    answers: list[list[ModelConfig]] = [[first]]
    broken = threading.Event()
    num_reads = 0

    def read() -> list[ModelConfig]:
        nonlocal num_reads
        num_reads += 1
        if broken.is_set():
            raise ConfigError("models.config: a slip of the pen")
        return answers[-1]

    with models.watched(), following(models, read, 0.01):
        assert models.await_available(20)
        broken.set()
        seen = num_reads
        _await(lambda: num_reads > seen + 3)
        assert models.is_available()
        answers.append([first, second])
        broken.clear()
        _await(lambda: models.get("b") is not None and models.is_available())
    text = "the configuration stays as it was: models.config: a slip of the pen"
    assert caplog.text.count(text) == 1


def test_a_configuration_that_is_not_followed_is_not_read_again() -> None:
    def read() -> list[ModelConfig]:
        raise AssertionError

    with following(_models(), read, 0):
        time.sleep(0.05)


def test_a_folder_that_goes_away_takes_its_model_along(
    config: Callable[[str], ModelConfig], tmp_path: Path
) -> None:
    models = _models(config("a"))
    with models.watched():
        assert models.await_available(20)
        shutil.rmtree(tmp_path / "a" / "1")
        _await(lambda: not models.is_available())
