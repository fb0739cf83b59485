"""keras-tuner's oracles over a `Space`: what is tried next.

They are its random search, Bayesian optimization and Hyperband as they are, except that the first
trial has the preset's own values, that Hyperband ends at a number of trials too, and that their
files appear whole, so that a search killed at any moment can go on.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any, Final, Literal, get_args

import keras_tuner as kt

from tfhrnn.data.files import whole_file
from tuning.space import Choice, Dimension, Space, default_of

TunerName = Literal["random", "bayesian", "hyperband"]
TUNER_NAMES: Final[tuple[str, ...]] = get_args(TunerName)
ObjectiveName = Literal["val_perplexity", "val_ndcg", "val_rmse"]
OBJECTIVES: Final = {"val_perplexity": "min", "val_ndcg": "max", "val_rmse": "min"}

# Never: what a search does about failures is `tuning.tuner`'s to decide.
_NO_LIMIT = 10**9


def declare(space: Space) -> kt.HyperParameters:
    """A space in keras-tuner's terms; values are the first trial's."""
    parameters = kt.HyperParameters()
    for dimension in space.dimensions:
        _declare(parameters, dimension)
    return parameters


def _declare(parameters: kt.HyperParameters, dimension: Dimension) -> None:
    name, parent, values = dimension.name, None, None
    if dimension.when is not None:
        parent, values = dimension.when[0], list(dimension.when[1])
    options = {"default": default_of(dimension), "parent_name": parent, "parent_values": values}
    if isinstance(dimension, Choice) and isinstance(dimension.values[0], bool):
        if len(dimension.values) == 2:
            parameters.Boolean(name, **options)
        else:
            parameters.Fixed(name, dimension.values[0], parent_name=parent, parent_values=values)
    elif isinstance(dimension, Choice):
        parameters.Choice(name, list(dimension.values), **options)
    else:
        options["sampling"] = "log" if dimension.log else "linear"
        if dimension.whole:
            parameters.Int(name, int(dimension.low), int(dimension.high), **options)
        else:
            step = dimension.step or None
            parameters.Float(name, dimension.low, dimension.high, step=step, **options)


class _WholeFiles:
    """An oracle whose files are whole, and whose first trial has the default values."""

    trials: dict[str, Any]
    start_order: list[str]

    def save(self) -> None:
        """Saves the oracle's own state."""
        write_whole(Path(self._get_oracle_fname()), self.get_state())  # type: ignore[attr-defined]

    def reload(self) -> None:
        """Reads everything back; a trial of which the state knows nothing had not begun."""
        super().reload()  # type: ignore[misc]
        self.trials = {name: self.trials[name] for name in sorted(set(self.start_order))}

    def _save_trial(self, trial: Any) -> None:
        folder = self._get_trial_dir(trial.trial_id)  # type: ignore[attr-defined]
        write_whole(Path(folder) / "trial.json", trial.get_state())

    def _random_values(self) -> Any:
        if self.start_order:
            return super()._random_values()  # type: ignore[misc]
        usual = kt.HyperParameters()
        usual.merge(self.hyperparameters)  # type: ignore[attr-defined]
        return usual.values


class _Random(_WholeFiles, kt.oracles.RandomSearchOracle):
    pass


class _Bayesian(_WholeFiles, kt.oracles.BayesianOptimizationOracle):
    def populate_space(self, trial_id: str) -> Any:
        with warnings.catch_warnings():
            # scikit-learn's, of a kernel that few trials say little about.
            warnings.simplefilter("ignore")
            return super().populate_space(trial_id)


class _Hyperband(_WholeFiles, kt.oracles.HyperbandOracle):
    pass


def make_oracle(
    name: TunerName,
    space: Space,
    *,
    objective: ObjectiveName,
    max_trials: int,
    seed: int,
    initial_points: int | None = None,
) -> kt.Oracle:
    """An oracle by name.

    Args:
      name: of the tuner.
      space: what it searches; Hyperband trains its best to the base's number of epochs.
      objective: what it optimizes.
      max_trials: after how many it stops; a trial that Hyperband promotes is a new one.
      seed: of its draws.
      initial_points: random trials before the Bayesian oracle's model; by default a third of
        `max_trials`, or three times the dimensions where that is less.
    """
    common: dict[str, Any] = {
        "objective": kt.Objective(objective, OBJECTIVES[objective]),
        "hyperparameters": declare(space),
        "seed": seed + 1,  # 0 would be another one each time
        "allow_new_entries": False,
        "max_consecutive_failed_trials": _NO_LIMIT,
    }
    if name == "hyperband":
        epochs = space.base.training.epochs
        oracle = _Hyperband(max_epochs=epochs, hyperband_iterations=None, **common)
        oracle.max_trials = max_trials
        return oracle
    if name == "bayesian":
        first = initial_points or min(3 * len(space.dimensions), max(3, max_trials // 3))
        return _Bayesian(max_trials=max_trials, num_initial_points=first, **common)
    return _Random(max_trials=max_trials, **common)


def write_whole(path: Path, state: Any) -> None:
    """Writes JSON whole or not at all."""
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(state), encoding="utf-8")
