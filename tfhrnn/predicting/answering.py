"""From a reading to answers: scores, filters, exploration, new items, top-k.

Log-probabilities are over the whole catalogue and the new items of the request, and are taken
before anything is left out, weighed, explored or promoted; filters come before top-k, so that k
answers come back where k candidates exist.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfhrnn.layers.marks import Marks, added, noise
from tfhrnn.layers.retrieval import Retrieval
from tfhrnn.predicting.filters import Filters, known_values
from tfhrnn.predicting.influence import Influence
from tfhrnn.predicting.new_items import NewItems
from tfhrnn.predicting.promoting import Ranked, promote
from tfhrnn.predicting.request_reader import Inputs, RequestReader, Signature, spec
from tfhrnn.predicting.user_reader import Reading


class _New(NamedTuple):
    """A request's new items, `[batch, new]` each.

    Attributes:
      ids: strings.
      scores: −inf where there is no item.
      open: whether it may be answered.
    """

    ids: tf.Tensor
    scores: tf.Tensor
    open: tf.Tensor


class Answering(tf.Module):
    """Answers which items are best.

    Args:
      ids: of the items, in catalogue order.
      requests: looks ids up.
      retrieval: scores the catalogue.
      new_items: scores what is not in it; None for a model without item features.
      filters: leave items open or not; None for a model without.
      influence: changes what items are chosen by; None for nothing.
      promotions: say which items a request gives a share of places; None for a model without.
    """

    def __init__(
        self,
        ids: Sequence[str],
        requests: RequestReader,
        retrieval: Retrieval,
        new_items: NewItems | None,
        filters: Filters | None = None,
        influence: Influence | None = None,
        promotions: Filters | None = None,
    ) -> None:
        super().__init__(name="answering")
        self.filters, self.influence, self.promotions = filters, influence, promotions
        named = [one for one in (filters, promotions) if one is not None]
        self.parameters = tuple(dict.fromkeys(name for one in named for name in one.parameters))
        self.num_items, self.item_ids = len(ids), tf.constant(ids)
        self.requests, self.retrieval, self.new_items = requests, retrieval, new_items

    def signature(self) -> Signature:
        """The inputs that say what is wanted."""
        found = {
            **spec("k", 1, tf.int32),
            **spec("exclude_seen", 1, tf.bool),
            **spec("allow", 2, tf.string),
            **spec("deny", 2, tf.string),
            **spec("exploration", 1, tf.float32),
            **spec("seed", 1, tf.int64),
        }
        if self.new_items is not None:
            found |= spec("cold_items", 2, tf.string)
            found |= self.new_items.signature("cold_item_", 2)
        if self.filters is not None:
            found |= self.filters.signature()
        if self.promotions is not None:
            found |= self.promotions.signature()
            found |= spec("percent_promoted_items", 1, tf.int32)
        return found

    def answer(self, reading: Reading, inputs: Inputs) -> dict[str, tf.Tensor]:
        """The best items.

        Args:
          reading: of the users.
          inputs: those of `signature`; filters read a history's too.

        Returns:
          `items`, `log_probabilities` and `cold`, `[batch, width]`, where the width is the largest
          k, cut at the number of items there are; "", −inf and false where a row has fewer. Of a
          model with promotions, `promoted` too, which of them are of the row's promotion.
        """
        with tf.control_dependencies(self._checks(inputs)):
            k = tf.identity(inputs["k"])
        marks = self._marks(reading, inputs)
        new = None if self.new_items is None else self._new(reading, inputs, marks.restricted)
        if self.filters is not None:
            left = self.filters.open(reading, inputs)
            marks = marks._replace(open=left.items)
            new = None if new is None else new._replace(open=new.open & left.new_items)
        # The largest of no rows is the lowest integer.
        wanted = tf.maximum(tf.reduce_max(k), 0)
        if self.promotions is None:
            best, normalizer = self._best(reading, wanted, marks, new)
            promoted = None
        else:
            promotions, percent = self.promotions, inputs["percent_promoted_items"]
            *parts, promoted, normalizer = tf.cond(
                tf.reduce_any((inputs["promotion"] != "") & (percent > 0)),
                lambda: self._promoted(reading, inputs, wanted, marks, new, promotions),
                lambda: self._unpromoted(reading, wanted, marks, new),
            )
            best = Ranked(*parts)
        valid = (tf.range(tf.shape(best.scores)[1]) < k[:, tf.newaxis]) & (best.scores > -np.inf)
        log_p = best.scores - normalizer[:, tf.newaxis]
        answer = {
            "items": tf.where(valid, best.items, ""),
            "log_probabilities": tf.where(valid, log_p, -np.inf),
            "cold": valid & best.cold,
        }
        return answer if promoted is None else {**answer, "promoted": valid & promoted}

    def _marks(self, reading: Reading, inputs: Inputs) -> Marks:
        """What sets items apart for each row, filters aside."""
        excluded = tf.where(inputs["exclude_seen"][:, tf.newaxis], reading.seen, -1)
        influence = self.influence
        return Marks(
            seen=reading.seen,
            seen_bias=reading.seen_bias,
            excluded=tf.concat([excluded, self.requests.columns(inputs["deny"])], axis=1),
            allowed=self.requests.columns(inputs["allow"]),
            restricted=tf.reduce_any(inputs["allow"] != "", axis=1),
            exploration=inputs["exploration"],
            seed=inputs["seed"],
            explored=None if influence is None else influence.explored,
            influence=None if influence is None else influence.added,
        )

    def _best(
        self, reading: Reading, wanted: tf.Tensor, marks: Marks, new: _New | None
    ) -> tuple[Ranked, tf.Tensor]:
        """The best items, as many as are wanted and there are, and the normaliser."""
        known = tf.minimum(wanted, self.num_items)
        best, column, normalizer = self.retrieval.top_k(reading.hidden, known, marks)
        items = tf.gather(self.item_ids, tf.maximum(column, 0))
        choice, cold = best + added(marks, column), tf.zeros_like(column, tf.bool)
        if new is None:
            return Ranked(choice, best, items, cold), normalizer
        normalizer = tf.reduce_logsumexp(
            tf.concat([normalizer[:, tf.newaxis], new.scores], axis=1), axis=1
        )
        more = new.scores + noise(marks, _keys(new.ids))
        if self.influence is not None:
            more += self.influence.added_to_new
        choice = tf.concat([choice, tf.where(new.open, more, -np.inf)], axis=1)
        there = tf.reduce_sum(tf.cast(new.scores > -np.inf, tf.int32), axis=1)
        most = tf.maximum(tf.reduce_max(there), 0)
        choice, order = tf.math.top_k(choice, tf.minimum(wanted, self.num_items + most))
        scores = tf.gather(tf.concat([best, new.scores], axis=1), order, batch_dims=1)
        items = tf.gather(tf.concat([items, new.ids], axis=1), order, batch_dims=1)
        scores = tf.where(choice > -np.inf, scores, -np.inf)
        return Ranked(choice, scores, items, order >= known), normalizer

    def _unpromoted(
        self, reading: Reading, wanted: tf.Tensor, marks: Marks, new: _New | None
    ) -> tuple[tf.Tensor, ...]:
        """The parts of the best items, none of them promoted, and the normaliser."""
        best, normalizer = self._best(reading, wanted, marks, new)
        return *best, tf.zeros_like(best.cold), normalizer

    def _promoted(
        self,
        reading: Reading,
        inputs: Inputs,
        wanted: tf.Tensor,
        marks: Marks,
        new: _New | None,
        promotions: Filters,
    ) -> tuple[tf.Tensor, ...]:
        """The same with the share of each row's promotion."""
        chosen = promotions.open(reading, inputs)
        named = (inputs["promotion"] != "")[:, tf.newaxis]
        kinds = []
        for of_kind in (lambda mask: mask & named, lambda mask: ~(mask & named)):
            open_ = of_kind(chosen.items)
            open_ = open_ if marks.open is None else open_ & marks.open
            own = new
            if new is not None:
                own = new._replace(open=new.open & of_kind(chosen.new_items))
            kinds.append(self._best(reading, wanted, marks._replace(open=open_), own))
        (first, normalizer), (others, _) = kinds
        percent = inputs["percent_promoted_items"]
        best, promoted = promote(first, others, inputs["k"], percent)
        return *best, promoted, normalizer

    def rank(self, reading: Reading, columns: tf.Tensor) -> tf.Tensor:
        """Log-probabilities of given columns, `[batch, asked]`, −inf for negative ones."""
        marks = Marks(reading.seen, reading.seen_bias)
        known = tf.maximum(columns, 0)
        log_p = self.retrieval.log_probabilities(reading.hidden, known, marks)
        return tf.where(columns >= 0, log_p, -np.inf)

    def _checks(self, inputs: Inputs) -> list[tf.Operation]:
        exploration = inputs["exploration"]
        checks = [
            tf.debugging.assert_positive(inputs["k"], message="k: expected 1 or more"),
            tf.debugging.Assert(
                tf.reduce_all(tf.math.is_finite(exploration) & (exploration >= 0.0)),
                ["exploration: expected 0 or more, got", exploration],
            ),
        ]
        if self.parameters:
            checks.append(known_values(inputs, self.parameters))
        if self.promotions is not None:
            percent = inputs["percent_promoted_items"]
            checks.append(
                tf.debugging.Assert(
                    tf.reduce_all((percent >= 0) & (percent <= 100)),
                    ["percent_promoted_items: expected 0 to 100, got", percent],
                )
            )
        if self.new_items is not None:
            checks += [
                tf.debugging.assert_equal(
                    tf.shape(inputs[name]),
                    tf.shape(inputs["cold_items"]),
                    message=f"{name}: expected the shape of cold_items",
                )
                for name in self.new_items.signature("cold_item_", 2)
            ]
        return checks

    def _new(self, reading: Reading, inputs: Inputs, restricted: tf.Tensor) -> _New:
        """The new items among `cold_items`; an id in the catalogue or said before is none."""
        assert self.new_items is not None
        ids = inputs["cold_items"]
        same = ids[:, :, tf.newaxis] == ids[:, tf.newaxis]  # [batch, new, new]
        place = tf.range(tf.shape(ids)[1])
        said = tf.reduce_any(same & (place < place[:, tf.newaxis]), axis=2)
        there = (ids != "") & (self.requests.columns(ids) < 0) & ~said
        rows, bias = self.new_items.rows(inputs, "cold_item_")
        scores = tf.einsum("bu,bnu->bn", reading.hidden, rows) + bias
        denied = _listed(ids, inputs["deny"])
        allowed = _listed(ids, inputs["allow"]) | ~restricted[:, tf.newaxis]
        return _New(ids, tf.where(there, scores, -np.inf), there & allowed & ~denied)


def _listed(ids: tf.Tensor, lists: tf.Tensor) -> tf.Tensor:
    """Whether each of `[batch, n]` ids is in its row's list."""
    return tf.reduce_any(ids[:, :, tf.newaxis] == lists[:, tf.newaxis], axis=2)


def _keys(ids: tf.Tensor) -> tf.Tensor:
    """What a new item's noise is drawn by: its id, as it has no column."""
    return tf.strings.to_hash_bucket_fast(ids, 2**62)
