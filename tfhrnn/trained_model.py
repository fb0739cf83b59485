"""What a trained model answers in Python: the same as its SavedModel, with tables in and out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tfhrnn.answer_options import AnswerOptions
from tfhrnn.answers import (
    answers_table,
    ask,
    best_first,
    new_items,
    padded_items,
    similar_table,
)
from tfhrnn.config import RetrievalName
from tfhrnn.data.catalogue import Catalogue
from tfhrnn.data.sources import TableSource
from tfhrnn.errors import ConfigError, RunError
from tfhrnn.frames import Frame, in_kind_of
from tfhrnn.histories import Histories
from tfhrnn.models.hrnn import HRNN
from tfhrnn.predictor import Predictor, texts
from tfhrnn.run_folder import RunFolder


class TrainedModel:
    """A run and its model, asked for recommendations; `HRNNRecommender` trains it."""

    def __init__(self) -> None:
        self.run: RunFolder | None = None
        self.model: HRNN | None = None
        self._predictors: dict[str, Predictor] = {}

    @property
    def catalogue(self) -> Catalogue:
        """The items that are recommended from."""
        return self._trained().catalogue

    @property
    def predictor(self) -> Predictor:
        """The module that answers in process, and that `export` writes, with exact retrieval."""
        return self._predictor("exact")

    def _predictor(self, retrieval: str) -> Predictor:
        run = self._trained()
        if retrieval not in self._predictors:
            assert self.model is not None
            self._predictors[retrieval] = Predictor(
                self.model, run.catalogue, run.user_features, retrieval=retrieval
            )
        return self._predictors[retrieval]

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
        feedback: Sequence[Sequence[float | None]] | None = None,
        event_types: Sequence[Sequence[str | None]] | None = None,
        rerank: int | None = None,
        retrieval: RetrievalName = "exact",
        allow: Sequence[str] | None = None,
        deny: Sequence[str] = (),
        exploration: float = 0.0,
        seed: int = 0,
        cold_items: TableSource | None = None,
    ) -> Frame:
        """The k best items for each history.

        Args:
          histories: lists of ids, oldest first; a table of interactions (a history a user); or
            `Histories`.
          k: items a history; at most the catalogue.
          query_time: Unix seconds at which the answer is wanted, one or one each.
          gap: seconds after the last event instead, one or one each; 0 if both are left out.
          exclude_seen: leave out the history's last distinct items.
          times: Unix seconds of plain lists' events; the training data's median gap apart if left
            out.
          user_columns: raw user features by name, a value a history.
          feedback: of plain lists' events, None or NaN where unknown; all of them if left out.
          event_types: types of plain lists' events, "" or None where unknown; all of them if left
            out.
          rerank: retrieve that many, and return the k of the highest predicted feedback; cold
            items, of which none is predicted, come last.
          retrieval: how the best are found, see `tfhrnn.predictor.Predictor`.
          allow: the only ids to recommend; None for all items.
          deny: ids not to recommend.
          exploration: how far to leave the best: items are chosen by log-probability plus Gumbel
            noise times this weight, so that 1 draws from the model's distribution.
          seed: of that noise; another one explores other items.
          cold_items: a table of items in no catalogue, with their ids and the model's item
            features, that compete with all others by their features alone.

        Returns:
          A row an answer: `user`, `rank` (from 1), `item`, `title`, `log_probability` over the
          whole catalogue and the cold items, `cold` where there are some, `feedback` where it was
          reranked, and `level`, of the gap (the start level where there is no history). A pandas
          frame where `histories` is one, else polars.

        Raises:
          ConfigError: both query_time and gap, a k below 1, a time that can't be, a user feature,
            feedback or event types that the model doesn't read, or no such retrieval.
          DataError: lists of unlike lengths, or a value that is no number where one is read.
        """
        if rerank is not None and rerank < k:
            raise ConfigError(f"rerank: got {rerank}, expected k = {k} or more")
        run, predictor = self._trained(), self._predictor(retrieval)
        new, titles = new_items(cold_items, predictor.item_specs)
        options = AnswerOptions(
            k=k if rerank is None else rerank,
            exclude_seen=exclude_seen,
            allow=allow,
            deny=deny,
            exploration=exploration,
            seed=seed,
            cold_items=new,
        )
        if rerank is not None and not predictor.rates:
            raise ConfigError(
                "rerank: got a model without a ranking head, expected one: train with --set "
                "rating=joint or detached"
            )
        asked = ask(
            predictor,
            run.facts,
            histories,
            times=times,
            user_columns=user_columns,
            query_time=query_time,
            gap=gap,
            feedback=feedback,
            event_types=event_types,
        )
        request = predictor.inputs(asked.histories, options, query_time=asked.query_time)
        found = predictor.ask("recommend", request)
        columns = {"item": texts(found["items"]), "log_probability": found["log_probabilities"]}
        if new is not None:
            columns["cold"] = found["cold"]
        if rerank is not None:
            _, predicted = predictor.rank(
                asked.histories, columns["item"], query_time=asked.query_time
            )
            sorted_ = best_first({**columns, "feedback": predicted}, "feedback")
            columns = {name: values[:, :k] for name, values in sorted_.items()}
        return in_kind_of(histories, answers_table(run.catalogue, asked, columns, titles))

    def similar(self, items: Sequence[str], *, k: int = 10) -> Frame:
        """The items most similar to each of some, by the cosine of the decoder's rows.

        Args:
          items: ids; a pandas column of them is answered in pandas.
          k: how many, at most the catalogue without the item itself.

        Returns:
          A row an answer: `item`, `rank` (from 1), `similar`, `title` (of the similar one) and
          `similarity`, from −1 to 1; none for an id that is not in the catalogue.

        Raises:
          ConfigError: a k below 1.
        """
        if k < 1:
            raise ConfigError(f"k: got {k}, expected 1 or more")
        run, predictor = self._trained(), self.predictor
        ids = [str(item) for item in items]
        asked = {"items": np.array(ids, object), "k": np.full(len(ids), k, np.int32)}
        found = predictor.ask("similar_items", asked)
        return in_kind_of(items, similar_table(run.catalogue, ids, found))

    def rank(
        self,
        histories: Sequence[Sequence[str]] | Histories | TableSource,
        items: Sequence[Sequence[str]],
        *,
        query_time: int | Sequence[int] | None = None,
        gap: int | Sequence[int] | None = None,
        times: Sequence[Sequence[int]] | None = None,
        user_columns: Mapping[str, Sequence[Any]] | None = None,
        feedback: Sequence[Sequence[float | None]] | None = None,
        event_types: Sequence[Sequence[str | None]] | None = None,
    ) -> Frame:
        """Given items for each history, best first.

        Args:
          histories: as in `recommend`.
          items: ids to rank, a list for each history.
          query_time: as in `recommend`.
          gap: as in `recommend`.
          times: as in `recommend`.
          user_columns: as in `recommend`.
          feedback: as in `recommend`.
          event_types: as in `recommend`.

        Returns:
          As `recommend`, with `feedback`, what the user is expected to say of the item, where the
          model has a ranking head: rows are sorted by it, and by log-probability otherwise. An id
          that is not in the catalogue comes last, with -inf and NaN.

        Raises:
          ConfigError: as in `recommend`.
          DataError: as in `recommend`, or not a list of items for each history.
        """
        run, predictor = self._trained(), self.predictor
        asked = ask(
            predictor,
            run.facts,
            histories,
            times=times,
            user_columns=user_columns,
            query_time=query_time,
            gap=gap,
            feedback=feedback,
            event_types=event_types,
        )
        ids = padded_items(items, len(asked.query_time))
        log_p, predicted = predictor.rank(asked.histories, ids, query_time=asked.query_time)
        columns: dict[str, npt.NDArray[Any]] = {"item": ids, "log_probability": log_p}
        if predictor.rates:
            columns["feedback"] = predicted
        by = "feedback" if predictor.rates else "log_probability"
        return in_kind_of(histories, answers_table(run.catalogue, asked, best_first(columns, by)))

    def _trained(self) -> RunFolder:
        if self.run is None or self.model is None:
            raise RunError("got a recommender that is not fitted, expected fit() or load() first")
        return self.run
