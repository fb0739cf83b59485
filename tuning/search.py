"""`tune`: a whole search, from an event log to the best model, judged and exported.

In the search's folder: search.json (what was asked for), trials/ (keras-tuner's files, and the run
folder and record of each trial), best/ (the run of the best, trained anew), model/ (its export),
results.html and results.json. The same call again goes on where the folder stands.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from tfhrnn.config import Config, preset
from tfhrnn.data.division import Division
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.files import whole_file
from tfhrnn.data.split import Part
from tfhrnn.data.split_rule import SplitRule
from tfhrnn.data.suited import suited_config
from tfhrnn.errors import ConfigError, DataError, RunError
from tfhrnn.personalize import own_names
from tfhrnn.startup import start_tensorflow
from tuning.best import finish, judged_on, retrained
from tuning.narrowing import dimensions
from tuning.oracles import OBJECTIVES, TUNER_NAMES, ObjectiveName, TunerName, make_oracle
from tuning.page import write_page
from tuning.space import Space, search_space
from tuning.trial import train_trial
from tuning.trial_process import TrialProcess
from tuning.trials import Row, rows_of
from tuning.tuner import PROJECT, Run, TrialTuner, Watcher

MAX_TRIALS = 20


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


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes:
      out: its folder.
      objective: what the trials were judged by.
      rows: the trials, the best first.
      space: what was searched.
      asked: what the search was asked for, by name.
      result: of the best, trained anew, on the test part; None where it is not.
      export_dir: the exported version; None likewise.
    """

    out: Path
    objective: ObjectiveName
    rows: list[Row]
    space: Space
    asked: dict[str, Any]
    result: dict[str, Any] | None = None
    export_dir: Path | None = None

    @property
    def page(self) -> Path:
        """The page of everything."""
        return self.out / "results.html"

    @property
    def best(self) -> Row:
        """The best trial."""
        return self.rows[0]

    @property
    def config(self) -> Config:
        """The best trial's configuration."""
        return self.space.config(self.best.settings)

    @property
    def recommender(self) -> Any:
        """The best model, an `HRNNRecommender`, trained anew.

        Raises:
          RunError: it was not trained anew.
        """
        from tfhrnn.recommender import HRNNRecommender

        return HRNNRecommender.load(self.out / "best")


def tune(
    data: str | Path | EventLog,
    out: str | Path,
    *,
    tuner: TunerName = "random",
    max_trials: int = MAX_TRIALS,
    search: Mapping[str, object] | None = None,
    verbose: int | str = "auto",
    **options: Any,
) -> Found | None:
    """Searches settings on an event log.

    Args:
      data: an event log, or its folder.
      out: the search's folder; one that stands is gone on with.
      tuner: "random", "bayesian" or "hyperband".
      max_trials: after how many trials it ends.
      search: setting to the values it may take: a sequence, or text as `--search` takes it, such as
        {"units": [64, 128], "learning_rate": "1e-3..1e-2"}.
      verbose: 0 prints nothing; else a line a trial.
      **options: further attributes of `Asked`.

    Returns:
      What was found; None on a worker of a distributed search, whose chief has it.

    Raises:
      ConfigError: a setting or value that can't be, or others than the search began with.
      DataError: data that leave nobody to judge trials by.
      RunError: no such event log, a folder of something else, or no trial that came to an end.
    """
    place = data.directory if isinstance(data, EventLog) else Path(data)
    texts = [f"{name}={_text(values)}" for name, values in (search or {}).items()]
    asked = Asked(str(place), tuner=tuner, max_trials=max_trials, search=texts, **options)
    if not verbose:
        return run_search(asked, Path(out))
    from tuning.progress import Progress

    with Progress(Console(markup=False, emoji=False), asked.objective, max_trials) as progress:
        return run_search(asked, Path(out), progress)


def _text(values: object) -> str:
    """Values as `--search` takes them."""
    if isinstance(values, str) or not isinstance(values, Sequence):
        return str(values)
    parts = [",".join(map(str, v)) if isinstance(v, (tuple, list)) else str(v) for v in values]
    return ";".join(parts) + ";"


def run_search(asked: Asked, out: Path, watcher: Watcher | None = None) -> Found | None:
    """As `tune`, of what was asked for."""
    role = role_of(os.environ)
    log = EventLog.open(asked.data)
    space = space_of(asked, log)
    _require_judges(asked, log)
    if role != "worker":
        _begin(asked, out, space, log)
    oracle = make_oracle(
        asked.tuner,
        space,
        objective=asked.objective,
        max_trials=asked.max_trials,
        seed=asked.seed,
    )
    with _runner(asked.in_process or role == "chief") as run:
        searcher = TrialTuner(
            oracle,
            space=space,
            log=log,
            directory=out,
            run=run,
            split=asked.split,
            split_seed=asked.split_seed,
            watcher=watcher,
        )
        try:
            searcher.search(verbose=0)
        except BaseException:
            if role == "alone":  # what there is stays, and can be looked at
                _write(_found(asked, out, searcher, log))
            raise
    if role == "worker":
        return None
    found = _found(asked, out, searcher, log)
    if found.best.score is None:
        _write(found)
        reasons = [row.reason for row in found.rows if row.reason]
        raise RunError(f"{out}: no trial came to an end; the last one: {(reasons or ['?'])[-1]}")
    if asked.retrain:
        found = _finished(asked, found, log, watcher or Watcher())
    _write(found)
    return found


def _found(asked: Asked, out: Path, tuner: TrialTuner, log: EventLog) -> Found:
    return Found(out, asked.objective, rows_of(tuner), tuner.space, _record(asked, log))


def space_of(asked: Asked, log: EventLog) -> Space:
    """What is searched, and the configuration that it begins at.

    Raises:
      ConfigError: settings or values that can't be, also with these data.
    """
    fixed = own_names(dict(asked.fix))
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


def _require_judges(asked: Asked, log: EventLog) -> None:
    """Refuses data that leave nobody to judge trials by."""
    parts = asked.split.parts(log.offsets, log.time, asked.split_seed)
    if not len(Division(log, parts, by_events=asked.split.by_events).users(Part.VALIDATION)):
        raise DataError(
            log.directory,
            found=f"{log.num_users:,} users, none of them for validation",
            expected="some, by which trials are judged",
        )


def _begin(asked: Asked, out: Path, space: Space, log: EventLog) -> None:
    """Writes search.json, or sees that the search that stands is the one asked for."""
    record = {**_record(asked, log), "base": json.loads(space.base.to_json())}
    record["space"] = space.to_dict()
    record = json.loads(json.dumps(record))
    path = out / "search.json"
    if path.is_file():
        began = json.loads(path.read_text(encoding="utf-8"))
        for name, value in record.items():
            if name not in ("max_trials", "data", "retrain") and began.get(name) != value:
                raise ConfigError(
                    f"{name}: got {_short(value)}, but {out} began with "
                    f"{_short(began.get(name))} and can only go on with that"
                )
    elif out.exists() and (not out.is_dir() or set(os.listdir(out)) - {PROJECT}):
        raise RunError(
            f"{out}: got something that is no search, expected an empty folder or one to go on with"
        )
    out.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _record(asked: Asked, log: EventLog) -> dict[str, Any]:
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


@contextmanager
def _runner(in_process: bool) -> Iterator[Run]:
    """What trains trials: this process, or one of their own."""
    if in_process:
        yield train_trial
        return
    with TrialProcess() as process:
        yield process


def _finished(asked: Asked, found: Found, log: EventLog, watcher: Watcher) -> Found:
    """With the best trained anew, judged and exported."""
    start_tensorflow()
    epoch = found.best.epoch
    assert epoch is not None
    watcher.begins("best", dict(found.best.settings), epoch)
    result, version = finish(
        found.out / "best",
        found.config,
        log,
        epochs=epoch,
        split=asked.split,
        split_seed=asked.split_seed,
        on_epoch=lambda number, logs: watcher.epoch("best", number, logs),
    )
    watcher.ends("best", {})
    return dataclasses.replace(found, result=result, export_dir=version)


def to_json(found: Found) -> dict[str, Any]:
    """Everything found, as plain values."""
    best = None
    if found.result is not None:
        figures = ("perplexity", "hit_rate_at_10", "ndcg_at_10", "mrr_at_10", "protocol")
        best = {name: found.result[name] for name in figures}
        best |= {"judged_on": judged_on(found.result), "run": str(found.out / "best")}
        best |= {"export_dir": str(found.export_dir)}
    return {
        "search": found.asked,
        "trials": [row._asdict() for row in found.rows],
        "best": best,
        "page": str(found.page),
    }


def _write(found: Found) -> None:
    write_page(
        found.page,
        space=found.space,
        rows=found.rows,
        objective=found.objective,
        asked=found.asked,
        result=found.result,
        judged_on="" if found.result is None else judged_on(found.result),
    )
    with whole_file(found.out / "results.json") as temporary:
        text = json.dumps(to_json(found), indent=2, ensure_ascii=False)
        temporary.write_text(text + "\n", encoding="utf-8")
