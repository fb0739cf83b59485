"""All that can be asked: about users here, about items and the model in `catalogue_questions`."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

from serving.client.answers import Ranking, Recommendation, answered
from serving.client.catalogue_questions import (
    AboutModel,
    DescribeItems,
    SearchItems,
    SimilarByFeatures,
    SimilarItems,
)
from serving.client.columns import Row
from serving.client.question import Question
from serving.client.values import (
    Time,
    Value,
    cold_item_inputs,
    event_inputs,
    feature_inputs,
    filter_values,
    id_list,
    is_number,
    item_count,
    state_input,
    time_of_asking,
    whole_number,
)

__all__ = [
    "AboutModel",
    "DescribeItems",
    "Question",
    "Rank",
    "RankFromState",
    "Recommend",
    "RecommendFromState",
    "SearchItems",
    "SimilarByFeatures",
    "SimilarItems",
    "Start",
    "Update",
]


@dataclass(frozen=True)
class _OfHistory:
    """Whom is asked about, by events, and when."""

    history: Sequence[str]
    times: Sequence[Time]
    _: KW_ONLY
    feedback: Sequence[float | None] | None = None
    event_types: Sequence[str | None] | None = None
    user: Mapping[str, Value] = field(default_factory=dict)
    query_time: Time | None = None
    gap: float | None = None

    def _user_inputs(self) -> dict[str, Any]:
        events = event_inputs("history", self.history, self.times, self.feedback, self.event_types)
        when = time_of_asking(self.query_time, self.gap, events["times"])
        return {**events, **feature_inputs("user_", self.user), "query_time": when}


@dataclass(frozen=True)
class _OfState:
    """Whom is asked about, by a state, and when."""

    state: bytes
    _: KW_ONLY
    query_time: Time | None = None

    def _user_inputs(self) -> dict[str, Any]:
        return {**state_input(self.state), "query_time": time_of_asking(self.query_time)}


@dataclass(frozen=True, kw_only=True)
class _Wanted(Question[Recommendation]):
    """Which items may be answered."""

    k: int = 10
    exclude_seen: bool = False
    allow: Sequence[str] | None = None
    deny: Sequence[str] = ()
    exploration: float = 0.0
    seed: int = 0
    cold_items: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    filter: str = ""
    filter_values: Mapping[str, Value | Sequence[Value]] = field(default_factory=dict)
    promotion: str = ""
    percent_promoted_items: int = 0

    def _wanted_inputs(self) -> dict[str, Any]:
        if self.allow is not None and not self.allow:
            raise ValueError("allow: got no ids, expected one or more, or None for all items")
        if not is_number(self.exploration) or not 0 <= self.exploration < math.inf:
            raise ValueError(f"exploration: got {self.exploration!r}, expected 0 or more")
        found: dict[str, Any] = {
            "k": item_count(self.k),
            "exclude_seen": self.exclude_seen,
            "allow": id_list("allow", () if self.allow is None else self.allow),
            "deny": id_list("deny", self.deny),
            "exploration": self.exploration,
            "seed": whole_number("seed", self.seed),
        }
        found |= cold_item_inputs(self.cold_items)
        if bool(self.promotion) != bool(self.percent_promoted_items):
            raise ValueError(
                f"promotion: got {self.promotion!r} with percent_promoted_items "
                f"{self.percent_promoted_items}, expected both or neither"
            )
        if self.promotion:
            found["promotion"] = self.promotion
            percent = whole_number("percent_promoted_items", self.percent_promoted_items)
            found["percent_promoted_items"] = percent
        if self.filter:
            found["filter"] = self.filter
        if self.filter_values:
            found["filter_values"] = filter_values(self.filter_values)
        return found

    def answer(self, row: Row) -> Recommendation:
        """The items, without what fills up the row."""
        count = answered(row["items"])
        return Recommendation(
            tuple(row["items"][:count]),
            tuple(row["log_probabilities"][:count]),
            tuple(row["cold"][:count]),
            tuple(row["promoted"][:count]) if "promoted" in row else (),
        )


@dataclass(frozen=True)
class Recommend(_Wanted, _OfHistory):
    """Asks for the best items after a history.

    Args:
      history: ids, oldest event first.
      times: of the events: `datetime` with a time zone, or Unix seconds.
      feedback: of the events, None where unknown; for a model that reads feedback.
      event_types: of the events, None where unknown; for a model that reads them.
      user: raw user features by name; those left out are unknown.
      query_time: when is asked; now, if neither this nor `gap` is given.
      gap: seconds from the last event to the time of asking, instead of `query_time`.
      k: how many items, 1 and more.
      exclude_seen: leave out the history's last distinct items.
      allow: the only ids to answer; None for all.
      deny: ids not to answer.
      exploration: what Gumbel noise is multiplied by that is added to log-probabilities before
        items are chosen; 1 draws from the model's distribution.
      seed: of that noise; another one explores other items.
      cold_items: items in no catalogue that compete too: raw features by name for each id.
      filter: the name of one of the filters that the model was exported with.
      filter_values: of the parameters of filter and promotion, by name: one value or several.
      promotion: the name of one of the promotions that the model was exported with.
      percent_promoted_items: 0 to 100, of the k places for its items.

    Returns:
      A `Recommendation`.
    """

    signature = "recommend"

    def inputs(self) -> dict[str, Any]:
        """See `Question`."""
        return {**self._user_inputs(), **self._wanted_inputs()}


@dataclass(frozen=True)
class RecommendFromState(_Wanted, _OfState):
    """Asks for the best items for a user known by a state.

    Args:
      state: what `start` or `update` answered.
      query_time: when is asked; now if left out.
      k: and all that follow: as in `recommend`.
      exclude_seen: as in `recommend`.
      allow: as in `recommend`.
      deny: as in `recommend`.
      exploration: as in `recommend`.
      seed: as in `recommend`.
      cold_items: as in `recommend`.
      filter: as in `recommend`.
      filter_values: as in `recommend`.
      promotion: as in `recommend`.
      percent_promoted_items: as in `recommend`.

    Returns:
      A `Recommendation`.
    """

    signature = "recommend_from_state"

    def inputs(self) -> dict[str, Any]:
        """See `Question`."""
        return {**self._user_inputs(), **self._wanted_inputs()}


@dataclass(frozen=True)
class _Ranked(Question[Ranking]):
    """Which items are ranked."""

    items: Sequence[str]

    def answer(self, row: Row) -> Ranking:
        """What is said of the items."""
        count = len(self.items)
        feedback = row.get("feedback")
        return Ranking(
            tuple(self.items),
            tuple(row["log_probabilities"][:count]),
            None if feedback is None else tuple(feedback[:count]),
        )


@dataclass(frozen=True)
class Rank(_Ranked, _OfHistory):
    """Asks what the model says of given items after a history.

    Args:
      history: as in `recommend`.
      times: as in `recommend`.
      items: ids to rank.
      feedback: as in `recommend`.
      event_types: as in `recommend`.
      user: as in `recommend`.
      query_time: as in `recommend`.
      gap: as in `recommend`.

    Returns:
      A `Ranking`, in the order of `items`.
    """

    signature = "rank"

    def inputs(self) -> dict[str, Any]:
        """See `Question`."""
        return {**self._user_inputs(), "items": id_list("items", self.items)}


@dataclass(frozen=True)
class RankFromState(_Ranked, _OfState):
    """Asks what the model says of given items for a user known by a state.

    Args:
      state: what `start` or `update` answered.
      items: ids to rank.
      query_time: when is asked; now if left out.

    Returns:
      A `Ranking`, in the order of `items`.
    """

    signature = "rank_from_state"

    def inputs(self) -> dict[str, Any]:
        """See `Question`."""
        return {**self._user_inputs(), "items": id_list("items", self.items)}


@dataclass(frozen=True)
class Start(Question[bytes]):
    """Asks for the state of a user without events.

    Args:
      user: raw user features by name; those left out are unknown.

    Returns:
      The state, `bytes`.
    """

    signature = "start"
    user: Mapping[str, Value] = field(default_factory=dict)

    def inputs(self) -> dict[str, Any]:
        """See `Question`."""
        return feature_inputs("user_", self.user)

    def answer(self, row: Row) -> bytes:
        """The state."""
        return bytes(row["state_bytes"])


@dataclass(frozen=True)
class Update(Question[bytes]):
    """Asks for a user's state after further events.

    Args:
      state: what `start` or `update` answered.
      items: ids, oldest event first.
      times: as in `recommend`.
      feedback: as in `recommend`.
      event_types: as in `recommend`.

    Returns:
      The new state, `bytes`.
    """

    signature = "update"
    state: bytes
    items: Sequence[str]
    times: Sequence[Time]
    _: KW_ONLY
    feedback: Sequence[float | None] | None = None
    event_types: Sequence[str | None] | None = None

    def inputs(self) -> dict[str, Any]:
        """See `Question`."""
        events = event_inputs("items", self.items, self.times, self.feedback, self.event_types)
        return {**state_input(self.state), **events}

    def answer(self, row: Row) -> bytes:
        """The state."""
        return bytes(row["state_bytes"])
