"""A baseline's result: its settings, what is read back, and what is refused."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfhrnn.baselines.autorec import AutoRec
from tfhrnn.baselines.next_item_fm import NextItemFM
from tfhrnn.baselines.rolling_average import RollingAverage
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.split import Part, split_users
from tfhrnn.errors import ProtocolError, RunError
from tfhrnn.evaluation.metrics import rmse
from tfhrnn.experiments.fitted import baseline_task, chosen, rated, settings_of
from tfhrnn.experiments.results import gather


def test_settings_are_what_the_constructor_was_given() -> None:
    assert settings_of(RollingAverage()) == {"model": "RollingAverage"}
    found = settings_of(AutoRec("user", hidden=(7,), seed=3))
    assert (found["model"], found["orientation"], found["hidden"]) == ("AutoRec", "user", [7])
    assert found["seed"] == 3 and found == json.loads(json.dumps(found))


def result(log: EventLog, path: Path, make: Any = RollingAverage, judge: Any = rated) -> Any:
    return gather({0: baseline_task(log, path, make, judge)}, jobs=1, say=lambda *_: None)[0]


def test_a_result_is_that_of_training_users_on_test_users(
    tiny_log: EventLog, tmp_path: Path
) -> None:
    found = result(tiny_log, tmp_path / "a.json")
    train, validation, test = (
        np.flatnonzero(split_users(tiny_log.num_users, 0) == part)
        for part in (Part.TRAIN, Part.VALIDATION, Part.TEST)
    )
    rows = RollingAverage().fit(tiny_log, train, validation).predict(tiny_log, test)
    assert found["rmse"] == rmse(rows["prediction"].to_numpy(), rows["feedback"].to_numpy())
    assert found["protocol"]["test_users"] == len(test) and found["seconds"] > 0


def test_what_is_done_is_read_back_and_other_settings_are_refused(
    tiny_log: EventLog, tmp_path: Path
) -> None:
    path = tmp_path / "a.json"
    first = result(tiny_log, path)
    assert result(tiny_log, path) == first  # seconds too: it was not fitted again
    with pytest.raises(RunError, match=r"a\.json: got a result of other settings"):
        result(tiny_log, path, AutoRec)
    protocol = {k: v for k, v in first["protocol"].items() if k != "hash"}
    path.write_text(json.dumps({**first, "protocol": {**protocol, "fingerprint": "f00"}}))
    with pytest.raises(ProtocolError, match="differ in fingerprint"):
        result(tiny_log, path)


def test_models_of_items_are_judged_with_and_without_first_targets(
    tiny_log: EventLog, tmp_path: Path
) -> None:
    make = partial(NextItemFM, rank=2, epochs=1)
    found = result(tiny_log, tmp_path / "a.json", make, chosen)
    train, validation, test = (
        np.flatnonzero(split_users(tiny_log.num_users, 0) == part) for part in Part
    )
    judged = make().fit(tiny_log, train, validation).judge(tiny_log, test)
    log_p, position = judged["log_p"].to_numpy(), judged["position"].to_numpy()
    assert found["perplexity"] == pytest.approx(np.exp(-log_p.mean()))
    assert found["perplexity_after_first"] == pytest.approx(np.exp(-log_p[position > 0].mean()))
