"""A run folder describes itself: from it and the input an outsider can recompute every figure.

config.json, run.json (data, seed, versions), split.parquet (user, part), catalogue/ (items and
feature encodings), facts/ (what the model took from the training users), metrics.csv (a row an
epoch), checkpoints/, best/ (the weights that are used), result.json (protocol and figures).
"""

from __future__ import annotations

import dataclasses
import json
import platform
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from tfhrnn.config import Config
from tfhrnn.data.catalogue import Catalogue
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.facts import TrainingFacts
from tfhrnn.data.features import FeatureSet
from tfhrnn.data.split import Part, read_split, write_split
from tfhrnn.errors import RunError

_ARRAYS = ("item_features", "item_counts")


class RunFolder:
    """The files of one run.

    Args:
      path: the folder; `create` makes it, everything else expects it.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.checkpoints = self.path / "checkpoints"
        self.best_weights = self.path / "best" / "weights"
        self.metrics = self.path / "metrics.csv"
        self.tensorboard = self.path / "tensorboard"
        self.result = self.path / "result.json"
        self.report = self.path / "report" / "index.html"

    @classmethod
    def create(
        cls,
        path: str | Path,
        *,
        config: Config,
        log: EventLog,
        data: str | Path | None,
        parts: npt.NDArray[np.int8],
        split_seed: int,
        facts: TrainingFacts,
    ) -> RunFolder:
        """Writes everything that is known before training.

        Raises:
          RunError: the folder holds something already.
        """
        run = cls(path)
        if run.path.exists() and (not run.path.is_dir() or any(run.path.iterdir())):
            raise RunError(
                f"{run.path}: got a folder that is not empty, expected a new one (or --resume)"
            )
        try:
            (run.path / "catalogue").mkdir(parents=True)
            (run.path / "facts").mkdir()
            write_split(run.path / "split.parquet", log.user_ids, parts)
            log.catalogue.frame.write_parquet(run.path / "catalogue" / "items.parquet")
            for name, features in (("item", log.catalogue.features), ("user", log.user_features)):
                specs = [] if features is None else features.to_json()
                _write_json(run.path / "catalogue" / f"{name}_features.json", specs)
            for name in _ARRAYS:
                np.save(run.path / "facts" / f"{name}.npy", getattr(facts, name))
            scalars = {f.name: getattr(facts, f.name) for f in dataclasses.fields(facts)}
            _write_json(
                run.path / "facts" / "facts.json",
                {k: v for k, v in scalars.items() if k not in _ARRAYS},
            )
            (run.path / "config.json").write_text(config.to_json())
            _write_json(
                run.path / "run.json",
                {
                    "dataset": log.name,
                    "data": None if data is None else str(Path(data).resolve()),
                    "fingerprint": log.fingerprint,
                    "split_seed": split_seed,
                    "versions": versions(),
                },
            )
        except BaseException:
            shutil.rmtree(run.path, ignore_errors=True)
            raise
        return run

    def require(self) -> RunFolder:
        """This run, if it is one.

        Raises:
          RunError: it is missing or something else.
        """
        if not (self.path / "run.json").is_file():
            raise RunError(
                f"{self.path}: got no run.json, expected a folder written by `tfhrnn train`"
            )
        return self

    @property
    def config(self) -> Config:
        """The settings."""
        return Config.from_json((self.path / "config.json").read_text())

    @property
    def description(self) -> dict[str, Any]:
        """What run.json says."""
        return _read_json(self.path / "run.json")

    @property
    def catalogue(self) -> Catalogue:
        """The items."""
        frame = pl.read_parquet(self.path / "catalogue" / "items.parquet")
        return Catalogue.from_frame(frame, self._features("item"))

    @property
    def user_features(self) -> FeatureSet | None:
        """How user features are encoded."""
        return self._features("user")

    def parts(self, log: EventLog) -> npt.NDArray[np.int8]:
        """Each user's part, `[users]` of `Part` values, in the log's order."""
        return read_split(self.path / "split.parquet", log.user_ids)

    def users(self, log: EventLog, *parts: Part) -> npt.NDArray[np.int64]:
        """Indices of the users of some parts, in the log's order."""
        return np.flatnonzero(np.isin(self.parts(log), parts))

    @property
    def facts(self) -> TrainingFacts:
        """What the model took from the training users."""
        arrays = {name: np.load(self.path / "facts" / f"{name}.npy") for name in _ARRAYS}
        return TrainingFacts(**arrays, **_read_json(self.path / "facts" / "facts.json"))

    def epochs(self) -> pl.DataFrame:
        """metrics.csv as a table, a row an epoch (columns: `tfhrnn.training.COLUMNS`)."""
        return pl.read_csv(self.metrics)

    def read_result(self) -> dict[str, Any]:
        """The result, if there is one.

        Raises:
          RunError: the run has not been evaluated.
        """
        if not self.result.is_file():
            raise RunError(
                f"{self.path}: got no result.json, expected a run that `tfhrnn evaluate` has judged"
            )
        return _read_json(self.result)

    def write_result(self, result: Mapping[str, Any]) -> None:
        """Stores the result, whole or not at all."""
        _write_json(self.result, result)

    def open_log(self, data: str | Path | None = None) -> EventLog:
        """The event log that the run was trained on.

        Args:
          data: where it stands now, if it was moved.

        Raises:
          RunError: it is missing, or another one.
        """
        place = data or self.description["data"]
        if place is None:
            raise RunError(f"{self.path}: the run was trained from a table in memory; say --data")
        log = EventLog.open(place)
        if log.fingerprint != self.description["fingerprint"]:
            raise RunError(
                f"{place}: got an event log with fingerprint {log.fingerprint[:12]}, expected "
                f"{self.description['fingerprint'][:12]}, the one this run was trained on"
            )
        return log

    def _features(self, name: str) -> FeatureSet | None:
        specs = _read_json(self.path / "catalogue" / f"{name}_features.json")
        return FeatureSet.from_json(specs) if specs else None


def versions() -> dict[str, str]:
    """The versions that shape a result."""
    from importlib.metadata import version

    import tfhrnn

    found = {"tfhrnn": tfhrnn.__version__, "python": platform.python_version()}
    packages = ("tensorflow", "tf-keras", "tensorflow-recommenders", "numpy", "polars")
    return {**found, **{name: version(name) for name in packages}}


def _write_json(path: Path, value: Any) -> None:
    """Writes through a temporary name, so that a reader never sees half a file."""
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n")
    temporary.replace(path)


def _read_json(path: Path) -> Any:
    return json.loads(path.read_text())
