"""The option `--log`: its words, and callbacks that are open as long as the block."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tfhrnn import metric_logs
from tfhrnn.config import preset
from tfhrnn.log_option import LOG_NAMES, add_log_option, log_callbacks
from tfhrnn.run_folder import RunFolder


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_log_option(parser)
    parser.add_argument("--out")
    parser.add_argument("--resume", action="store_true")
    return parser.parse_args(words)


def test_the_names_known_before_tensorflow_is_loaded_are_those_there_are() -> None:
    assert set(LOG_NAMES) == set(metric_logs.TRACKERS)


def test_it_may_be_left_out_and_given_several_times() -> None:
    assert parsed().log == []
    assert parsed("--log", "wandb", "--log", "mlflow").log == ["wandb", "mlflow"]
    assert parsed().log is not parsed("--log", "mlflow").log  # the default is not appended to
    assert parsed().log == []


def test_another_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        parsed("--log", "neptune")
    assert left.value.code == 2
    assert "invalid choice: 'neptune'" in capsys.readouterr().err


@pytest.mark.parametrize(("words", "chief"), [((), True), (("--log", "mlflow"), False)])
def test_who_asks_for_none_and_who_is_no_chief_has_no_callbacks(
    words: tuple[str, ...], chief: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metric_logs, "logged", lambda *_, **__: pytest.fail("was opened"))
    with log_callbacks(parsed("--out", "nowhere", *words), chief=chief) as callbacks:
        assert callbacks == []


@pytest.mark.parametrize(("more", "ids"), [((), {}), (("--resume",), {"mlflow": "17"})])
def test_callbacks_are_of_the_runs_name_settings_and_ids(
    more: tuple[str, ...],
    ids: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[Any] = []

    @contextmanager
    def logged(
        names: list[str], *, run: str, settings: Any, known: dict[str, str], note: Any
    ) -> Iterator[list[str]]:
        assert known == ids
        note("wandb", "x1")
        asked.append((names, run, settings))
        yield ["a callback"]
        asked.append("closed")

    monkeypatch.setattr(metric_logs, "logged", logged)
    config = preset("hrnn", {"units": 7})
    monkeypatch.setattr(RunFolder, "config", config)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "first").mkdir()
    RunFolder("first").note_tracker("mlflow", "17")
    words = "--log", "mlflow", "--out", "first/../first", *more
    with log_callbacks(parsed(*words)) as callbacks:
        assert callbacks == ["a callback"]
        ((names, run, settings),) = asked
        assert (names, run) == (["mlflow"], "first")
        assert settings()["model"]["units"] == 7
    assert asked[-1] == "closed"
    assert RunFolder("first").tracker_ids == {"mlflow": "17", "wandb": "x1"}
