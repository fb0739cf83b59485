"""Popularity over the last days before each query, by the events of training users.

At time t, item j has c_j events in the open window (t − D, t), of C in all, and gets
p_j = (c_j + a s_j) / (C + a): the window's counts beside a prior of a events that are shared as
popularity has it, s_j = (n_j + 1) / Σ (n + 1), n counting all events whatever their time. No item
has probability 0, and an empty window leaves popularity. The weight a is the best one of a list on
the validation users.

A question of popularity at large is answered by the future too (n_j), as `judge_popularity` is;
the window itself holds the past only. "Popular in the last 7 days" is the baseline that sequence
models are to beat on MovieLens by time (blondered/transformer_benchmark).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from tfhrnn.baselines.checks import (
    require_catalogue,
    require_choices,
    require_fitted,
    require_positive,
    require_users,
)
from tfhrnn.data.catalogue import FIRST_ITEM
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.facts import events_of, item_counts
from tfhrnn.evaluation.evaluate import target_rows
from tfhrnn.evaluation.metrics import perplexity

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_DAY: Final = 86_400
# In events; thirty thousand are about as many as ml-100k has in three months.
_PRIORS: Final = (100.0, 300.0, 1e3, 3e3, 1e4, 3e4, 1e5, 3e5)


class _Events(NamedTuple):
    """The counted events.

    Attributes:
      time: `[events]`, rising.
      column: `[events]` of each, item index less `FIRST_ITEM`.
      by_item: `[events]` keys (column, time) as one number, rising.
      span: what a column counts in a key.
      first: the earliest time.
      share: `[items]` of popularity at large.
    """

    time: Ints
    column: Ints
    by_item: Ints
    span: int
    first: int
    share: Floats


class RecentPopularity:
    """Items by their counts in the days before the query.

    Args:
      days: the window's length D, in days.
      prior_events: values of the prior's weight a to choose from, in events.
    """

    def __init__(
        self,
        days: float = 7.0,
        *,
        prior_events: Sequence[float] = _PRIORS,
    ) -> None:
        require_positive(days=days)
        require_choices("prior_events", prior_events)
        self.days, self.prior_events = float(days), tuple(prior_events)
        # The chosen weight, and validation perplexity of each.
        self.prior: float | None = None
        self.validation: dict[float, float] = {}
        self._events: _Events | None = None

    def fit(
        self, log: EventLog, train: npt.NDArray[np.integer], validation: npt.NDArray[np.integer]
    ) -> RecentPopularity:
        """Chooses the prior's weight on validation users, then counts their events too.

        Args:
          log: the events.
          train: user indices whose events are counted.
          validation: user indices whose targets choose.

        Returns:
          Itself.

        Raises:
          DataError: no users.
        """
        require_users(log, train=train.tolist(), validation=validation.tolist())
        counted = _counted(log, train)
        events = events_of(log, validation)
        column = np.asarray(log.item)[events].astype(np.int64) - FIRST_ITEM
        found = self._windows(counted, column, np.asarray(log.time)[events].astype(np.int64))
        self.validation = {
            prior: perplexity(np.log(_probability(*found, counted.share[column], prior)))
            for prior in self.prior_events
        }
        self.prior = min(self.validation, key=lambda prior: self.validation[prior])
        self._events = _counted(log, np.concatenate([train, validation]))
        return self

    def scores(self, time: int) -> Floats:
        """Probability of each item at a time, `[items]` in catalogue order.

        Args:
          time: of the query, Unix seconds; events at that very second do not count.

        Raises:
          RunError: not fitted.
        """
        events, prior = require_fitted(self._events, self), require_fitted(self.prior, self)
        begin, end = self._bounds(events, np.array([time]))
        counts = np.bincount(events.column[begin[0] : end[0]], minlength=len(events.share))
        total = np.array([end[0] - begin[0]])
        return _probability(counts, total, events.share, prior)

    def judge(
        self,
        log: EventLog,
        users: npt.NDArray[np.integer],
        thresholds: tuple[int, ...] | None = None,
    ) -> pl.DataFrame:
        """Every target of some users; see `tfhrnn.evaluation.evaluate.judge`.

        Targets are gone through in the order of their times while events enter and leave the
        window, so that the work is one pass over the catalogue a distinct time.

        Args:
          log: of the same catalogue.
          users: user indices, none of them counted in fitting.
          thresholds: for the `level` column; the log's own if left out.

        Raises:
          RunError: not fitted.
          DataError: another catalogue, or no users.
        """
        events, prior = require_fitted(self._events, self), require_fitted(self.prior, self)
        require_catalogue(log, len(events.share))
        require_users(log, judged=users.tolist())
        targets = target_rows(log, np.asarray(users, np.int64), thresholds or log.thresholds)
        column = targets["item"].to_numpy() - FIRST_ITEM
        time = np.asarray(log.time)[events_of(log, users)].astype(np.int64)
        counts, totals = self._windows(events, column, time)
        log_p = np.log(_probability(counts, totals, events.share[column], prior))
        rank = self._ranks(events, column, time, prior)
        return targets.with_columns(log_p=pl.Series(log_p), rank=pl.Series(rank))

    def _bounds(self, events: _Events, time: Ints) -> tuple[Ints, Ints]:
        """Positions of the first event inside the windows before some times, and past the last."""
        # Strictly after t − D: for whole seconds, from the floor of that plus 1 on.
        begin = np.floor(time - self.days * _DAY).astype(np.int64) + 1
        return np.searchsorted(events.time, begin), np.searchsorted(events.time, time)

    def _windows(self, events: _Events, column: Ints, time: Ints) -> tuple[Ints, Ints]:
        """How many events of an item, and of any, each window holds; by bisection."""
        begin, end = self._bounds(events, time)
        # A time that stands outside of the events' must not reach into a neighbour's keys.
        low, high = (
            np.searchsorted(
                events.by_item,
                column * events.span + np.clip(edge - events.first, 0, events.span - 1),
            )
            for edge in (np.floor(time - self.days * _DAY).astype(np.int64) + 1, time)
        )
        return high - low, end - begin

    def _ranks(self, events: _Events, column: Ints, time: Ints, prior: float) -> Ints:
        """Rank of each target's item in its window, equal probabilities in catalogue order."""
        times, place = np.unique(time, return_inverse=True)
        begins, ends = self._bounds(events, times)
        order = np.argsort(place, kind="stable")
        cuts = np.searchsorted(place[order], np.arange(len(times) + 1))
        counts, base = np.zeros(len(events.share), np.int64), prior * events.share
        rank, begin, end = np.empty(len(column), np.int64), 0, 0
        for at, (new_begin, new_end) in enumerate(zip(begins.tolist(), ends.tolist(), strict=True)):
            np.add.at(counts, events.column[end:new_end], 1)
            np.subtract.at(counts, events.column[begin:new_begin], 1)
            begin, end = new_begin, new_end
            mass = counts + base
            for target in order[cuts[at] : cuts[at + 1]].tolist():
                item = column[target]
                ahead = np.count_nonzero(mass > mass[item])
                rank[target] = ahead + np.count_nonzero(mass[:item] == mass[item])
        return rank


def _counted(log: EventLog, users: npt.NDArray[np.integer]) -> _Events:
    """The events of some users, in the orders that are searched."""
    events = events_of(log, users)
    time = np.asarray(log.time)[events].astype(np.int64)
    column = np.asarray(log.item)[events].astype(np.int64) - FIRST_ITEM
    first, span = int(time.min()), int(time.max() - time.min()) + 2
    order = np.argsort(time, kind="stable")
    counts = item_counts(log, users) + 1.0
    return _Events(
        time[order],
        column[order],
        np.sort(column * span + (time - first)),
        span,
        first,
        counts / counts.sum(),
    )


def _probability(counts: Ints, totals: Ints, share: Floats, prior: float) -> Floats:
    return (counts + prior * share) / (totals + prior)
