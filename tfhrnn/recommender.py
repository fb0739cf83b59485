"""The estimator: from tables to a trained, judged and exported model in a few lines (README)."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfhrnn.answer_rules import AnswerRules
from tfhrnn.config import Config, RetrievalName, SplitName, preset
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.event_rules import EventRules
from tfhrnn.data.files import whole_folder
from tfhrnn.data.sources import TableSource
from tfhrnn.data.split_rule import SplitRule
from tfhrnn.data.suited import stated_settings, suited_config
from tfhrnn.devices import Devices
from tfhrnn.errors import ConfigError, RunError, TfhrnnError
from tfhrnn.evaluation.result import evaluate_run
from tfhrnn.export import SAVED_MODEL_FILES, export, write_saved_model
from tfhrnn.model_card import model_card
from tfhrnn.new_run import create_run, log_of, write_tables
from tfhrnn.run_folder import RunFolder
from tfhrnn.trained_model import TrainedModel, warn
from tfhrnn.training import load_model, sayer, train_run
from tfhrnn.updates import REPLAY, start_update, update_config


class HRNNRecommender(TrainedModel):
    """Fits, judges, recommends, saves and exports an HRNN.

    Args:
      config: a `Config`, or a preset's name, such as "hrnn-metadata"; `tfhrnn.presets` has them.
      **settings: changes to it by name, such as `units=64`. Thresholds that are neither given here
        nor other than the default in `config` are those of the event log. What a preset would
        read and the data of `fit` lack (feedback, features, event types) is switched off.

    Raises:
      ConfigError: unknown preset, setting or value.
    """

    def __init__(self, config: Config | str = "best", /, **settings: object) -> None:
        super().__init__()
        self.config = (
            preset(config, settings) if isinstance(config, str) else config.with_settings(settings)
        )
        self._asked, self._stated = self.config, stated_settings(self.config, settings)

    def fit(
        self,
        interactions: TableSource | EventLog,
        *,
        items: TableSource | None = None,
        users: TableSource | None = None,
        item_features: Sequence[str] | None = None,
        user_features: Sequence[str] | None = None,
        columns: Mapping[str, str] | None = None,
        rules: EventRules | None = None,
        run: str | Path | None = None,
        resume: bool = False,
        split: SplitName | SplitRule | None = None,
        split_seed: int = 0,
        devices: Devices | None = None,
        callbacks: Sequence[tf.keras.callbacks.Callback] = (),
        verbose: int | str = "auto",
    ) -> HRNNRecommender:
        """Trains on 80 % of the users, watching a tenth of those for early stopping.

        Other splits part each user's events, or all at a point of time; see `SplitRule`.

        Args:
          interactions: CSV or Parquet file, polars or pandas frame, or an event log.
          items: item table, with ids, titles and features.
          users: user table.
          item_features: as "genres:multi-hot"; left out, columns are chosen by their content.
          user_features: likewise for the user table.
          columns: role to column name where names are not known ones, such as {"user_id": "who"}.
          rules: which rows of a table become events, and what they count, by type of event; all of
            them if left out.
          run: folder of the run; a temporary one if left out, gone with this object. The event log
            of tables stands beside it, as `<run>-data`; one left by an earlier fit is replaced.
          resume: go on with the run that stands in `run`, with the settings that it began with.
          split: "users", "last", "leave-one-out" or "time", or a `SplitRule` with a share or point
            of time; by default users, or on `resume` the run's own.
          split_seed: of the split into training, validation and test users.
          devices: what to train on, such as `Devices("mirrored")`; only the chief writes `run`.
          callbacks: further Keras callbacks.
          verbose: as in Keras, or "steps"; see `tfhrnn.training.train`.

        Returns:
          This object.

        Raises:
          ConfigError: a setting that was stated and that the data have nothing for, a split that
            can't be, on `resume` another one than the run's, or rules for an event log.
          DataError: a table that cannot be read, or a split that leaves nothing to train on.
          RunError: `run` holds something already, or on `resume` another run or other data; or
            disk or memory ran out in training.
        """
        if rules and isinstance(interactions, EventLog):
            raise ConfigError(
                "rules: got some for an event log, which was written by its own; expected a table"
            )
        rule = SplitRule(split) if isinstance(split, str) else split
        path = self._temporary_folder() / "run" if run is None else Path(run)
        if devices is not None:
            path = devices.place_of_run(path, self._temporary_folder, resume=resume)
        resumed = RunFolder(path).require() if resume and path.exists() else None
        if resumed is None:
            RunFolder(path).require_free()
        if isinstance(interactions, EventLog):
            log = interactions
        else:
            tables: dict[str, Any] = {
                "items": items,
                "users": users,
                "columns": columns,
                "rules": rules,
                "item_features": item_features,
                "user_features": user_features,
            }
            log = log_of(path, resumed, partial(write_tables, interactions, **tables))
        if resumed is not None:
            resumed.require_same_data(log)
            if rule is not None:
                resumed.require_same_split(rule)
            self.config = resumed.config
        else:
            self.config, lines = suited_config(self._asked, log, self._stated)
            for line in lines:
                sayer(verbose)(line)
        self.log = log
        self.run = resumed or create_run(path, self.config, log, split_seed, split=rule)
        self._train(
            resume=resumed is not None, devices=devices, callbacks=callbacks, verbose=verbose
        )
        return self

    def fit_more(
        self,
        interactions: TableSource,
        *,
        items: TableSource | None = None,
        users: TableSource | None = None,
        columns: Mapping[str, str] | None = None,
        run: str | Path | None = None,
        resume: bool = False,
        replay: float = REPLAY,
        reading: Mapping[str, Any] | None = None,
        callbacks: Sequence[tf.keras.callbacks.Callback] = (),
        verbose: int | str = "auto",
        **settings: object,
    ) -> HRNNRecommender:
        """Goes on with new events, users and items, in a new run; this one stays as it is.

        What was learned is carried over (`tfhrnn.growth`), the split is kept and grown, and new
        events are trained on beside a share of known ones (`tfhrnn.updates`).

        Args:
          interactions: the new events; `append_events` tells what becomes of older and known ones.
          items: item table with the columns of the first; a row of a known id replaces its own.
          users: user table, likewise.
          columns: as in `fit`; what is left out is looked for under the columns of `fit`'s table.
          run: folder of the new run, as in `fit`.
          resume: go on with the update that stands in `run`.
          replay: share of an epoch's events that are known.
          reading: further options of `append_events`, such as `{"separator": ";"}`.
          callbacks: further Keras callbacks.
          verbose: as in Keras, or "steps"; see `tfhrnn.training.train`.
          **settings: training settings that differ; see `update_config`.

        Returns:
          A recommender of the new run.

        Raises:
          ConfigError: a share or setting that can't be.
          DataError: a table that cannot be read or lacks feedback or event types that the model
            reads, or no new event.
          RunError: as `fit`.
        """
        parent = self._trained()
        grown = HRNNRecommender(update_config(parent, settings, replay))
        path = grown._temporary_folder() / "run" if run is None else Path(run)
        before = self.log or parent.open_log()
        tables = {"items": items, "users": users, "columns": columns, **(reading or {})}
        tables |= {"model": self.model, "config": grown.config, "replay": replay}
        grown.run, grown.log, resumed = start_update(
            parent, before, path, interactions, resume=resume, say=sayer(verbose), **tables
        )
        grown.config = grown.run.config
        grown._train(resume=resumed, callbacks=callbacks, verbose=verbose)
        return grown

    def _train(
        self,
        *,
        resume: bool,
        devices: Devices | None = None,
        callbacks: Sequence[tf.keras.callbacks.Callback],
        verbose: int | str,
    ) -> None:
        """Trains what stands in the run folder."""
        run, log = self.run, self.log
        assert run is not None and log is not None
        self._predictors = {}
        how: dict[str, Any] = {"devices": devices, "callbacks": callbacks, "verbose": verbose}
        try:
            self.model = train_run(run, log, resume=resume, **how)
        except TfhrnnError:
            if not run.metrics.exists():  # not one epoch: a folder of no use, in the way
                shutil.rmtree(run.path, ignore_errors=True)
            raise
        except tf.errors.ResourceExhaustedError as error:  # the disk is full, or memory
            reason = error.message.splitlines()[0]
            raise RunError(
                f"{run.path}: training stopped: {reason}; finished epochs are kept, resume later"
            ) from error

    def _temporary_folder(self) -> Path:
        """A folder that goes with this object."""
        folder = tempfile.mkdtemp(prefix="tfhrnn-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return Path(folder)

    @classmethod
    def load(cls, path: str | Path, data: str | Path | None = None) -> HRNNRecommender:
        """A trained run from its folder.

        Args:
          path: what `save`, `fit(run=...)` or `tfhrnn train` wrote.
          data: the event log, where it no longer stands at the place noted; only `evaluate`,
            `recommend_all` and answers that read the age of items need it.

        Raises:
          RunError: no such run, one without a finished epoch, or `data` of another run.
        """
        run = RunFolder(path).require()
        recommender = cls(run.config)
        recommender.run = run
        recommender.log = None if data is None else run.open_log(data)
        recommender.model = load_model(run)
        return recommender

    def save(self, path: str | Path) -> Path:
        """Writes a SavedModel that is also a run folder, whole or not at all.

        `load` reads it to go on in Python, `tf.saved_model.load` to answer without this library, as
        a version that `export` wrote. It holds JSON, CSV, Parquet, NumPy arrays and TensorFlow's
        own files; nothing in it is pickled.

        Raises:
          RunError: nothing is trained yet, or `path` exists.
        """
        run, target = self._trained(), Path(path)
        if target.exists():
            raise RunError(f"{target}: got a path that exists, expected a new one")
        card = {
            **model_card(run, self.predictor, name=target.name, retrieval="exact"),
            "version": 1,
        }
        left_out = shutil.ignore_patterns("tensorboard", "checkpoints", *SAVED_MODEL_FILES)
        with whole_folder(target) as folder:
            shutil.copytree(run.path, folder, ignore=left_out, dirs_exist_ok=True)
            write_saved_model(self.predictor, folder, card)
        return target

    def evaluate(self, *, lists: str | Path | None = None) -> dict[str, Any]:
        """Judges the model on the test users, stores result.json in the run, and returns it.

        Args:
          lists: a Parquet file for the ranked list of each target, as `experiment peers` reads it.
        """
        run, log = self._trained(), self._log()
        assert self.model is not None
        place = None if lists is None else Path(lists)
        result = evaluate_run(run, log, self.model, self.predictor, place)
        run.write_result(result)
        return result

    def export(
        self,
        out: str | Path,
        name: str | None = None,
        *,
        retrieval: RetrievalName = "exact",
        filters: Mapping[str, str] | None = None,
        promotions: Mapping[str, str] | None = None,
        ranking_influence: Mapping[str, float] | None = None,
        exploration_item_age_cut_off: float | None = None,
    ) -> Path:
        """Writes the next version under a model's base path, for TensorFlow Serving.

        Args:
          out: the base path.
          name: the model's name on its card; the base path's last part if left out.
          retrieval: how it finds its answers, see `tfhrnn.predictor.Predictor`.
          filters: expressions by name, of which requests may name one, see
            `tfhrnn.filter_grammar`.
          promotions: likewise, of which requests may name one to give its items a share of the
            places.
          ranking_influence: as in `recommend`.
          exploration_item_age_cut_off: as in `recommend`.

        Returns:
          The version's folder.

        Raises:
          ConfigError: there is no such retrieval, or a filter is none.
          RunError: it cannot be written.

        Warns:
          UnmetValueWarning: as in `recommend`.
        """
        rules = AnswerRules(
            filters or {},
            ranking_influence or {},
            exploration_item_age_cut_off,
            promotions or {},
        )
        run, predictor = self._trained(), self._predictor(retrieval, rules)
        warn(predictor.unmet())
        card = model_card(run, predictor, name=name or Path(out).name, retrieval=retrieval)
        return export(predictor, out, card)
