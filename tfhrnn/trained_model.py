"""What a trained model answers in Python: the same as its SavedModel, with tables in and out."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tfhrnn.all_users import Written, recommend_all
from tfhrnn.answer_options import AnswerOptions, FilterValues
from tfhrnn.answer_rules import FILTER, PROMOTION, AnswerRules
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
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.item_ages import item_ages
from tfhrnn.data.sources import TableSource
from tfhrnn.errors import ConfigError, RunError, UnmetValueWarning
from tfhrnn.frames import Frame, in_kind_of
from tfhrnn.histories import Histories
from tfhrnn.models.hrnn import HRNN
from tfhrnn.predictor import Predictor, texts
from tfhrnn.refusals import in_words
from tfhrnn.run_folder import RunFolder

_MOST_PREDICTORS: Final = 8  # each filter has one, with a graph of its own


class TrainedModel:
    """A run and its model, asked for recommendations; `HRNNRecommender` trains it."""

    def __init__(self) -> None:
        self.run: RunFolder | None = None
        self.model: HRNN | None = None
        self.log: EventLog | None = None
        self._predictors: dict[tuple[str, str], Predictor] = {}

    @property
    def catalogue(self) -> Catalogue:
        """The items that are recommended from."""
        return self._trained().catalogue

    @property
    def predictor(self) -> Predictor:
        """The module that answers in process, and that `export` writes, with exact retrieval."""
        return self._predictor("exact")

    def _predictor(self, retrieval: str, rules: AnswerRules | None = None) -> Predictor:
        """What answers, made when first asked for."""
        run, rules = self._trained(), rules or AnswerRules()
        key = retrieval, json.dumps(rules.told)
        if key not in self._predictors:
            assert self.model is not None
            if len(self._predictors) == _MOST_PREDICTORS:
                self._predictors.pop(next(iter(self._predictors)))
            self._predictors[key] = Predictor(
                self.model,
                run.catalogue,
                run.user_features,
                retrieval=retrieval,
                rules=rules,
                ages=self._ages() if rules.reads_ages else None,
            )
        return self._predictors[key]

    def _ages(self) -> npt.NDArray[np.float32]:
        """How old items are, read off the events that the run was trained on."""
        run = self._trained()
        read = run.division(self._log()).training(run.config.training)
        return item_ages(read.log, read.users, run.catalogue)

    def _log(self) -> EventLog:
        """The event log that the run was trained on, opened when first asked for."""
        if self.log is None:
            self.log = self._trained().open_log()
        return self.log

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
        columns: Mapping[str, str] | None = None,
        rerank: int | None = None,
        retrieval: RetrievalName = "exact",
        allow: Sequence[str] | None = None,
        deny: Sequence[str] = (),
        exploration: float = 0.0,
        seed: int = 0,
        cold_items: TableSource | None = None,
        filter: str | None = None,
        filter_values: FilterValues | None = None,
        promotion: str | None = None,
        percent_promoted_items: int = 0,
        ranking_influence: Mapping[str, float] | None = None,
        exploration_item_age_cut_off: float | None = None,
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
          columns: role → column of a table; what is left out is looked for under the columns of the
            tables that the model was trained on, then under known names.
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
          filter: an expression in Amazon Personalize's words, see `tfhrnn.filter_grammar`.
          filter_values: of its parameters, by name: one value or several.
          promotion: an expression likewise, whose items get a share of the k places.
          percent_promoted_items: that share; see `tfhrnn.predicting.promoting`.
          ranking_influence: 0 to 1 of "POPULARITY" and "FRESHNESS"; see
            `tfhrnn.answer_rules.AnswerRules`.
          exploration_item_age_cut_off: most days of age of an item that explores; None for all.

        Returns:
          A row an answer: `user`, `rank` (from 1), `item`, `title`, `log_probability` over the
          whole catalogue and the cold items, `cold` where there are some, `promoted` where a
          promotion was asked for, `feedback` where it was reranked, and `level`, of the gap (the
          start level where there is no history). A pandas frame where `histories` is one, else
          polars.

        Raises:
          ConfigError: both query_time and gap, a k below 1, a time that can't be, a user feature,
            feedback or event types that the model doesn't read, no such retrieval, or columns
            without a table.
          DataError: lists of unlike lengths, or a value that is no number where one is read.

        Warns:
          UnmetValueWarning: a filter or promotion names a value that no item has, or a type that no
            event has.
        """
        if rerank is not None and rerank < k:
            raise ConfigError(f"rerank: got {rerank}, expected k = {k} or more")
        if rerank is not None and promotion is not None:
            raise ConfigError("rerank: got a promotion too, whose places it would undo")
        rules = AnswerRules.of_question(
            filter, promotion, ranking_influence, exploration_item_age_cut_off
        )
        run, predictor = self._trained(), self._predictor(retrieval, rules)
        new, titles = new_items(cold_items, predictor.item_specs, run.columns)
        options = AnswerOptions(
            k=k if rerank is None else rerank,
            exclude_seen=exclude_seen,
            allow=allow,
            deny=deny,
            exploration=exploration,
            seed=seed,
            cold_items=new,
            filter="" if filter is None else FILTER,
            filter_values=filter_values or {},
            promotion="" if promotion is None else PROMOTION,
            percent_promoted_items=percent_promoted_items,
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
            columns=columns,
            known_columns=run.columns,
        )
        kinds = asked.histories.event_types or ()
        warn(predictor.unmet(options, {kind for row in kinds for kind in row}))
        request = predictor.inputs(asked.histories, options, query_time=asked.query_time)
        with in_words():
            found = predictor.ask("recommend", request)
        answers = {"item": texts(found["items"]), "log_probability": found["log_probabilities"]}
        if new is not None:
            answers["cold"] = found["cold"]
        if promotion is not None:
            answers["promoted"] = found["promoted"]
        if rerank is not None:
            _, predicted = predictor.rank(
                asked.histories, answers["item"], query_time=asked.query_time
            )
            sorted_ = best_first({**answers, "feedback": predicted}, "feedback")
            answers = {name: values[:, :k] for name, values in sorted_.items()}
        return in_kind_of(histories, answers_table(run.catalogue, asked, answers, titles))

    def recommend_all(
        self,
        out: str | Path,
        *,
        users: Sequence[str] | None = None,
        data: str | Path | EventLog | None = None,
        k: int = 25,
        query_time: int | None = None,
        gap: int | None = None,
        exclude_seen: bool = False,
        retrieval: RetrievalName = "exact",
        allow: Sequence[str] | None = None,
        deny: Sequence[str] = (),
        exploration: float = 0.0,
        seed: int = 0,
        cold_items: TableSource | None = None,
        filter: str | None = None,
        filter_values: FilterValues | None = None,
        promotion: str | None = None,
        percent_promoted_items: int = 0,
        ranking_influence: Mapping[str, float] | None = None,
        exploration_item_age_cut_off: float | None = None,
        told: Callable[[int, int], None] = lambda done, users: None,
    ) -> Written:
        """The k best items for each of many users, written as Parquet, a row a user.

        A call that is stopped leaves nothing under the file's name; the same call again goes on.

        Args:
          out: the file; its columns are those of `tfhrnn.all_users.recommend_all`.
          users: ids; all users of the event log if left out. One without events is answered as a
            new user, of unknown features.
          data: an event log that histories are read from, which may hold newer events; the one
            trained on if left out.
          k: items a user; at most the catalogue.
          query_time: Unix seconds at which all answers are wanted.
          gap: seconds after each user's last event instead; 0 if both are left out.
          exclude_seen: as in `recommend`.
          retrieval: as in `recommend`.
          allow: as in `recommend`.
          deny: as in `recommend`.
          exploration: as in `recommend`.
          seed: of that noise; each user has a seed of its own, made of this and the id.
          cold_items: as in `recommend`.
          filter: as in `recommend`.
          filter_values: as in `recommend`.
          promotion: as in `recommend`.
          percent_promoted_items: as in `recommend`.
          ranking_influence: as in `recommend`.
          exploration_item_age_cut_off: as in `recommend`.
          told: hears how many of how many users are answered.

        Returns:
          What was written.

        Raises:
          ConfigError: as in `recommend`.
          RunError: the event log is missing, or the file cannot be written.

        Warns:
          UnmetValueWarning: as in `recommend`.
        """
        rules = AnswerRules.of_question(
            filter, promotion, ranking_influence, exploration_item_age_cut_off
        )
        run, predictor = self._trained(), self._predictor(retrieval, rules)
        if not isinstance(data, EventLog):
            data = self._log() if data is None else EventLog.open(data)
        new, _ = new_items(cold_items, predictor.item_specs, run.columns)
        options = AnswerOptions(
            k=k,
            exclude_seen=exclude_seen,
            allow=allow,
            deny=deny,
            exploration=exploration,
            seed=seed,
            cold_items=new,
            filter="" if filter is None else FILTER,
            filter_values=filter_values or {},
            promotion="" if promotion is None else PROMOTION,
            percent_promoted_items=percent_promoted_items,
        )
        warn(predictor.unmet(options, data.event_types))
        return recommend_all(
            predictor,
            run.facts,
            data,
            out,
            users=users,
            options=options,
            query_time=query_time,
            gap=gap,
            told=told,
        )

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
        columns: Mapping[str, str] | None = None,
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
          columns: as in `recommend`.

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
            columns=columns,
            known_columns=run.columns,
        )
        ids = padded_items(items, len(asked.query_time))
        log_p, predicted = predictor.rank(asked.histories, ids, query_time=asked.query_time)
        answers: dict[str, npt.NDArray[Any]] = {"item": ids, "log_probability": log_p}
        if predictor.rates:
            answers["feedback"] = predicted
        by = "feedback" if predictor.rates else "log_probability"
        return in_kind_of(histories, answers_table(run.catalogue, asked, best_first(answers, by)))

    def _trained(self) -> RunFolder:
        if self.run is None or self.model is None:
            raise RunError("got a recommender that is not fitted, expected fit() or load() first")
        return self.run


def warn(unmet: Sequence[str]) -> None:
    """Warns the caller's caller of what filters name in vain."""
    for line in unmet:
        warnings.warn(line, UnmetValueWarning, stacklevel=3)
