"""From raw string ids to recommendations: one `tf.Module` that *is* the SavedModel.

A history becomes the same steps that training reads (start event, items, the gap to the next event,
the query time at the last step); the decoder scores the whole catalogue; filters come after the
log-softmax, so that log-probabilities are over all items whatever is filtered, and before top-k, so
that k answers come back where k candidates exist. Catalogues too large to be scored at once go
through `tfhrnn.layers.retrieval` instead. Standard TensorFlow ops only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfhrnn.data.catalogue import FIRST_ITEM, START, UNKNOWN, Catalogue
from tfhrnn.data.features import FeatureSet
from tfhrnn.data.sessions import gap_levels
from tfhrnn.feature_encoder import FeatureEncoder, string_index
from tfhrnn.histories import Histories
from tfhrnn.layers.retrieval import Retrieval, seen_columns
from tfhrnn.layers.top_k import Marks
from tfhrnn.models.hrnn import HRNN


class Events(NamedTuple):
    """A window's inputs for `HRNN.encode`, `[batch, steps]` each (`user` with a width)."""

    reset: tf.Tensor
    item: tf.Tensor
    level: tf.Tensor
    gap: tf.Tensor
    query_time: tf.Tensor
    position: tf.Tensor
    feedback: tf.Tensor
    user: tf.Tensor
    first_item: tf.Tensor
    event_type: tf.Tensor


class _Reading(NamedTuple):
    """What is known of a request before anything is scored.

    Attributes:
      hidden: `[batch, units]` float32.
      index: `[batch, time]` int32 of the history's items.
      given: `[batch, time]` int32, 0 where the history is padded.
      seen_bias: β: a scalar, `[items]`, or `[batch, 1]`.
    """

    hidden: tf.Tensor
    index: tf.Tensor
    given: tf.Tensor
    seen_bias: tf.Tensor


class Predictor(tf.Module):
    """Answers `recommend` and `rank`.

    Args:
      model: a trained model; its present weights are used.
      catalogue: the items, in the order of the model's columns.
      user_features: how raw user columns are encoded, where the model reads them.
      retrieval: how the best items are found: "exact" scores the whole catalogue at once,
        "streaming" gives the same answers a part of the catalogue at a time (log-probabilities
        within 1e-5), "clustered" approximate ones; see `tfhrnn.layers.retrieval.Retrieval`.

    Raises:
      ConfigError: there is no such retrieval.
    """

    def __init__(
        self,
        model: HRNN,
        catalogue: Catalogue,
        user_features: FeatureSet | None = None,
        *,
        retrieval: str = "exact",
    ) -> None:
        super().__init__(name="predictor")
        config = model.config
        self.thresholds, self.start_level = config.thresholds, config.start_level
        self.num_items, self.seen_items = catalogue.num_items, config.seen_items
        self.uses_feedback, self.uses_event_types = config.reads_feedback, config.event_types
        self.user_specs = (
            tuple(user_features.specs) if config.user_features and user_features else ()
        )
        self.item_ids = tf.constant(catalogue.ids)
        self._index = string_index(catalogue.ids, first=FIRST_ITEM, default=UNKNOWN)
        if self.uses_event_types:
            self._type_index = string_index(list(model.facts.event_types), first=1, default=0)
        self._user_encoders = [FeatureEncoder(spec) for spec in self.user_specs]
        weights, bias = model.decoder.item_matrix()
        self.weights = tf.Variable(weights, trainable=False, name="item_weights")
        self.bias = tf.Variable(bias, trainable=False, name="item_bias")
        seen_bias = model.decoder.seen_bias
        self.seen_bias = tf.Variable(
            0.0 if seen_bias is None else seen_bias, trainable=False, name="seen_bias"
        )
        self.seen_bias_is_of_levels = seen_bias is not None and config.seen_bias_form == "level"
        self.retrieval = (
            None if retrieval == "exact" else Retrieval(retrieval, self.weights, self.bias)
        )
        # The model is kept out of the module's attributes (a lambda is not tracked), so that saving
        # writes variables and our graph instead of every layer's own functions.
        self._model = lambda: model
        self.layer_variables = [
            v for layer in model.encoder_layers for v in layer.variables if v.dtype != tf.int64
        ]
        if model.rating is not None:
            vectors = model.decoder.item_vectors(tf.range(self.num_items))
            self.item_vectors = tf.Variable(vectors, trainable=False, name="item_vectors")
            self.layer_variables += model.rating.variables
        self.rates = model.rating is not None
        self.recommend = _function(self._recommend, self.signature())
        self.rank_items = _function(self._rank, self.rank_signature())

    def signature(self) -> dict[str, tf.TensorSpec]:
        """The inputs of `recommend` by name."""
        return {
            **self._history_signature(),
            "k": tf.TensorSpec([None], tf.int32, name="k"),
            "exclude_seen": tf.TensorSpec([None], tf.bool, name="exclude_seen"),
        }

    def rank_signature(self) -> dict[str, tf.TensorSpec]:
        """The inputs of `rank` by name."""
        return {
            **self._history_signature(),
            "items": tf.TensorSpec([None, None], tf.string, name="items"),
        }

    def _history_signature(self) -> dict[str, tf.TensorSpec]:
        spec = {
            "history": tf.TensorSpec([None, None], tf.string, name="history"),
            "times": tf.TensorSpec([None, None], tf.int64, name="times"),
        }
        if self.uses_feedback:
            spec["feedback"] = tf.TensorSpec([None, None], tf.float32, name="feedback")
        if self.uses_event_types:
            spec["event_types"] = tf.TensorSpec([None, None], tf.string, name="event_types")
        for user in self.user_specs:
            dtype = tf.float32 if user.kind == "numeric" else tf.string
            spec[f"user_{user.name}"] = tf.TensorSpec([None], dtype, name=f"user_{user.name}")
        spec["query_time"] = tf.TensorSpec([None], tf.int64, name="query_time")
        return spec

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
        arrays = self.inputs(histories, query_time=query_time, k=k, exclude_seen=exclude_seen)
        specs = self.signature()
        found = self.recommend(
            **{name: tf.constant(arrays[name], spec.dtype) for name, spec in specs.items()}
        )
        return np.char.decode(found["items"].numpy().astype(bytes), "utf-8"), found[
            "log_probabilities"
        ].numpy()

    def rank(
        self,
        histories: Histories,
        items: npt.NDArray[np.str_],
        *,
        query_time: npt.NDArray[np.int64],
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Asks `rank_items` in process.

        Args:
          histories: of the users.
          items: `[users, asked]` ids.
          query_time: `[users]` Unix seconds.

        Returns:
          log-probabilities and predicted feedback `[users, asked]`, NaN without a ranking head.
        """
        arrays = self.inputs(histories, query_time=query_time, k=1)
        specs = self.rank_signature()
        found = self.rank_items(
            **{
                name: tf.constant(items if name == "items" else arrays[name], spec.dtype)
                for name, spec in specs.items()
            }
        )
        log_p = found["log_probabilities"].numpy()
        unknown = np.full_like(log_p, np.nan)
        return log_p, found["feedback"].numpy() if "feedback" in found else unknown

    def inputs(
        self,
        histories: Histories,
        *,
        query_time: npt.NDArray[np.int64],
        k: int,
        exclude_seen: bool = False,
    ) -> dict[str, npt.NDArray[Any]]:
        """The arrays of a request by input name, in process or over REST."""
        return histories.inputs(
            self.user_specs,
            query_time=query_time,
            k=k,
            exclude_seen=exclude_seen,
            with_feedback=self.uses_feedback,
            with_event_types=self.uses_event_types,
        )

    def levels(self, gap_seconds: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
        """Levels of gaps, `[n]`."""
        return gap_levels(gap_seconds, self.thresholds)

    def _recommend(self, inputs: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Top-k ids and log-probabilities.

        `history` `[batch, time]` ids padded with "" at the end, `times` their Unix seconds (a time
        before the one in front counts as a gap of 0), `feedback` with NaN for unknown,
        `event_types` with "" for unknown, `query_time`, `k` (1 and more; cut at the catalogue's
        size) and `exclude_seen` `[batch]`. Out come `[batch, max k]`, "" and −inf where a row has
        fewer.
        """
        k = inputs["k"]
        positive = tf.debugging.assert_positive(k, message="k: expected 1 or more")
        with tf.control_dependencies([positive]):
            reading = self._read(inputs)
        # The largest of no rows is the lowest integer.
        width = tf.clip_by_value(tf.reduce_max(k), 0, self.num_items)
        if self.retrieval is None:
            log_p, seen = self._judge(reading)
            allowed = ~(seen & inputs["exclude_seen"][:, tf.newaxis])
            best, column = tf.math.top_k(tf.where(allowed, log_p, -np.inf), width)
        else:
            marks = self._marks(reading, inputs["exclude_seen"])
            best, column = self.retrieval.best(reading.hidden, width, marks)
            column = tf.maximum(column, 0)
        valid = (tf.range(width)[tf.newaxis] < k[:, tf.newaxis]) & (best > -np.inf)
        return {
            "items": tf.where(valid, tf.gather(self.item_ids, column), ""),
            "log_probabilities": tf.where(valid, best, -np.inf),
        }

    def _rank(self, inputs: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """What the model says of given items.

        `items` `[batch, asked]` ids beside the history of `_recommend`. Out come `[batch, asked]`
        log-probabilities over the whole catalogue and, of a model with a ranking head, the
        predicted feedback; -inf and NaN for ids that are not in the catalogue.
        """
        reading = self._read(inputs)
        column = tf.cast(self._index.lookup(inputs["items"]), tf.int32) - FIRST_ITEM
        known = column >= 0
        column = tf.maximum(column, 0)
        if self.retrieval is None:
            log_p = tf.gather(self._judge(reading)[0], column, batch_dims=1)
        else:
            marks = self._marks(reading)
            log_p = self.retrieval.log_probabilities(reading.hidden, column, marks)
        found = {"log_probabilities": tf.where(known, log_p, -np.inf)}
        model = self._model()
        if model.rating is not None:
            vectors = tf.gather(self.item_vectors, column)
            feedback = model.rating(reading.hidden[:, tf.newaxis], vectors)
            found["feedback"] = tf.where(known, feedback, np.float32(np.nan))
        return found

    def _read(self, inputs: Mapping[str, tf.Tensor]) -> _Reading:
        """Looks the ids up and runs the model over them."""
        history = inputs["history"]
        given = tf.cast(history != "", tf.int32)
        length = tf.reduce_sum(given, axis=1)  # [batch]
        checks = [
            tf.debugging.assert_equal(
                given,
                tf.sequence_mask(length, tf.shape(history)[1], tf.int32),
                message="history: expected empty ids only after the last id of a row",
            ),
            *(
                tf.debugging.assert_equal(
                    tf.shape(inputs[name]),
                    tf.shape(history),
                    message=f"{name}: expected the shape of history",
                )
                for name in ("times", "feedback", "event_types")
                if name in inputs
            ),
        ]
        with tf.control_dependencies(checks):
            index = tf.cast(self._index.lookup(history), tf.int32)
        events = self._events(index, length, inputs)
        model = self._model()
        flush = model.tower.flush_steps
        state = model.tower.initial_state(tf.shape(history)[0])
        y, _ = model.encode(_led(events, flush), self.weights, state)
        hidden = tf.cast(tf.gather(y, length + flush, batch_dims=1), tf.float32)  # [batch, units]
        seen_bias = tf.convert_to_tensor(self.seen_bias)
        if self.seen_bias_is_of_levels:
            asked = tf.gather(events.level, length, batch_dims=1)
            seen_bias = tf.gather(seen_bias, asked)[:, tf.newaxis]
        return _Reading(hidden, index, given, seen_bias)

    def _judge(self, reading: _Reading) -> tuple[tf.Tensor, tf.Tensor]:
        """Log-probabilities and "seen" `[batch, items]`."""
        seen = self._seen(reading.index, reading.given)
        scores = tf.matmul(reading.hidden, self.weights, transpose_b=True) + self.bias
        scores += reading.seen_bias * tf.cast(seen, tf.float32)
        return tf.nn.log_softmax(scores), seen

    def _marks(self, reading: _Reading, exclude_seen: tf.Tensor | None = None) -> Marks:
        """What `_seen` marks, as a list of columns a row, left out of the answer where asked."""
        column = tf.where(reading.given == 1, reading.index - FIRST_ITEM, -1)
        seen = seen_columns(column, min(self.seen_items, self.num_items))
        excluded = None if exclude_seen is None else tf.where(exclude_seen[:, tf.newaxis], seen, -1)
        return Marks(seen, reading.seen_bias, excluded)

    def _events(
        self, index: tf.Tensor, length: tf.Tensor, inputs: Mapping[str, tf.Tensor]
    ) -> Events:
        """Each history's steps: the start event, then every item; past the end, anything."""
        times = inputs["times"]
        batch, steps = tf.shape(index)[0], tf.shape(index)[1] + 1
        step = tf.broadcast_to(tf.range(steps)[tf.newaxis], [batch, steps])
        column = tf.zeros([batch, 1], tf.int64)
        asked = tf.where(
            step == length[:, tf.newaxis],
            inputs["query_time"][:, tf.newaxis],
            tf.concat([times, column], axis=1),
        )
        gap = tf.maximum(asked - tf.concat([asked[:, :1], times], axis=1), 0)
        level = tf.reduce_sum(
            tf.cast(gap[..., tf.newaxis] >= tf.constant(self.thresholds, tf.int64), tf.int32),
            axis=-1,
        )
        # No history, no first item: what training knows from the start event on is not known yet.
        first = tf.where(length[:, tf.newaxis] > 0, tf.pad(index, [[0, 0], [0, 1]])[:, :1], START)
        unknown = tf.fill([batch, 1], np.float32(np.nan))
        feedback = inputs.get("feedback", tf.fill(tf.shape(index), np.float32(np.nan)))
        types = tf.zeros_like(index)
        if self.uses_event_types:
            types = tf.cast(self._type_index.lookup(inputs["event_types"]), tf.int32)
        blocks = [
            encode(inputs[f"user_{spec.name}"])
            for spec, encode in zip(self.user_specs, self._user_encoders, strict=True)
        ]
        user = tf.concat([tf.zeros([batch, 0]), *blocks], axis=1)  # [batch, width]
        return Events(
            reset=tf.cast(step == 0, tf.float32),
            item=tf.concat([tf.fill([batch, 1], START), index], axis=1),
            level=tf.where(step == 0, self.start_level, level),
            gap=tf.cast(gap, tf.float32),
            query_time=asked,
            position=step,
            feedback=tf.concat([unknown, feedback], axis=1),
            user=tf.repeat(user[:, tf.newaxis], steps, axis=1),
            first_item=tf.repeat(first, steps, axis=1),
            event_type=tf.concat([tf.zeros([batch, 1], tf.int32), types], axis=1),
        )

    def _seen(self, index: tf.Tensor, given: tf.Tensor) -> tf.Tensor:
        """Whether an item is among a row's last `seen_items` distinct ones, `[batch, items]`."""
        batch, time = tf.unstack(tf.shape(index))
        row = tf.repeat(tf.range(batch)[:, tf.newaxis], time, axis=1)
        place = tf.where(given == 1, tf.range(time)[tf.newaxis], -1)
        blank = tf.fill([batch, self.num_items + FIRST_ITEM], -1)
        last = tf.tensor_scatter_nd_max(blank, tf.stack([row, index], axis=-1), place)[
            :, FIRST_ITEM:
        ]
        size = min(self.seen_items, self.num_items)
        oldest = tf.math.top_k(last, size).values[
            :, -1:
        ]  # the size-th most recent item's last place, or -1
        return last >= tf.maximum(oldest, 0)


def _led(events: Events, flush: int) -> Events:
    """Events led by `flush` repeats of the first one, the very first alone resetting."""
    if not flush:
        return events
    led = Events(*(tf.concat([tf.repeat(x[:, :1], flush, axis=1), x], axis=1) for x in events))
    return led._replace(reset=tf.pad(events.reset, [[0, 0], [0, flush]]))


def _function(
    answer: Callable[[Mapping[str, tf.Tensor]], dict[str, tf.Tensor]],
    signature: dict[str, tf.TensorSpec],
) -> Any:
    """A graph with named inputs."""

    def named(**inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        return answer(inputs)

    return tf.function(named).get_concrete_function(**signature)
