"""From a caller's values to a signature's inputs, one row of them, checked.

Whatever makes no sense is a ValueError that names the value, what was got and what was expected.
"""

import math
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

Time: TypeAlias = datetime | int | float
Value: TypeAlias = str | float | bool | None

_MOST_SECONDS = 10**11  # the year 5138; more are milliseconds
_MOST_COUNT = 2**31 - 1


def event_inputs(
    name: str,
    items: Sequence[str],
    times: Sequence[Time],
    feedback: Sequence[float | None] | None,
    event_types: Sequence[str | None] | None,
) -> dict[str, Any]:
    """Events, their items under `name`; feedback and types only where they are given."""
    ids = id_list(name, items)
    found: dict[str, Any] = {name: ids, "times": [unix_seconds("times", each) for each in times]}
    if feedback is not None:
        if any(value is not None and math.isinf(value) for value in feedback):
            raise ValueError(f"feedback: got {feedback}, expected finite numbers, None if unknown")
        found["feedback"] = list(feedback)
    if event_types is not None:
        found["event_types"] = list(event_types)
    for key, values in found.items():
        if len(values) != len(ids):
            raise ValueError(f"{key}: got {len(values)} values, expected {len(ids)}, one an event")
    return found


def id_list(name: str, ids: Sequence[str]) -> list[str]:
    """A list of ids, none of them empty."""
    if isinstance(ids, (str, bytes)):
        raise ValueError(f"{name}: got {ids!r}, expected a list of ids")
    for each in ids:
        if not isinstance(each, str) or not each:
            raise ValueError(f"{name}: got {each!r}, expected ids, strings that are not empty")
    return list(ids)


def unix_seconds(name: str, when: Time) -> int:
    """Unix seconds, whole ones."""
    if isinstance(when, datetime):
        if when.tzinfo is None:
            raise ValueError(f"{name}: got {when!r}, expected one with a time zone")
        return math.floor(when.timestamp())
    if not abs(when) < _MOST_SECONDS:
        raise ValueError(f"{name}: got {when}, expected Unix seconds")
    return math.floor(when)


def time_of_asking(
    query_time: Time | None, gap: float | None = None, times: Sequence[int] = ()
) -> int:
    """Unix seconds: the time given, or so long after the last event, or now."""
    if gap is None:
        return unix_seconds("query_time", time.time() if query_time is None else query_time)
    if query_time is not None:
        raise ValueError("gap: got query_time too, expected one of them")
    if not times:
        raise ValueError("gap: got an empty history, expected query_time instead")
    if not 0 <= gap < _MOST_SECONDS:
        raise ValueError(f"gap: got {gap}, expected seconds, 0 or more")
    return times[-1] + int(gap)


def item_count(k: int) -> int:
    """How many items are wanted, cut at what an int32 holds."""
    if k < 1:
        raise ValueError(f"k: got {k}, expected 1 or more")
    return min(k, _MOST_COUNT)


def state_input(state: bytes) -> dict[str, Any]:
    """A user's state."""
    if not isinstance(state, bytes):
        raise ValueError(f"state: got {type(state).__name__}, expected bytes")
    return {"state_bytes": state}


def feature_inputs(prefix: str, values: Mapping[str, Value]) -> dict[str, Any]:
    """Raw features under the names of their inputs."""
    return {f"{prefix}{name}": value for name, value in values.items()}


def filter_values(values: Mapping[str, Value | Sequence[Value]]) -> list[str]:
    """Values of filters' parameters, "NAME=value" each.

    >>> filter_values({"GENRE": ["Drama", "Comedy"], "YEAR": 1990})
    ['GENRE=Drama', 'GENRE=Comedy', 'YEAR=1990']
    """
    found = []
    for name, given in values.items():
        for value in given if isinstance(given, (list, tuple, set)) else [given]:
            if value is None:
                raise ValueError(f"filter_values: got None for {name}, expected a text or a number")
            found.append(f"{name}={str(value).lower() if isinstance(value, bool) else value}")
    return found
