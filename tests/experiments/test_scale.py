"""The scale experiment at a tiny size: real processes, real updates, figures that add up."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tfhrnn.config import preset
from tfhrnn.errors import ConfigError, RunError
from tfhrnn.experiments import scale
from tfhrnn.experiments.scale import QUICK, Size, scaled


def test_a_quick_run_measures_every_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A process of its own takes a few seconds to import TensorFlow: one of seven does.
    real, apart = scale.alone, []

    def alone(work: Any, path: Path, *arguments: Any) -> None:
        if path.name == "01.json":
            apart.append(path.name)
            return real(work, path, *arguments)
        return scale._measure(work, path, *arguments)

    monkeypatch.setattr(scale, "alone", alone)
    said: list[str] = []
    found = scale.run(None, tmp_path, quick=True, say=said.append)
    rows = {row["name"]: row for row in found["rows"]}
    assert apart == ["01.json"] and len(said) == len(rows) == 7
    assert rows["prepare, 500 items"]["items"] == 500
    assert rows["prepare, 100 items"]["items"] <= 100
    assert rows["prepare, 100 items"]["events"] == 2_000
    for count in (100, 500):
        for loss in scale.LOSSES:
            row = rows[f"hrnn, {loss}, {count} items"]
            product = row["seconds_per_update"] * row["updates_per_epoch"]
            assert row["seconds_per_epoch"] == pytest.approx(product)
            assert row["first_update_seconds"] > row["seconds_per_update"] > 0
            # About 43 training users' 1,400 steps in 32 lanes of 32 steps: a longest lane of 2.
            assert 1 < row["updates_per_epoch"] < 12
    # 400 items more, 128 units and a bias each.
    fewer, more = (rows[f"hrnn, full_softmax, {count} items"] for count in (100, 500))
    unused = 100 - rows["prepare, 100 items"]["items"]
    assert more["parameters"] - fewer["parameters"] == (400 + unused) * 129
    assert found["protocol"] == QUICK._asdict()

    monkeypatch.setattr(scale, "alone", None)  # all stands: nothing is done again
    assert scale.run(None, tmp_path, quick=True, say=lambda _: None)["rows"] == found["rows"]
    record = tmp_path / "2000" / "03.json"
    stored = json.loads(record.read_text())
    record.write_text(json.dumps({**stored, "size": {**stored["size"], "users": 61}}))
    with pytest.raises(RunError, match="another size"):
        scale.run(None, tmp_path, quick=True)


def test_the_size_is_the_papers_and_shrinks_by_users() -> None:
    assert Size()[:4] == (138_493, 26_744, 131_263, 20_000_000)
    small = scaled(Size(), 1_000_000)
    assert small.users == 6_925 and small.items == 26_744  # 138,493 / 20
    assert scaled(Size(), 12)[:4] == (10, 26_744, 131_263, 12)


def test_losses_are_those_of_the_preset_as_it_stands() -> None:
    for loss in scale.LOSSES:
        config = scale.config_of(loss)
        assert config == preset("hrnn", {"loss": loss})
        assert config.training.loss_options == ""


def test_several_jobs_and_no_events_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="got 2 jobs, expected 1"):
        scale.run(None, tmp_path, jobs=2)
    with pytest.raises(ConfigError, match="events: got 3, expected 10 or more"):
        scale.run(None, tmp_path, events=3)


def end(_: Size) -> dict[str, Any]:
    """Work that is ended as the kernel ends what takes too much memory."""
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


def test_a_process_that_is_ended_is_told(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"r\.json: its process was ended"):
        scale.alone(end, tmp_path / "r.json", QUICK)
    assert list(tmp_path.iterdir()) == []
