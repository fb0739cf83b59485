"""From raw string ids to answers: one `tf.Module` that in process scores and *is* the SavedModel.

Its signatures, all of them with the batch first in every input and output (`history` is any
number of events, "" behind the last id of a row; a model without feedback, event types, user
features or item features lacks their inputs):

| signature | inputs | outputs |
|---|---|---|
| `recommend`, `serving_default` | events, user, query_time, question | answers |
| `recommend_from_state` | state_bytes, query_time, question | answers |
| `rank` | events, user, query_time, items `[b, n]` | log_probabilities, feedback |
| `rank_from_state` | state_bytes, query_time, items `[b, n]` | log_probabilities, feedback |
| `start` | rows `[b]` int32, user | state_bytes `[b]` |
| `update` | state_bytes, items `[b, n]`, times, feedback, event_types | state_bytes `[b]` |
| `similar_items` | items `[b]`, k | items, similarities `[b, k]` |
| `similar_by_features` | item_NAME `[b]`, k | items, similarities `[b, k]` |
| `describe_items` | items `[b, n]` | known, *descriptions* `[b, n]` |
| `search_items` | text, offset, k `[b]` | *descriptions* `[b, w]`, found `[b]` |
| `model_info` | rows `[b]` int32 | see `tfhrnn.predicting.model_info` |

- *events*: history `[b, n]` string, times `[b, n]` int64 Unix seconds, feedback `[b, n]` float32
  (NaN unknown), event_types `[b, n]` string ("" unknown). A time before the one in front counts as
  a gap of 0. Unknown ids and types are read as unknown.
- *user*: user_NAME `[b]`, float32 for numbers (NaN unknown), else string ("" unknown).
- query_time `[b]` int64.
- *question*: k `[b]` int32, 1 and more; exclude_seen `[b]` bool; allow and deny `[b, n]` string;
  exploration `[b]` float32; seed `[b]` int64; cold_items `[b, n]` string and a cold_item_NAME
  `[b, n]` for each feature; of a model with filters, filter `[b]` string, "" for none, and where
  they have parameters filter_values `[b, n]` string, "NAME=value": `tfhrnn.predicting.filters`;
  of a model with promotions, likewise, promotion `[b]` string and percent_promoted_items `[b]`
  int32, 0 to 100: `tfhrnn.predicting.promoting`.
- *answers*: items `[b, w]` string, log_probabilities `[b, w]` float32, cold `[b, w]` bool, and of
  a model with promotions promoted `[b, w]` bool; w is the largest k, cut at the number of items;
  "", −inf and false where a row has fewer.
- *descriptions*: items, titles and an item_NAME for each feature of the catalogue, popularity:
  `tfhrnn.predicting.item_finder`.
- state_bytes `[b]` string: `tfhrnn.predicting.state_bytes`.

An `allow` list without ids restricts nothing; one whose ids are all unknown allows nothing.
Denied and seen items stay in the softmax, so that log-probabilities do not depend on filters, k or
exploration. `cold_items` compete in it too, at λ = 1; those that the catalogue has are answered
from the catalogue, and none is ever among the seen. With an `exploration` of w > 0, items are
chosen and sorted by log p + w·g, g being Gumbel noise drawn by `seed` and item: w = 1 draws from
the model's distribution without replacement, less keeps closer to the best. `rank` answers for
given ids, −inf and NaN for unknown ones; a model without a ranking head answers no feedback.

A catalogue too large to be scored at once goes through another `tfhrnn.layers.retrieval`. Standard
TensorFlow ops only.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfhrnn.answer_options import AnswerOptions
from tfhrnn.answer_rules import AnswerRules
from tfhrnn.data.catalogue import Catalogue
from tfhrnn.data.features import FeatureSet
from tfhrnn.data.sessions import gap_levels
from tfhrnn.errors import ConfigError
from tfhrnn.histories import Histories
from tfhrnn.layers.retrieval import Retrieval
from tfhrnn.models.hrnn import HRNN
from tfhrnn.predicting.answering import Answering
from tfhrnn.predicting.filters import Filters
from tfhrnn.predicting.fingerprint import model_fingerprint
from tfhrnn.predicting.influence import Influence
from tfhrnn.predicting.item_finder import ItemFinder
from tfhrnn.predicting.model_info import info_signature, model_info
from tfhrnn.predicting.new_items import NewItems
from tfhrnn.predicting.request_reader import Inputs, RequestReader, Signature, same_rows, spec
from tfhrnn.predicting.similar import SimilarItems
from tfhrnn.predicting.state_bytes import StateBytes
from tfhrnn.predicting.user_reader import Reading, UserReader
from tfhrnn.refusals import without_nodes

Answer = Callable[[Inputs], dict[str, tf.Tensor]]


class Predictor(tf.Module):
    """Answers every signature.

    Args:
      model: a trained model; its present weights are used.
      catalogue: the items, in the order of the model's columns.
      user_features: how raw user columns are encoded, where the model reads them.
      retrieval: how the best items are found: "exact" scores the whole catalogue at once,
        "streaming" gives the same answers a part of the catalogue at a time (log-probabilities
        within 1e-5), "clustered" approximate ones; see `tfhrnn.layers.retrieval.Retrieval`.
      rules: what the answers of `recommend` and `recommend_from_state` keep to.
      ages: `[items]` days, as `tfhrnn.data.item_ages` has them; for rules that read them.

    Raises:
      ConfigError: there is no such retrieval, a filter is none, or rules lack the ages they read.
    """

    def __init__(
        self,
        model: HRNN,
        catalogue: Catalogue,
        user_features: FeatureSet | None = None,
        *,
        retrieval: str = "exact",
        rules: AnswerRules | None = None,
        ages: npt.NDArray[np.float32] | None = None,
    ) -> None:
        super().__init__(name="predictor")
        config = model.config
        self.thresholds, self.start_level = config.thresholds, config.start_level
        self.num_items, self.item_ids = catalogue.num_items, list(catalogue.ids)
        self.uses_feedback, self.uses_event_types = config.reads_feedback, config.event_types
        self.user_specs = (
            tuple(user_features.specs) if config.user_features and user_features else ()
        )
        weights, bias = model.decoder.item_matrix()
        self.weights = tf.Variable(weights, trainable=False, name="item_weights")
        self.bias = tf.Variable(bias, trainable=False, name="item_bias")
        self.requests = RequestReader(
            catalogue.ids,
            event_types=model.facts.event_types if config.event_types else None,
            feedback=config.reads_feedback,
            user_specs=self.user_specs,
        )
        self.users = UserReader(model, self.weights)
        self.new_items = by_features = None
        if config.item_features and catalogue.features and catalogue.features.specs:
            self.new_items = NewItems(model, catalogue.features.specs)
            rows = self.new_items.rows_as_if_new(catalogue.feature_matrix)
            by_features = tf.Variable(rows, trainable=False, name="rows_by_features")
        self.item_specs = None if self.new_items is None else self.new_items.specs
        parts = catalogue.ids, self.requests
        finder = Retrieval(retrieval, self.weights, self.bias)
        rules = rules or AnswerRules()
        if rules.reads_ages and ages is None:
            raise ConfigError("ages: got none, expected days of each item, which the rules read")
        named, promoted = (
            Filters(texts, kind, catalogue, self.requests, self.user_specs, self.item_specs)
            if texts
            else None
            for kind, texts in (("filter", rules.filters), ("promotion", rules.promotions))
        )
        influence = None
        if rules.ranking_influence or rules.exploration_item_age_cut_off is not None:
            influence = Influence(rules, model.facts.item_counts, ages)
        self.reads_event_types = self.uses_event_types or any(
            one is not None and one.reads_event_types for one in (named, promoted)
        )
        self.answering = Answering(*parts, finder, self.new_items, named, influence, promoted)
        self.similar = SimilarItems(*parts, self.weights, self.new_items, by_features)
        self.finder = ItemFinder(catalogue, self.requests, model.facts.item_counts)
        user_width = sum(feature.width for feature in self.user_specs)
        self.state_bytes = StateBytes(
            self.users.begun(tf.zeros([1, user_width])),
            self.num_items,
            model_fingerprint(model, catalogue, user_features),
        )
        self._model = lambda: model  # not tracked; see `UserReader`
        self._rules = lambda: rules
        self.rates = model.rating is not None
        if model.rating is not None:
            vectors = model.decoder.item_vectors(tf.range(self.num_items))
            self.item_vectors = tf.Variable(vectors, trainable=False, name="item_vectors")
            self.rating_variables = model.rating.variables
        # Traced when first asked for: most of a program's models answer one signature.
        functions: dict[str, Any] = {}
        self._functions = lambda: functions

    @property
    def rules(self) -> AnswerRules:
        """What its answers keep to."""
        return self._rules()

    def unmet(
        self, options: AnswerOptions | None = None, event_types: Collection[str] = ()
    ) -> list[str]:
        """What its filters and promotions name in vain, a line each; see `unmet_values`.

        Args:
          options: of a question, whose parameters and cold items count too.
          event_types: that further events have, beside those of training.
        """
        options, brought = options or AnswerOptions(), dict[str, list[str]]()
        for name, value in options.pairs():
            brought.setdefault(name, []).append(str(value))
        types = {*self._model().facts.event_types, *event_types}
        kinds = self.answering.filters, self.answering.promotions
        found = [one.unmet(types, brought, options.cold_items or {}) for one in kinds if one]
        return [line for lines in found for line in lines]

    @property
    def signatures(self) -> dict[str, Signature]:
        """The inputs of every signature but `model_info`, by name."""
        of_rows, state = spec("rows", 1, tf.int32), spec("state_bytes", 1, tf.string)
        time, items = spec("query_time", 1, tf.int64), spec("items", 2, tf.string)
        user, wanted = self.requests.user_signature(), self.answering.signature()
        history = {**self.requests.event_signature("history"), **user, **time}
        types = spec("event_types", 2, tf.string) if self.reads_event_types else {}
        found = {
            "recommend": {**history, **types, **wanted},
            "recommend_from_state": {**state, **time, **wanted},
            "rank": {**history, **items},
            "rank_from_state": {**state, **time, **items},
            "start": {**of_rows, **user},
            "update": {**state, **self.requests.event_signature("items")},
            "similar_items": self.similar.items_signature(),
            "describe_items": self.finder.describe_signature(),
            "search_items": self.finder.search_signature(),
        }
        if self.new_items is not None:
            found["similar_by_features"] = self.similar.features_signature()
        return found

    def signature(self, name: str = "recommend") -> Signature:
        """The inputs of a signature by name."""
        return self.signatures[name]

    def function(self, name: str) -> Any:
        """A signature's graph, which takes its inputs as named tensors."""
        answers: dict[str, Answer] = {
            "recommend": lambda x: self.answering.answer(self._history(x), x),
            "recommend_from_state": lambda x: self.answering.answer(self._state(x), x),
            "rank": lambda x: self._rank(self._history(x), x),
            "rank_from_state": lambda x: self._rank(self._state(x), x),
            "start": self._start,
            "update": self._update,
            "similar_items": self.similar.items,
            "similar_by_features": self.similar.features,
            "describe_items": self.finder.describe,
            "search_items": self.finder.search,
        }
        functions = self._functions()
        if name not in functions:
            functions[name] = _function(answers[name], self.signature(name))
        return functions[name]

    def info_function(self, card: Mapping[str, Any]) -> Any:
        """The graph of `model_info`, which answers from a model card."""
        return _function(lambda inputs: model_info(card, inputs), info_signature())

    def ask(self, name: str, arrays: Mapping[str, Any]) -> dict[str, npt.NDArray[Any]]:
        """Asks a signature in process, as a client would.

        Args:
          name: of the signature.
          arrays: by input name; further ones are ignored.

        Returns:
          Arrays by output name, strings as bytes.

        Raises:
          tf.errors.InvalidArgumentError: an input that the graph refuses; its message says why.
        """
        specs = self.signature(name)
        tensors = {key: tf.constant(arrays[key], specs[key].dtype) for key in specs}
        with without_nodes():
            found = self.function(name)(**tensors)
        return {key: value.numpy() for key, value in found.items()}

    def answer(
        self,
        histories: Histories,
        *,
        query_time: npt.NDArray[np.int64],
        k: int,
        exclude_seen: bool = False,
    ) -> tuple[npt.NDArray[np.str_], npt.NDArray[np.float32]]:
        """Asks `recommend` in process.

        Returns:
          ids `[users, k]`, "" where there are fewer, and log-probabilities `[users, k]`.
        """
        options = AnswerOptions(k=k, exclude_seen=exclude_seen)
        found = self.ask("recommend", self.inputs(histories, options, query_time=query_time))
        return texts(found["items"]), found["log_probabilities"]

    def rank(
        self,
        histories: Histories,
        items: npt.NDArray[np.str_],
        *,
        query_time: npt.NDArray[np.int64],
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Asks `rank` in process.

        Args:
          histories: of the users.
          items: `[users, asked]` ids.
          query_time: `[users]` Unix seconds.

        Returns:
          log-probabilities and predicted feedback `[users, asked]`, NaN without a ranking head.
        """
        arrays = self.user_inputs(histories, query_time=query_time)
        found = self.ask("rank", {**arrays, "items": items})
        log_p = found["log_probabilities"]
        return log_p, found.get("feedback", np.full_like(log_p, np.nan))

    def inputs(
        self,
        histories: Histories,
        options: AnswerOptions,
        *,
        query_time: npt.NDArray[np.int64],
    ) -> dict[str, npt.NDArray[Any]]:
        """The arrays of a `recommend` request by input name, in process or over REST."""
        users = self.user_inputs(histories, query_time=query_time)
        takes = self.answering.signature()
        return {**users, **options.inputs(len(histories), self.item_specs, takes)}

    def user_inputs(
        self, histories: Histories, *, query_time: npt.NDArray[np.int64]
    ) -> dict[str, npt.NDArray[Any]]:
        """The part of a request that tells of the users and the time of asking."""
        return histories.inputs(
            self.user_specs,
            query_time=query_time,
            with_feedback=self.uses_feedback,
            with_event_types=self.reads_event_types,
        )

    def levels(self, gap_seconds: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
        """Levels of gaps, `[n]`."""
        return gap_levels(gap_seconds, self.thresholds)

    def _history(self, inputs: Inputs) -> Reading:
        """Reads users by their histories."""
        events, count = self.requests.events(inputs, "history")
        user = self.requests.user(inputs, tf.shape(count)[0])
        return self.users.history(user, events, count, inputs["query_time"])

    def _state(self, inputs: Inputs) -> Reading:
        """Reads users by their states."""
        state = self.state_bytes.decode(inputs["state_bytes"])
        return self.users.state(state, inputs["query_time"])

    def _start(self, inputs: Inputs) -> dict[str, tf.Tensor]:
        """The states of users without events."""
        user = self.requests.user(inputs, tf.shape(inputs["rows"])[0])
        return {"state_bytes": self.state_bytes.encode(self.users.begun(user))}

    def _update(self, inputs: Inputs) -> dict[str, tf.Tensor]:
        """The states of users after further events."""
        state = self.state_bytes.decode(inputs["state_bytes"])
        events, count = self.requests.events(inputs, "items")
        return {"state_bytes": self.state_bytes.encode(self.users.updated(state, events, count))}

    def _rank(self, reading: Reading, inputs: Inputs) -> dict[str, tf.Tensor]:
        """What the model says of given items."""
        column = self.requests.columns(inputs["items"])
        found = {"log_probabilities": self.answering.rank(reading, column)}
        model = self._model()
        if model.rating is not None:
            vectors = tf.gather(self.item_vectors, tf.maximum(column, 0))
            rated = model.rating(reading.hidden[:, tf.newaxis], vectors)
            found["feedback"] = tf.where(column >= 0, rated, np.float32(np.nan))
        return found


def texts(strings: npt.NDArray[Any]) -> npt.NDArray[np.str_]:
    """UTF-8 bytes, as TensorFlow answers them, to text."""
    return np.char.decode(strings.astype(bytes), "utf-8")


def _function(answer: Answer, signature: Signature) -> Any:
    """A graph with named inputs, which first checks that all are of the same rows."""

    def named(**inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        with tf.control_dependencies(same_rows(inputs, signature)):
            return answer({name: tf.identity(value) for name, value in inputs.items()})

    # As in `HRNN.train_step`; a first export takes half of the time without AutoGraph.
    return tf.function(named, autograph=False).get_concrete_function(**signature)
