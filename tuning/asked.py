"""What a search is asked for, what follows of it on some data, and who it is asked of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tfhrnn.config import preset
from tfhrnn.data.division import Division
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.split import Part
from tfhrnn.data.split_rule import SplitRule
from tfhrnn.data.suited import suited_config
from tfhrnn.errors import ConfigError, DataError
from tfhrnn.personalize import own_names
from tuning.best import retrained
from tuning.narrowing import OWN, dimensions
from tuning.oracles import OBJECTIVES, TUNER_NAMES, ObjectiveName, TunerName
from tuning.space import Space, search_space

MAX_TRIALS: Final = 20


@dataclass(frozen=True)
class Asked:
    """What a search is asked for.

    Attributes:
      data: folder of the event log.
      tuner: "random", "bayesian" or "hyperband".
      max_trials: after how many it ends; a search that stands may be given more.
      objective: "val_perplexity", "val_ndcg" or "val_rmse", of the validation users.
      preset: where the search begins: the first trial.
      fix: settings that hold in every trial, by name, beside the preset's.
      search: settings to values, as `tuning.narrowing` reads them: instead of the usual values, or
        beside the usual dimensions.
      only: dimensions to search, of the usual ones; None for all.
      seed: of the oracle's draws, and of each training.
      split: what is held out.
      split_seed: of the split into users.
      retrain: train the best anew on training and validation users, judge and export it.
      in_process: train in this process: quicker to start, but memory grows, and running out of
        it ends the search.
    """

    data: str
    tuner: TunerName = "random"
    max_trials: int = MAX_TRIALS
    objective: ObjectiveName = "val_perplexity"
    preset: str = "best"
    fix: Mapping[str, object] = field(default_factory=dict)
    search: Sequence[str] = ()
    only: Sequence[str] | None = None
    seed: int = 0
    split: SplitRule = field(default_factory=SplitRule)
    split_seed: int = 0
    retrain: bool = True
    in_process: bool = False

    def __post_init__(self) -> None:
        for name, known in (("tuner", TUNER_NAMES), ("objective", tuple(OBJECTIVES))):
            if getattr(self, name) not in known:
                raise ConfigError(
                    f"{name}: got {getattr(self, name)!r}, expected one of {', '.join(known)}"
                )
        if self.max_trials < 1:
            raise ConfigError(
                f"max_trials: got {self.max_trials}, expected a whole number of at least 1"
            )


def space_of(asked: Asked, log: EventLog) -> Space:
    """What is searched, and the configuration that it begins at.

    Raises:
      ConfigError: settings or values that can't be, also with these data.
    """
    fixed = own_names(dict(asked.fix))
    for name in ("watch", "train_on_validation"):
        if name in fixed:
            raise ConfigError(f"{name}: got {fixed[name]!r}, expected {OWN[name]}")
    narrowed = dimensions(asked.search)
    settings = {"seed": asked.seed, **fixed, "watch": asked.objective.removeprefix("val_")}
    base, _ = suited_config(preset(asked.preset, settings), log, list(fixed))
    if base.training.epochs == 0:
        raise ConfigError(f"preset: got {asked.preset!r}, which trains nothing; expected another")
    if asked.retrain:
        retrained(base)  # what can't be is told now, not at the end
    return search_space(
        base,
        log,
        narrowed=narrowed,
        fixed=list(fixed),
        only=asked.only,
        ranking=asked.objective == "val_ndcg",
    )


def require_judges(asked: Asked, log: EventLog) -> None:
    """Refuses data that leave nobody to judge trials by.

    Raises:
      DataError: no user, or no event, is for validation.
    """
    parts = asked.split.parts(log.offsets, log.time, asked.split_seed)
    if not len(Division(log, parts, by_events=asked.split.by_events).users(Part.VALIDATION)):
        raise DataError(
            log.directory,
            found=f"{log.num_users:,} users, none of them for validation",
            expected="some, by which trials are judged",
        )


def record_of(asked: Asked, log: EventLog) -> dict[str, Any]:
    """What was asked for, by name, as plain values."""
    return {
        "dataset": log.name,
        "data": asked.data,
        "fingerprint": log.fingerprint,
        "tuner": asked.tuner,
        "max_trials": asked.max_trials,
        "objective": asked.objective,
        "preset": asked.preset,
        "fixed": {name: str(value) for name, value in own_names(dict(asked.fix)).items()},
        "seed": asked.seed,
        "split": asked.split.to_dict(),
        "split_seed": asked.split_seed,
        "retrain": asked.retrain,
    }


def role_of(environment: Mapping[str, str]) -> str:
    """Whether this process searches "alone", or is a "chief" or "worker" of keras-tuner's.

    Raises:
      ConfigError: some of keras-tuner's variables are set and others are not.

    >>> role_of({"KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_ORACLE_PORT": "8000",
    ...          "KERASTUNER_TUNER_ID": "chief"})
    'chief'
    """
    names = ("KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT", "KERASTUNER_TUNER_ID")
    missing = [name for name in names if name not in environment]
    if names[0] in missing:
        return "alone"
    if missing:
        raise ConfigError(f"{names[0]} is set, expected {' and '.join(missing)} beside it")
    return "chief" if "chief" in environment[names[2]] else "worker"
