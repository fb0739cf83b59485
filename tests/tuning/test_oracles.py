"""keras-tuner's oracles over our space: the first trial, conditions, budgets, files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras_tuner as kt
import pytest

from tfhrnn.config import Config
from tfhrnn.data.event_log import EventLog
from tuning.narrowing import dimensions
from tuning.oracles import TUNER_NAMES, TunerName, declare, make_oracle, write_whole
from tuning.space import Space, search_space

NARROWED = ["units=4,8", "tied=true,false", "learning_rate=1e-3..1e-1", "loss=full_softmax,gbce"]
NARROWED += ["negatives=4,8", "feedback=true,false", "patience=2..9", "output_dropout=0..0.5"]


@pytest.fixture(scope="module")
def space(tiny_base: Config, tiny_log: EventLog) -> Space:
    return search_space(tiny_base, tiny_log, only=[], narrowed=dimensions(NARROWED))


def oracle_in(
    folder: Path, name: TunerName, space: Space, max_trials: int = 12, seed: int = 0
) -> kt.Oracle:
    made = make_oracle(
        name, space, objective="val_perplexity", max_trials=max_trials, seed=seed, initial_points=4
    )
    made._set_project_dir(str(folder), "trials")
    made.verbose = 0
    return made


def play(oracle: kt.Oracle, trials: int = 99) -> list[dict[str, Any]]:
    """Asks for trials and answers with a score that falls with the learning rate."""
    found: list[dict[str, Any]] = []
    while len(found) < trials:
        trial = oracle.create_trial("tuner0")
        if trial.status == "STOPPED":
            break
        values = dict(trial.hyperparameters.values)
        found.append(values)
        oracle.update_trial(trial.trial_id, {"val_perplexity": 1 / values["learning_rate"]})
        trial.status = "COMPLETED"
        oracle.end_trial(trial)
        oracle.save()  # as a tuner does, once the trial is none of the ongoing ones
    return found


def own(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if not name.startswith("tuner/")}


@pytest.mark.parametrize("name", TUNER_NAMES)
def test_the_first_trial_is_the_preset_and_the_number_of_trials_holds(
    name: TunerName, space: Space, tmp_path: Path
) -> None:
    trials = 5 if name == "bayesian" else 12  # its model takes seconds a trial
    found = play(oracle_in(tmp_path, name, space, trials))
    assert len(found) == trials
    assert own(found[0]) == space.defaults
    assert space.config(found[0]) == space.base
    for values in found:
        assert ("negatives" in values) == (values["loss"] == "gbce")
        assert isinstance(values["tied"], bool) and isinstance(values["patience"], int)
        assert 1e-3 <= values["learning_rate"] <= 1e-1
        space.config(values)
    assert len({json.dumps(own(values), sort_keys=True) for values in found}) > trials / 2


@pytest.mark.parametrize("name", TUNER_NAMES)
def test_a_seed_repeats_the_search_and_zero_is_one(
    name: TunerName, space: Space, tmp_path: Path
) -> None:
    first, again, other = (
        play(oracle_in(tmp_path / str(n), name, space, seed=seed), 5)
        for n, seed in enumerate((0, 0, 1))
    )
    assert first == again != other


def test_the_bayesian_oracle_learns_where_scores_are_good(
    tiny_base: Config, tiny_log: EventLog, tmp_path: Path
) -> None:
    narrowed = dimensions(["learning_rate=1e-3..1e-1"])
    space = search_space(tiny_base, tiny_log, only=[], narrowed=narrowed)
    found = play(oracle_in(tmp_path, "bayesian", space, 7))
    rates = [values["learning_rate"] for values in found]
    assert max(rates[4:]) > 0.09  # the score is 1 / rate, and the range ends at 0.1


def test_hyperband_promotes_the_best_to_more_epochs(tiny_log: EventLog, tmp_path: Path) -> None:
    base = search_space(Config().with_settings({"epochs": 9}), tiny_log)
    found = play(oracle_in(tmp_path, "hyperband", base, 14))
    assert [values["tuner/epochs"] for values in found[:9]] == [1] * 9
    promoted = [values for values in found if "tuner/trial_id" in values]
    assert [values["tuner/epochs"] for values in promoted[:4]] == [3, 3, 3, 9]
    best = sorted(range(9), key=lambda n: -found[n]["learning_rate"])
    assert [int(values["tuner/trial_id"]) for values in promoted[:3]] == best[:3]
    assert own(found[best[0]]) == own(promoted[0])


def test_a_reloaded_oracle_goes_on_as_one_that_was_not_stopped(
    space: Space, tmp_path: Path
) -> None:
    whole = play(oracle_in(tmp_path / "whole", "hyperband", space, 8))
    part = play(oracle_in(tmp_path / "part", "hyperband", space, 8), 5)
    again = oracle_in(tmp_path / "part", "hyperband", space, 8)
    again.reload()
    assert part + play(again) == whole


def test_a_trial_that_was_stopped_comes_first_and_one_half_written_is_forgotten(
    space: Space, tmp_path: Path
) -> None:
    oracle = oracle_in(tmp_path, "random", space)
    play(oracle, 2)
    stopped = oracle.create_trial("tuner0")
    # What a kill leaves between a trial's own file and the oracle's state.
    ghost = oracle._get_trial_dir("07")
    write_whole(Path(ghost) / "trial.json", {**stopped.get_state(), "trial_id": "07"})
    again = oracle_in(tmp_path, "random", space)
    again.reload()
    assert sorted(again.trials) == ["00", "01", "02"]
    first = again.create_trial("tuner0")
    assert first.trial_id == stopped.trial_id
    assert first.hyperparameters.values == stopped.hyperparameters.values


def test_state_is_whole_even_where_writing_it_fails(
    space: Space, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    oracle = oracle_in(tmp_path, "random", space)
    play(oracle, 1)
    path = Path(oracle._get_oracle_fname())
    before = path.read_text()

    def half(self: Path, text: str, **_: Any) -> int:
        self.write_bytes(text[: len(text) // 2].encode())
        raise OSError("disk full")

    monkeypatch.setattr(Path, "write_text", half)
    with pytest.raises(OSError, match="disk full"):
        oracle.save()
    assert path.read_text() == before


def test_declared_defaults_are_the_spaces(space: Space) -> None:
    assert declare(space).values == space.defaults
    assert kt.HyperParameters.from_proto(declare(space).to_proto()).values == space.defaults
