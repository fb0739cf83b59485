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
from pathlib import Path
from typing import Any

from rich.console import Console

from tfhrnn.data.event_log import EventLog
from tfhrnn.data.files import whole_file
from tfhrnn.errors import ConfigError, RunError
from tfhrnn.startup import start_tensorflow
from tuning.asked import MAX_TRIALS, Asked, record_of, require_judges, role_of, space_of
from tuning.best import BEST, finish
from tuning.found import Found, write_found
from tuning.oracles import TunerName, make_oracle
from tuning.space import Space
from tuning.trial import train_trial
from tuning.trial_process import TrialProcess
from tuning.trials import rows_of
from tuning.tuner import PROJECT, Run, TrialTuner, Watcher


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
    require_judges(asked, log)
    _begin(out, {**record_of(asked, log), **_space_record(space)}, writes=role != "worker")
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
                write_found(_found(asked, out, searcher, log))
            raise
    if role == "worker":
        return None
    found = _found(asked, out, searcher, log)
    if found.best.score is None:
        write_found(found)
        reasons = [row.reason for row in found.rows if row.reason]
        raise RunError(f"{out}: no trial came to an end; the last one: {(reasons or ['?'])[-1]}")
    if asked.retrain:
        found = _finished(asked, found, log, watcher or Watcher())
    write_found(found)
    return found


def _found(asked: Asked, out: Path, tuner: TrialTuner, log: EventLog) -> Found:
    return Found(out, asked.objective, rows_of(tuner), tuner.space, record_of(asked, log))


def _begin(out: Path, asked: Mapping[str, Any], *, writes: bool) -> None:
    """Writes search.json, having seen that a search that stands is the one asked for."""
    record, path = json.loads(json.dumps(asked)), out / "search.json"
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
    if writes:
        out.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as temporary:
            temporary.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def _space_record(space: Space) -> dict[str, Any]:
    return {"base": json.loads(space.base.to_json()), "space": space.to_dict()}


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


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
        found.out / BEST,
        found.config,
        log,
        epochs=epoch,
        split=asked.split,
        split_seed=asked.split_seed,
        on_epoch=lambda number, logs: watcher.epoch("best", number, logs),
    )
    watcher.ends("best", {})
    return dataclasses.replace(found, result=result, export_dir=version)
