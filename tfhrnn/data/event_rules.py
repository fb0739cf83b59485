"""Which rows of a table become events, and what they count: rules by type of event.

As in Amazon Personalize's event configuration (`eventType`, `eventValueThreshold`, `weight`): some
types are asked for, a row's feedback may have to reach a threshold of its type, and a type has a
weight. Rows that a rule leaves out are no events at all: no history holds them. A weight of 0 is
the other choice: the event stays in the history and is no target of training and validation; what
`evaluate` prints first counts every event as 1.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import polars as pl

from tfhrnn.errors import ConfigError, DataError, did_you_mean

ANY: Final = ""  # the key of a threshold for every type without one of its own
OTHER_TYPE: Final = "event type not asked for"
BELOW: Final = "feedback below the threshold"
UNKNOWN: Final = "unknown feedback where a threshold asks for some"


def below_reason(kind: str) -> str:
    """What rows are left out for that are below the threshold of a type, or of `ANY`."""
    return f"{BELOW} of {kind}" if kind else BELOW


def unknown_reason(kind: str) -> str:
    """What rows are left out for that have no feedback to reach the threshold of a type."""
    return f"unknown feedback where the threshold of {kind} asks for some" if kind else UNKNOWN


@dataclass(frozen=True)
class EventRules:
    """Rules that a table's rows are read by; none by default.

    Attributes:
      types: the types that become events; none for all of them.
      weights: type → what its events' weights are multiplied by, 0 or more; 1 where left out.
      thresholds: type → the least feedback of its events; `ANY` for every other type, unknown ones
        among them. A row whose feedback is unknown does not reach a threshold.
      remembered: whether they are of an earlier table, so that a type may be missing from this one.

    Raises:
      ConfigError: a weight or threshold that can't be, or a rule for a type that is not asked for.
    """

    types: tuple[str, ...] = ()
    weights: Mapping[str, float] = field(default_factory=dict)
    thresholds: Mapping[str, float] = field(default_factory=dict)
    remembered: bool = False

    def __post_init__(self) -> None:
        for name, weight in self.weights.items():
            if not (math.isfinite(weight) and weight >= 0):
                raise ConfigError(
                    f"event weights: got {weight!r} for {name!r}, expected a finite number of 0 "
                    "or more"
                )
        for name, least in self.thresholds.items():
            if not math.isfinite(least):
                raise ConfigError(
                    f"event thresholds: got {least!r} for {name!r}, expected a finite number"
                )
        for name in self._named - set(self.types) if self.types else ():
            raise ConfigError(
                f"event types: got a weight or threshold for {name!r}"
                f"{did_you_mean(name, self.types)}, expected one of the types asked for: "
                f"{', '.join(self.types)}"
            )

    def __bool__(self) -> bool:
        return bool(self.types or self.weights or self.thresholds)

    @property
    def _named(self) -> set[str]:
        return {*self.weights, *self.thresholds} - {ANY}

    def require_columns(self, source: str, mapping: Mapping[str, str]) -> None:
        """Refuses rules for what a table does not have.

        Args:
          source: the table, for messages.
          mapping: role → column of the table.

        Raises:
          DataError: rules by type without types, or thresholds without feedback.
        """
        if self.remembered:
            return
        asked = {"event_type": bool(self.types or self._named), "feedback": bool(self.thresholds)}
        for role, needed in asked.items():
            if needed and role not in mapping:
                raise DataError(
                    source,
                    found=f"no column for {role}",
                    expected=f"one, for the rules of events ask for it: --map {role}=COLUMN "
                    f"(in Python: columns={{{role!r}: 'COLUMN'}})",
                )

    def require_types(self, source: str, column: str, seen: Collection[str]) -> None:
        """Refuses rules for types that no row of the whole table has.

        Args:
          source: the table, for messages.
          column: the one of event types.
          seen: the types of all rows.

        Raises:
          DataError: there is such a rule.
        """
        if self.remembered:
            return
        for name in (*self.types, *sorted(self._named)):
            if name not in seen:
                known = sorted(set(seen) - {""})
                raise DataError(
                    source,
                    found=f"no event of the type {name!r}{did_you_mean(name, known)}",
                    expected=f"rules for types that there are: {', '.join(known[:20])}",
                    column=column,
                )

    def apply(self, events: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
        """Leaves rows out and weighs the others.

        Args:
          events: `event_type` ("" unknown), `feedback` (NaN unknown) and `weight` among others.

        Returns:
          The rows that stay, and reason → rows left out.
        """
        left_out = {}
        if self.types:
            stays = events["event_type"].is_in(list(self.types))
            left_out[OTHER_TYPE] = events.height - int(stays.sum())
            events = events.filter(stays)
        if self.thresholds:
            kind = events["event_type"]
            own = {name: least for name, least in self.thresholds.items() if name != ANY}
            # as float32, like the feedback: 0.7 reaches 0.7
            least = kind.replace_strict(
                list(own),
                list(own.values()),
                default=self.thresholds.get(ANY),
                return_dtype=pl.Float32,
            )
            feedback = events["feedback"]
            unknown = feedback.is_nan() & least.is_not_null()
            below = (feedback < least).fill_null(False) & ~unknown
            for name in self.thresholds:
                ruled = kind == name if name != ANY else ~kind.is_in(list(own))
                left_out[unknown_reason(name)] = int((unknown & ruled).sum())
                left_out[below_reason(name)] = int((below & ruled).sum())
            events = events.filter(~(unknown | below))
        if self.weights:
            factor = events["event_type"].replace_strict(
                list(self.weights),
                list(self.weights.values()),
                default=1.0,
                return_dtype=pl.Float32,
            )
            events = events.with_columns(weight=events["weight"] * factor)
        return events, left_out

    def to_json(self) -> dict[str, Any]:
        """Returns the rules as plain values."""
        return {
            "types": list(self.types),
            "weights": dict(self.weights),
            "thresholds": dict(self.thresholds),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any] | None) -> EventRules:
        """Returns what `to_json` gave, for a further table; no rules for None."""
        if values is None:
            return cls()
        types = tuple(values["types"])
        return replace(cls(types, values["weights"], values["thresholds"]), remembered=True)
