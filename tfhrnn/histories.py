"""Users' histories as the predictor's inputs: padded arrays by name.

Histories come from an event log, from a table, or as plain lists of ids; what a caller leaves out
(times, feedback, event types) is filled in by stated rules.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from tfhrnn.data.catalogue import FIRST_ITEM
from tfhrnn.data.columns import remembered_columns
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.facts import TrainingFacts
from tfhrnn.data.features import FeatureSpec
from tfhrnn.data.sources import TableSource, open_source
from tfhrnn.data.tables import read_interactions
from tfhrnn.errors import DataError
from tfhrnn.feature_cells import feature_array


@dataclass(frozen=True)
class Histories:
    """Histories of several users, oldest event first.

    Attributes:
      names: `[users]` what to call each in an answer.
      items: `[users]` lists of ids.
      times: `[users]` lists of Unix seconds.
      feedback: `[users]` lists of feedback, NaN where unknown.
      user_columns: raw user features by name, `[users]` each; a missing one is unknown.
      event_types: `[users]` lists of types of events, "" where unknown; None if all are.
    """

    names: Sequence[str]
    items: Sequence[Sequence[str]]
    times: Sequence[Sequence[int]]
    feedback: Sequence[Sequence[float]]
    user_columns: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    event_types: Sequence[Sequence[str]] | None = None

    def __len__(self) -> int:
        return len(self.items)

    @property
    def last_times(self) -> npt.NDArray[np.int64]:
        """Each user's last event, Unix seconds; 0 for an empty history."""
        return np.array([times[-1] if len(times) else 0 for times in self.times], np.int64)

    def last(self, events: int) -> Histories:
        """The same users' last events alone, `events` each or as many as there are."""

        def cut(lists: Sequence[Sequence[Any]]) -> list[Sequence[Any]]:
            return [values[max(len(values) - events, 0) :] for values in lists]

        return replace(
            self,
            items=cut(self.items),
            times=cut(self.times),
            feedback=cut(self.feedback),
            event_types=None if self.event_types is None else cut(self.event_types),
        )

    @classmethod
    def from_log(
        cls, log: EventLog, users: Sequence[int], lengths: Sequence[int] | None = None
    ) -> Histories:
        """Users' first events in a log.

        Args:
          log: the events.
          users: indices, repeated ones welcome.
          lengths: how many events of each; all of them if left out.
        """
        ids = log.catalogue.ids
        items, times, feedback, types = [], [], [], []
        for row, user in enumerate(users):
            begin, end = int(log.offsets[user]), int(log.offsets[user + 1])
            if lengths is not None:
                end = min(end, begin + lengths[row])
            items.append([ids[index - FIRST_ITEM] for index in log.item[begin:end]])
            times.append(log.time[begin:end].tolist())
            feedback.append(log.feedback[begin:end].tolist())
            types.append(log.event_types_of(user)[: end - begin])
        frame = log.user_frame[list(users)]
        columns = {name: frame[name].to_list() for name in frame.columns if name != "user_id"}
        names = frame["user_id"].to_list()
        return cls(names, items, times, feedback, columns, types if log.event_types else None)

    @classmethod
    def from_lists(
        cls,
        items: Sequence[Sequence[str]],
        facts: TrainingFacts,
        *,
        times: Sequence[Sequence[int]] | None = None,
        feedback: Sequence[Sequence[float | None]] | None = None,
        user_columns: Mapping[str, Sequence[Any]] | None = None,
        event_types: Sequence[Sequence[str | None]] | None = None,
    ) -> Histories:
        """Plain lists of ids.

        Without times, events stand the training data's median gap apart and end with its last
        event. Without feedback or event types, these are unknown; so are None, NaN and "".

        Raises:
          DataError: lists of unlike lengths, a text where a list of ids belongs, or feedback that
            is no finite number.
        """
        for row, ids in enumerate(items, 1):
            if isinstance(ids, str):
                raise DataError("history", row=row, found=repr(ids), expected="a list of ids")
        items = [[str(item) for item in ids] for ids in items]
        if times is None:
            times = [
                [facts.last_time - facts.median_gap * (len(row) - 1 - at) for at in range(len(row))]
                for row in items
            ]
        if feedback is None:
            feedback = [[None] * len(row) for row in items]
        given: dict[str, Sequence[Sequence[Any]]] = {"times": times, "feedback": feedback}
        types = None
        if event_types is not None:
            types = [["" if kind is None else str(kind) for kind in row] for row in event_types]
        given |= {} if types is None else {"event_types": types}
        for name, lists in given.items():
            if len(lists) != len(items):
                found, expected = f"{len(lists)} lists", f"{len(items)}, one a history"
                raise DataError("history", column=name, found=found, expected=expected)
            for row, (values, wanted) in enumerate(zip(lists, items, strict=True), 1):
                if len(values) != len(wanted):
                    raise DataError(
                        "history",
                        row=row,
                        column=name,
                        found=f"{len(values)} values",
                        expected=f"{len(wanted)}",
                    )
        names = [str(row) for row in range(len(items))]
        numbers = [
            [_feedback(value, row) for value in values] for row, values in enumerate(feedback, 1)
        ]
        return cls(names, items, times, numbers, user_columns or {}, types)

    @classmethod
    def from_table(
        cls,
        table: TableSource,
        *,
        user_columns: Mapping[str, Sequence[Any]] | None = None,
        columns: Mapping[str, str] | None = None,
        known: Mapping[str, str] | None = None,
    ) -> Histories:
        """A table of interactions: a history a user, equal times in row order.

        Args:
          table: the events.
          user_columns: raw user features by name.
          columns: role → column of the table; what is left out is looked for under `known` ones.
          known: role → column of the tables that the model was trained on.

        Raises:
          ConfigError: `columns` names a role that doesn't exist.
          DataError: the table cannot be read.
        """
        opened = open_source(table)
        mapping = remembered_columns(opened.names, columns, known or {})
        events = pl.concat(list(read_interactions(opened, columns=mapping)))
        order = events["user_id"].unique(maintain_order=True)
        events = events.sort("timestamp", maintain_order=True)
        parts = events.partition_by("user_id", as_dict=True)
        rows = [parts[(user,)] for user in order]
        return cls(
            order.to_list(),
            [part["item_id"].to_list() for part in rows],
            [part["timestamp"].to_list() for part in rows],
            [part["feedback"].to_list() for part in rows],
            user_columns or {},
            [part["event_type"].to_list() for part in rows],
        )

    def inputs(
        self,
        user_specs: Sequence[FeatureSpec] = (),
        *,
        query_time: npt.NDArray[np.int64],
        with_feedback: bool = False,
        with_event_types: bool = False,
    ) -> dict[str, npt.NDArray[Any]]:
        """The arrays that tell a server of the users: what `recommend` and `rank` share.

        Args:
          user_specs: user features that the signature asks for.
          query_time: `[users]` Unix seconds.
          with_feedback: whether the signature asks for feedback.
          with_event_types: whether it asks for event types.

        Raises:
          DataError: a user feature with too few or many values, or no number where one belongs.
        """
        size, width = len(self), max((len(row) for row in self.items), default=0)
        history = np.full((size, width), "", object)
        times = np.zeros((size, width), np.int64)
        feedback = np.full((size, width), np.nan, np.float32)
        types = np.full((size, width), "", object)
        for row in range(size):
            count = len(self.items[row])
            history[row, :count] = self.items[row]
            times[row, :count] = self.times[row]
            feedback[row, :count] = self.feedback[row]
            if self.event_types is not None:
                types[row, :count] = self.event_types[row]
        arrays: dict[str, npt.NDArray[Any]] = {"history": history, "times": times}
        if with_feedback:
            arrays["feedback"] = feedback
        if with_event_types:
            arrays["event_types"] = types
        for spec in user_specs:
            values = self.user_columns.get(spec.name, [None] * size)
            if len(values) != size:
                found, expected = f"{len(values)} values", f"{size}, one a history"
                raise DataError("user features", column=spec.name, found=found, expected=expected)
            arrays[f"user_{spec.name}"] = feature_array(values, spec, "user features")
        arrays["query_time"] = np.asarray(query_time, np.int64)
        return arrays


def _feedback(value: Any, row: int) -> float:
    """An event's feedback, NaN for an unknown one."""
    try:
        number = float("nan") if value is None or value == "" else float(value)
    except (TypeError, ValueError):
        number = float("inf")
    if math.isinf(number):
        expected = "a finite number, or None where unknown"
        raise DataError("history", row=row, column="feedback", found=repr(value), expected=expected)
    return number
