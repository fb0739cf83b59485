"""The tuner: what it asks of a trial, and what becomes of failures and stops."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras_tuner as kt
import pytest

from tfhrnn.config import Config
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.split_rule import SplitRule
from tfhrnn.errors import RunError
from tuning.narrowing import dimensions
from tuning.oracles import TunerName, make_oracle
from tuning.space import Space, search_space
from tuning.trial import OnEpoch, Record, Task
from tuning.tuner import FAILURES, TrialTuner, Watcher, read_record

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def space(tiny_base: Config, tiny_log: EventLog) -> Space:
    return search_space(
        tiny_base, tiny_log, only=["output_dropout"], narrowed=dimensions(["units=4,6,8"])
    )


class FakeTrials:
    """Stands in for training: the score is the number of the trial."""

    def __init__(self, ends: Callable[[int], Record | BaseException] | None = None) -> None:
        self.tasks: list[Task] = []
        self._ends = ends or (lambda n: {"val_perplexity": float(n), "epoch": 1, "epochs": 1})

    def __call__(self, task: Task, on_epoch: OnEpoch | None = None) -> Record:
        self.tasks.append(task)
        found = self._ends(len(self.tasks) - 1)
        if isinstance(found, BaseException):
            raise found
        assert on_epoch is not None
        on_epoch(1, {"val_perplexity": 5.0})
        return found

    @property
    def names(self) -> list[str]:
        return [Path(task.run).parent.name for task in self.tasks]


def make(
    folder: Path,
    log: EventLog,
    space: Space,
    run: FakeTrials,
    *,
    name: TunerName = "random",
    trials: int = 5,
    watcher: Watcher | None = None,
) -> TrialTuner:
    oracle = make_oracle(name, space, objective="val_perplexity", max_trials=trials, seed=0)
    how: dict[str, Any] = {"split": SplitRule("last"), "split_seed": 3, "watcher": watcher}
    return TrialTuner(oracle, space=space, log=log, directory=folder, run=run, **how)


def test_a_trial_is_told_its_run_its_data_and_its_configuration(
    tmp_path: Path, tiny_log: EventLog, space: Space
) -> None:
    run = FakeTrials()
    make(tmp_path, tiny_log, space, run).search(verbose=0)
    assert run.names == [f"trial_{n}" for n in range(5)]
    first, second = run.tasks[:2]
    assert Path(first.data).samefile(tiny_log.directory)
    assert Config.from_json(first.config) == space.base
    assert Config.from_json(second.config) != space.base
    assert (first.split, first.split_seed) == (SplitRule("last").to_dict(), 3)
    assert (first.epochs, first.parent, first.keep_checkpoint) == (2, "", False)
    assert Task.from_json(first.to_json()) == first


def test_hyperbands_promoted_trials_go_on_from_the_run_of_the_promoted_one(
    tmp_path: Path, tiny_log: EventLog, tiny_base: Config
) -> None:
    space = search_space(
        tiny_base.with_settings({"epochs": 3}), tiny_log, only=["output_dropout", "item_dropout"]
    )
    run = FakeTrials()
    make(tmp_path, tiny_log, space, run, name="hyperband", trials=4).search(verbose=0)
    assert [task.epochs for task in run.tasks] == [1, 1, 1, 3]
    assert all(task.keep_checkpoint for task in run.tasks)
    promoted = run.tasks[3]
    assert Path(promoted.parent) == tmp_path / "trials" / "trial_0" / "run"  # the best score, 0
    assert promoted.config == run.tasks[0].config  # one schedule for all
    assert "tuner/" not in promoted.config


def test_a_failed_trial_is_no_failed_search(
    tmp_path: Path, tiny_log: EventLog, space: Space
) -> None:
    told: list[Any] = []

    class Ears(Watcher):
        def begins(self, name: str, values: dict[str, Any], epochs: int) -> None:
            told.append((name, epochs))

        def epoch(self, name: str, epoch: int, figures: dict[str, float]) -> None:
            told.append((name, epoch, figures["val_perplexity"]))

        def ends(self, name: str, record: Record) -> None:
            told.append((name, record.get("failed")))

    reason = "epoch 1: got perplexity nan, expected a finite one"
    good = {"val_perplexity": 7.0}
    run = FakeTrials(lambda n: {"failed": reason} if n == 0 else good)
    tuner = make(tmp_path, tiny_log, space, run, trials=2, watcher=Ears())
    tuner.search(verbose=0)
    assert [trial.status for trial in tuner.oracle.trials.values()] == ["FAILED", "COMPLETED"]
    assert read_record(tuner.folder("0")) == {"failed": reason}
    assert (
        tuner.get_best_hyperparameters()[0].values
        == tuner.oracle.trials["1"].hyperparameters.values
    )
    assert told == [("0", 2), ("0", 1, 5.0), ("0", reason), ("1", 2), ("1", 1, 5.0), ("1", None)]


def test_a_trial_without_the_objectives_figure_has_failed(
    tmp_path: Path, tiny_log: EventLog, space: Space
) -> None:
    run = FakeTrials(lambda n: {"val_ndcg": 0.1})
    tuner = make(tmp_path, tiny_log, space, run, trials=1)
    tuner.search(verbose=0)
    assert read_record(tuner.folder("0")) == {"failed": "no val_perplexity was worked out"}


def test_many_failures_in_a_row_end_a_search_and_some_between_do_not(
    tmp_path: Path, tiny_log: EventLog, space: Space
) -> None:
    run = FakeTrials(lambda n: {"failed": "no memory"})
    with pytest.raises(RunError, match=f"{FAILURES} trials failed in a row, the last: no memory"):
        make(tmp_path / "a", tiny_log, space, run, trials=20).search(verbose=0)
    assert len(run.tasks) == FAILURES
    good: Record = {"val_perplexity": 1.0}
    now_and_then = FakeTrials(lambda n: good if n % 5 == 4 else {"failed": "no memory"})
    tuner = make(tmp_path / "b", tiny_log, space, now_and_then, trials=15)
    tuner.search(verbose=0)
    assert len(tuner.oracle.trials) == 15


@pytest.mark.parametrize("when", [0, 2])
def test_a_stopped_search_goes_on_where_it_was(
    when: int,
    tmp_path: Path,
    tiny_log: EventLog,
    space: Space,
    capsys: pytest.CaptureFixture[str],
) -> None:
    whole = FakeTrials()
    make(tmp_path / "whole", tiny_log, space, whole).search(verbose=0)

    def stop(n: int) -> Record | BaseException:
        return KeyboardInterrupt() if n == when else {"val_perplexity": float(n)}

    first = FakeTrials(stop)
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path / "part", tiny_log, space, first).search(verbose=0)
    again = FakeTrials()
    tuner = make(tmp_path / "part", tiny_log, space, again)
    tuner.search(verbose=0)
    assert first.names[:when] + again.names == whole.names
    told = [task.config for task in first.tasks[:when] + again.tasks]
    assert told == [task.config for task in whole.tasks]
    scores = [trial.score for trial in tuner.oracle.trials.values()]
    assert scores[:when] == [float(n) for n in range(when)] and None not in scores
    assert capsys.readouterr().out == ""  # keras-tuner's own lines are held back


def test_more_trials_can_be_asked_for_later(
    tmp_path: Path, tiny_log: EventLog, space: Space
) -> None:
    make(tmp_path, tiny_log, space, FakeTrials(), trials=2).search(verbose=0)
    more = FakeTrials()
    make(tmp_path, tiny_log, space, more, trials=3).search(verbose=0)
    assert more.names == ["trial_2"]


def test_both_kerases_live_in_one_process_whichever_is_asked_for_first() -> None:
    code = (
        "import tuning, keras_tuner, keras, tensorflow as tf, json, warnings\n"
        "import tfhrnn.layers, tensorflow_recommenders\n"
        "old, new = tf.keras.layers.Dense(2), keras.layers.Dense(3)\n"
        "shapes = old(tf.ones([1, 4])).shape, new(tf.ones([1, 4])).shape\n"
        "print(json.dumps([keras.__version__[0], type(old).__module__.split('.')[0],\n"
        "    type(new).__module__.split('.')[0], [list(map(int, s)) for s in shapes]]))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert json.loads(found.stdout) == ["3", "tf_keras", "keras", [[1, 2], [1, 3]]]


def test_keras_tuner_itself_refuses_our_models() -> None:
    """The reason for a tuner of our own; where this fails, it may be done without."""
    import tensorflow as tf

    class Build(kt.HyperModel):
        def build(self, hp: Any) -> Any:
            return tf.keras.Sequential([tf.keras.layers.Dense(1)])

    oracle = kt.oracles.RandomSearchOracle(kt.Objective("loss", "min"), max_trials=1)
    with pytest.raises(kt.errors.FatalTypeError, match="Expected the model-building function"):
        kt.Tuner(oracle, Build())._try_build(kt.HyperParameters())
