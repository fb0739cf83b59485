"""The estimator: from tables to a trained, judged and exported model in a few lines.

    recommender = HRNNRecommender("best").fit(interactions, items=movies, item_features=["genres:multi-hot"])
    recommender.evaluate()["perplexity"]
    recommender.recommend([["1", "32", "47"]], k=10, gap=3600)
    recommender.export("models/tfhrnn")
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import tensorflow as tf

from tfhrnn.config import Config, ModelConfig, preset
from tfhrnn.data.catalogue import Catalogue
from tfhrnn.data.event_log import EventLog, write_event_log
from tfhrnn.data.facts import training_facts
from tfhrnn.data.feature_choice import choose_features
from tfhrnn.data.sources import TableSource
from tfhrnn.data.split import Part, split_users
from tfhrnn.errors import ConfigError, RunError
from tfhrnn.evaluation.result import evaluate_run, result_key
from tfhrnn.export import export
from tfhrnn.histories import Histories
from tfhrnn.models.hrnn import HRNN
from tfhrnn.predictor import Predictor
from tfhrnn.run_folder import RunFolder
from tfhrnn.training import load_model, train


class HRNNRecommender:
    """Fits, judges, recommends, saves and exports an HRNN.

    Args:
      config: a `Config`, or a preset's name: "hrnn", "hrnn-metadata" or "best".
      **settings: changes to it by name, such as `units=64`.

    Raises:
      ConfigError: unknown preset, setting or value.
    """

    def __init__(self, config: Config | str = "best", **settings: object) -> None:
        self.config = preset(config, settings) if isinstance(config, str) else config.with_settings(settings)
        self._own_thresholds = "thresholds" in settings
        self.run: RunFolder | None = None
        self.log: EventLog | None = None
        self.model: HRNN | None = None
        self._predictor: Predictor | None = None
        self._temporary: tempfile.TemporaryDirectory[str] | None = None

    def fit(
        self,
        interactions: TableSource | EventLog,
        *,
        items: TableSource | None = None,
        users: TableSource | None = None,
        item_features: Sequence[str] | None = None,
        user_features: Sequence[str] | None = None,
        columns: Mapping[str, str] | None = None,
        run: str | Path | None = None,
        resume: bool = False,
        split_seed: int = 0,
        callbacks: Sequence[tf.keras.callbacks.Callback] = (),
        verbose: int | str = "auto",
    ) -> HRNNRecommender:
        """Trains on 80 % of the users, watching a tenth of those for early stopping.

        Args:
          interactions: CSV or Parquet file, polars or pandas frame, or an event log.
          items: item table, with ids, titles and features.
          users: user table.
          item_features: as "genres:multi-hot"; left out, columns are chosen by their content.
          user_features: likewise for the user table.
          columns: role to column name where names are not known ones, such as {"user_id": "who"}.
          run: folder of the run; a temporary one if left out, gone with this object.
          resume: go on with the run that stands in `run`.
          split_seed: of the split into training, validation and test users.
          callbacks: further Keras callbacks.
          verbose: as in Keras.

        Returns:
          This object.

        Raises:
          DataError: a table that cannot be read.
          RunError: `run` holds something else.
        """
        if run is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="tfhrnn-")
            run = Path(self._temporary.name) / "run"
        data: Path | None = None
        if isinstance(interactions, EventLog):
            self.log, data = interactions, interactions.directory
        else:
            data = Path(run).with_name(Path(run).name + "-data")
            self.log = write_event_log(
                interactions,
                data,
                items=items,
                users=users,
                item_features=choose_features(items, "item_id") if item_features is None else item_features,
                user_features=choose_features(users, "user_id") if user_features is None else user_features,
                columns=columns,
                name=Path(interactions).stem if isinstance(interactions, (str, Path)) else "frame",
            )
        return self._fit_log(data, Path(run), resume, split_seed, callbacks, verbose)

    def _fit_log(
        self,
        data: Path | None,
        path: Path,
        resume: bool,
        split_seed: int,
        callbacks: Sequence[tf.keras.callbacks.Callback],
        verbose: int | str,
    ) -> HRNNRecommender:
        assert self.log is not None
        if resume and path.exists():
            self.run = RunFolder(path).require()
            if self.run.description["fingerprint"] != self.log.fingerprint:
                raise RunError(f"{path}: got a run on other data, expected to resume on the same events")
            self.config = self.run.config
        else:
            if not self._own_thresholds and self.config.model.thresholds == ModelConfig().thresholds:
                self.config = self.config.with_settings({"thresholds": self.log.thresholds})
            parts = split_users(self.log.num_users, split_seed)
            training = np.flatnonzero(parts == Part.TRAIN)
            self.run = RunFolder.create(
                path,
                config=self.config,
                log=self.log,
                data=data,
                parts=parts,
                split_seed=split_seed,
                facts=training_facts(self.log, training, self.config.model),
            )
        self._predictor = None
        self.model = train(
            self.run,
            self.log,
            self.run.users(self.log, Part.TRAIN),
            self.run.users(self.log, Part.VALIDATION),
            resume=resume,
            callbacks=callbacks,
            verbose=verbose,
        )
        return self

    @classmethod
    def load(cls, path: str | Path, data: str | Path | None = None) -> HRNNRecommender:
        """A trained run from its folder.

        Args:
          path: what `save`, `fit(run=...)` or `tfhrnn train` wrote.
          data: the event log, where it no longer stands at the place noted; only `evaluate` needs it.

        Raises:
          RunError: no such run, or one without a finished epoch.
        """
        run = RunFolder(path).require()
        recommender = cls(run.config)
        recommender.run = run
        recommender._data = data
        recommender.model = load_model(run)
        return recommender

    _data: str | Path | None = None

    def save(self, path: str | Path) -> Path:
        """Copies the run folder, whole or not at all, for `load`.

        Raises:
          RunError: nothing is trained yet, or `path` exists.
        """
        run, target = self._trained(), Path(path)
        if target.exists():
            raise RunError(f"{target}: got a path that exists, expected a new one")
        temporary = target.with_name(f".{target.name}.tmp")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(temporary, ignore_errors=True)
            shutil.copytree(run.path, temporary, ignore=shutil.ignore_patterns("tensorboard", "checkpoints"))
            temporary.rename(target)
        except OSError as error:
            raise RunError(f"{target}: could not be written: {error.strerror or error}") from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return target

    @property
    def catalogue(self) -> Catalogue:
        """The items that are recommended from."""
        return self._trained().catalogue

    @property
    def predictor(self) -> Predictor:
        """The module that answers in process, and that `export` writes."""
        run = self._trained()
        if self._predictor is None:
            assert self.model is not None
            self._predictor = Predictor(self.model, run.catalogue, run.user_features)
        return self._predictor

    def evaluate(self) -> dict[str, Any]:
        """Judges the model on the test users, stores result.json in the run, and returns it."""
        run = self._trained()
        if self.log is None:
            self.log = run.open_log(self._data)
        assert self.model is not None
        result = evaluate_run(run, self.log, self.model, self.predictor)
        run.write_result(result)
        return result

    def recommend(
        self,
        histories: Sequence[Sequence[str]] | Histories | TableSource,
        *,
        k: int = 10,
        query_time: int | Sequence[int] | None = None,
        gap: int | Sequence[int] | None = None,
        exclude_seen: bool = False,
        times: Sequence[Sequence[int]] | None = None,
        user_columns: Mapping[str, Sequence[Any]] | None = None,
    ) -> pl.DataFrame:
        """The k best items for each history.

        Args:
          histories: lists of ids, oldest first; a table of interactions (a history a user); or `Histories`.
          k: items a history; at most the catalogue.
          query_time: Unix seconds at which the answer is wanted, one or one each.
          gap: seconds after the last event instead, one or one each; 0 if both are left out.
          exclude_seen: leave out the history's last distinct items.
          times: Unix seconds of plain lists' events; the training data's median gap apart if left out.
          user_columns: raw user features by name, a value a history.

        Returns:
          A row an answer: `user`, `rank` (from 1), `item`, `title`, `log_probability` over the whole catalogue, and
          `level`, of the gap.

        Raises:
          ConfigError: both query_time and gap, or a k below 1.
        """
        run = self._trained()
        if k < 1:
            raise ConfigError(f"k: got {k}, expected 1 or more")
        if query_time is not None and gap is not None:
            raise ConfigError("got both query_time and gap, expected one of them")
        if isinstance(histories, (list, tuple)):
            histories = Histories.from_lists(histories, run.facts, times=times, user_columns=user_columns)
        elif not isinstance(histories, Histories):
            histories = Histories.from_table(histories, user_columns=user_columns)
        last = np.where([len(row) > 0 for row in histories.items], histories.last_times, run.facts.last_time)
        asked = self._query_times(last, query_time, gap)
        ids, log_p = self.predictor.answer(histories, query_time=asked, k=k, exclude_seen=exclude_seen)
        levels = self.predictor.levels(np.maximum(asked - last, 0))
        rows, ranks = np.nonzero(ids != "")
        chosen = ids[rows, ranks]
        catalogue = run.catalogue
        titles = dict(zip(catalogue.ids, catalogue.titles, strict=True))
        return pl.DataFrame(
            {
                "user": [histories.names[row] for row in rows],
                "rank": ranks + 1,
                "item": chosen.tolist(),
                "title": [titles[item] for item in chosen.tolist()],
                "log_probability": log_p[rows, ranks],
                "level": levels[rows],
            },
            schema_overrides={"user": pl.String, "item": pl.String, "title": pl.String},
        )

    @staticmethod
    def _query_times(
        last: npt.NDArray[np.int64],
        query_time: int | Sequence[int] | None,
        gap: int | Sequence[int] | None,
    ) -> npt.NDArray[np.int64]:
        if query_time is not None:
            return np.broadcast_to(np.asarray(query_time, np.int64), last.shape)
        return last + np.broadcast_to(np.asarray(gap or 0, np.int64), last.shape)

    def export(self, out: str | Path, name: str | None = None) -> Path:
        """Writes the next version under a model's base path, for TensorFlow Serving.

        Args:
          out: the base path.
          name: the model's name on its card; the base path's last part if left out.

        Returns:
          The version's folder.

        Raises:
          RunError: it cannot be written.
        """
        run = self._trained()
        card: dict[str, Any] = {
            "name": name or Path(out).name,
            "description": (
                "Next-item recommender: a hierarchical recurrent network with meta data (HRNN-meta), "
                f"preset {self.config.preset}, written by tfhrnn."
            ),
            "data": {
                "name": run.description["dataset"],
                "fingerprint": run.description["fingerprint"],
                "catalogue_items": run.catalogue.num_items,
                "thresholds": list(self.config.model.thresholds),
            },
            "inputs": {
                key: f"{spec.dtype.name} {spec.shape}" for key, spec in self.predictor.signature().items()
            },
            "versions": run.description["versions"],
        }
        if run.result.is_file():
            result = run.read_result()
            key = result_key(self.config)
            metrics = ("perplexity", "hit_rate_at_10", "ndcg_at_10", "mrr_at_10")
            card["figures"] = {metric: result[metric][key] for metric in metrics}
            card["figures"]["perplexity_of_popularity"] = result["perplexity"]["popularity"]
            card["protocol"] = result["protocol"]
        return export(self.predictor, out, card)

    def _trained(self) -> RunFolder:
        if self.run is None or self.model is None:
            raise RunError("got a recommender that is not fitted, expected fit() or load() first")
        return self.run
