"""A run folder describes itself: from it and the input an outsider can recompute every figure.

config.json, run.json (data, seed, versions), split.parquet (a user's part, or how many of a user's
events are of each), protocol.json, catalogue/ (items and feature encodings), facts/ (what the model
took from the training users), metrics.csv (a row an epoch), checkpoints/, best/ (the weights that
are used), result.json (protocol, figures). A run that goes on from another one also has start/ (the
weights that it starts from, and how many events of each user are known), and run.json names its
parent.
"""

from __future__ import annotations

import dataclasses
import json
import platform
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from tfhrnn.config import Config
from tfhrnn.data.append import Replay
from tfhrnn.data.catalogue import Catalogue
from tfhrnn.data.division import Division
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.event_split import read_event_split, write_event_split
from tfhrnn.data.facts import TrainingFacts
from tfhrnn.data.features import FeatureSet
from tfhrnn.data.files import whole_file, write_parquet
from tfhrnn.data.split import Part, read_split, write_split
from tfhrnn.data.split_rule import SplitRule
from tfhrnn.errors import ConfigError, RunError
from tfhrnn.protocol import Protocol

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
        self.start_weights = self.path / "start" / "weights"
        self.metrics = self.path / "metrics.csv"
        self._split = self.path / "split.parquet"
        self.tensorboard = self.path / "tensorboard"
        self.result = self.path / "result.json"
        self._trackers = self.path / "trackers.json"
        self.report = self.path / "report" / "index.html"

    @classmethod
    def create(
        cls,
        path: str | Path,
        *,
        config: Config,
        log: EventLog,
        parts: npt.NDArray[np.int8],
        split_seed: int,
        facts: TrainingFacts,
        parent: Mapping[str, Any] | None = None,
        split: SplitRule | None = None,
    ) -> RunFolder:
        """Writes everything that is known before training.

        Args:
          path: the folder.
          config: the settings.
          log: the events.
          parts: `[users]` of `Part` values, `[events]` where `split` parts those.
          split_seed: of the split.
          facts: of the training users.
          parent: what run.json is to say of the run that this one goes on from.
          split: the rule, where it is not the one that parts users.

        Raises:
          RunError: the folder holds something already, or can't be written; nothing stays of it.
        """
        run = cls(path).require_free()
        try:
            run._write(config, log, parts, split_seed, facts, parent, split or SplitRule())
        except BaseException as error:
            shutil.rmtree(run.path, ignore_errors=True)
            if isinstance(error, OSError):
                reason = error.strerror or str(error)
                message = f"{run.path}: could not be written: {reason}; nothing was kept"
                raise RunError(message) from error
            raise
        return run

    def _write(
        self,
        config: Config,
        log: EventLog,
        parts: npt.NDArray[np.int8],
        split_seed: int,
        facts: TrainingFacts,
        parent: Mapping[str, Any] | None,
        split: SplitRule,
    ) -> None:
        catalogue, fact_files = self.path / "catalogue", self.path / "facts"
        catalogue.mkdir(parents=True)
        fact_files.mkdir()
        if split.by_events:
            write_event_split(self._split, log.user_ids, log.offsets, parts)
        else:
            write_split(self._split, log.user_ids, parts)
        write_parquet(log.catalogue.frame, catalogue / "items.parquet")
        for name, features in (("item", log.catalogue.features), ("user", log.user_features)):
            specs = [] if features is None else features.to_json()
            _write_json(catalogue / f"{name}_features.json", specs)
        for name in _ARRAYS:
            np.save(fact_files / f"{name}.npy", getattr(facts, name))
        names = [field.name for field in dataclasses.fields(facts) if field.name not in _ARRAYS]
        _write_json(fact_files / "facts.json", {name: getattr(facts, name) for name in names})
        _write_json(self.path / "config.json", dataclasses.asdict(config))
        description = {
            "dataset": log.name,
            "data": str(log.directory.resolve()),
            "fingerprint": log.fingerprint,
            "columns": log.columns,
            "split_seed": split_seed,
            "versions": versions(),
        }
        if split.by_events:
            description["split"] = split.to_dict()
        if parent is not None:
            description["parent"] = dict(parent)
        _write_json(self.path / "run.json", description)
        _write_json(self.path / "protocol.json", self.protocol(log).to_dict())

    def require_free(self) -> RunFolder:
        """This place, if a new run can be written there.

        Raises:
          RunError: it holds something already.
        """
        if self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
            raise RunError(
                f"{self.path}: got something that is not an empty folder, expected a place for a "
                "new run (or --resume)"
            )
        return self

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

    def require_same_data(self, log: EventLog) -> None:
        """Refuses another event log than the one that the run was trained on.

        Raises:
          RunError: its events are others, or its features were chosen otherwise.
        """
        expected = self.description["fingerprint"]
        if log.fingerprint != expected:
            raise RunError(
                f"{log.directory}: got an event log with fingerprint {log.fingerprint[:12]}, "
                f"expected {expected[:12]}, the one that {self.path} was trained on"
            )
        for name, features in (("item", log.catalogue.features), ("user", log.user_features)):
            expected_features = self._features(name)
            if (features.specs if features else ()) != (
                expected_features.specs if expected_features else ()
            ):
                raise RunError(
                    f"{log.directory}: got {name} features other than those that {self.path} was "
                    "trained on; prepare it with the same ones"
                )

    def require_same_settings(self, config: Config, names: Sequence[str]) -> None:
        """Refuses to go on with settings that the run did not begin with.

        Args:
          config: what is asked for.
          names: the settings that were stated; others are the run's.

        Raises:
          ConfigError: one of them, or the preset, is not the run's.
        """
        own = self.config
        pairs = [("preset", config.preset, own.preset)]
        for name in names:
            part = "model" if hasattr(own.model, name) else "training"
            pairs.append((name, *(getattr(getattr(c, part), name) for c in (config, own))))
        for name, asked, began in pairs:
            if asked != began:
                raise ConfigError(
                    f"{name}: got {asked!r}, but {self.path} began with {began!r} and can only go "
                    "on with that"
                )

    @property
    def config(self) -> Config:
        """The settings."""
        return Config.from_json(json.dumps(_read_json(self.path / "config.json")))

    @property
    def description(self) -> dict[str, Any]:
        """What run.json says."""
        return _read_json(self.path / "run.json")

    @property
    def columns(self) -> dict[str, str]:
        """Role → column of the tables that the run was trained on, for further ones."""
        return dict(self.description.get("columns", {}))  # runs of earlier versions tell none

    @property
    def tracker_ids(self) -> dict[str, str]:
        """Ids of the runs of MLflow and others to which the training is logged, by library."""
        return _read_json(self._trackers) if self._trackers.is_file() else {}

    def note_tracker(self, library: str, id: str) -> None:
        """Remembers the id of a run to which the training is logged."""
        _write_json(self._trackers, {**self.tracker_ids, library: id})

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
        """Each user's part, `[users]` of `Part` values, in the log's order.

        Raises:
          RunError: events were parted, not users.
        """
        division = self.division(log)
        if division.by_events:
            raise RunError(
                f"{self.path}: got a run whose events were split by {self.split.by}, expected one "
                "whose users were"
            )
        return division.parts

    def division(self, log: EventLog) -> Division:
        """The log in parts, as the run was split."""
        if self.split.by_events:
            parts = read_event_split(self._split, log.user_ids, log.offsets)
            return Division(log, parts, by_events=True)
        return Division(log, read_split(self._split, log.user_ids))

    def users(self, log: EventLog, *parts: Part) -> npt.NDArray[np.int64]:
        """Indices of the users of some parts, or with events of them, in the log's order."""
        return self.division(log).users(*parts)

    def training_users(self, log: EventLog) -> npt.NDArray[np.int64]:
        """Indices of the users to train on, in the log's order."""
        return self.division(log).training(self.config.training).users

    def validation_users(self, log: EventLog) -> npt.NDArray[np.int64]:
        """Indices of the users who judge epochs, in the log's order; none if trained on."""
        return self.division(log).validation(self.config.training).users

    @property
    def facts(self) -> TrainingFacts:
        """What the model took from the training users."""
        arrays = {name: np.load(self.path / "facts" / f"{name}.npy") for name in _ARRAYS}
        others = _read_json(self.path / "facts" / "facts.json")
        others["event_types"] = tuple(others.get("event_types", ()))  # none in older runs
        scales = others.get("feedback_by_type", ())
        others["feedback_by_type"] = tuple((mean, std) for mean, std in scales)
        return TrainingFacts(**arrays, **others)

    @property
    def replay(self) -> Replay | None:
        """What goes into the epochs of a run that goes on from another one, None for any other."""
        parent = self.description.get("parent")
        if parent is None:
            return None
        known = np.load(self.path / "start" / "known_events.npy")
        return Replay(known, float(parent["replay"]))

    def write_start(self, known: npt.NDArray[np.int64]) -> None:
        """Stores how many events of each user, `[users]` in the log's order, are known."""
        self.start_weights.parent.mkdir(exist_ok=True)
        np.save(self.start_weights.parent / "known_events.npy", known)

    @property
    def split(self) -> SplitRule:
        """The rule by which users or events were parted."""
        return SplitRule.from_dict(self.description.get("split", {}))

    def require_same_split(self, split: SplitRule) -> None:
        """Refuses to go on with another split.

        Raises:
          ConfigError: the run began with another rule.
        """
        if split != self.split:
            raise ConfigError(
                f"split: got {split.text!r}, but {self.path} began with {self.split.text!r} and "
                "can only go on with that"
            )

    @property
    def split_rule(self) -> str:
        """How users or events were parted, as a protocol tells it."""
        parent = self.description.get("parent")
        return self.split.text if parent is None else str(parent["split"])

    @property
    def protocol_hash(self) -> str:
        """The hash of the protocol that the run is judged under."""
        return str(_read_json(self.path / "protocol.json")["hash"])

    def protocol(self, log: EventLog) -> Protocol:
        """How the run is judged: on every event of its test users, or on its test events."""
        seed = int(self.description["split_seed"])
        return self.division(log).protocol(seed, self.split, self.split_rule)

    def epochs(self) -> pl.DataFrame:
        """metrics.csv as a table, a row an epoch (columns: `tfhrnn.keeper.COLUMNS`).

        Epoch 0, of a run that goes on from another one, is what it starts from.
        """
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
        place = Path(data or self.description["data"])
        if data is None and not place.exists():
            raise RunError(
                f"{self.path}: got no event log at {place}, where it stood in training; say where "
                "it stands now (--data)"
            )
        log = EventLog.open(place)
        self.require_same_data(log)
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
    text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: got no readable JSON, expected a whole run") from error
