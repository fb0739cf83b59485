"""From a caller's values to a signature's inputs, one row of them, checked.

Whatever makes no sense is a ValueError that names the value, what was got and what was expected.
"""

import math
import operator
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from numbers import Real
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
    seconds = [unix_seconds("times", each) for each in values_list("times", times)]
    found: dict[str, Any] = {name: ids, "times": seconds}
    if feedback is not None:
        found["feedback"] = values_list("feedback", feedback)
        for value in found["feedback"]:
            if value is not None and (not is_number(value) or math.isinf(value)):
                raise ValueError(
                    f"feedback: got {value!r}, expected finite numbers, None if unknown"
                )
    if event_types is not None:
        found["event_types"] = values_list("event_types", event_types)
    for key, values in found.items():
        if len(values) != len(ids):
            raise ValueError(f"{key}: got {len(values)} values, expected {len(ids)}, one an event")
    return found


def id_list(name: str, ids: Sequence[str]) -> list[str]:
    """A list of ids, none of them empty."""
    found = values_list(name, ids, "ids")
    for each in found:
        if not isinstance(each, str) or not each:
            raise ValueError(f"{name}: got {each!r}, expected ids, strings that are not empty")
    return found


def values_list(name: str, values: Any, what: str = "values") -> list[Any]:
    """The values of a list, which a text or a single value is not."""
    if isinstance(values, (str, bytes, Mapping)) or not isinstance(values, Iterable):
        raise ValueError(f"{name}: got {values!r}, expected a list of {what}")
    return list(values)


def is_number(value: Any) -> bool:
    """Whether a value is a number, NumPy's too, which `bool` and a text of digits are not."""
    return isinstance(value, Real) and not isinstance(value, bool)


def whole_number(name: str, value: Any) -> int:
    """A whole number; like a signature's integers it is never a decimal, not even 5.0."""
    try:
        return operator.index(value)
    except TypeError:
        raise ValueError(f"{name}: got {value!r}, expected a whole number") from None


def unix_seconds(name: str, when: Time) -> int:
    """Unix seconds, whole ones; fractions of a second are dropped."""
    if isinstance(when, datetime):
        if when.tzinfo is None:
            raise ValueError(f"{name}: got {when!r}, expected one with a time zone")
        return math.floor(when.timestamp())
    if not is_number(when) or not abs(when) < _MOST_SECONDS:
        raise ValueError(f"{name}: got {when!r}, expected Unix seconds or a datetime")
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
    if not is_number(gap) or not 0 <= gap < _MOST_SECONDS:
        raise ValueError(f"gap: got {gap!r}, expected seconds, 0 or more")
    return times[-1] + int(gap)


def item_count(k: int) -> int:
    """How many items are wanted, cut at what an int32 holds."""
    count = whole_number("k", k)
    if count < 1:
        raise ValueError(f"k: got {k}, expected 1 or more")
    return min(count, _MOST_COUNT)


def state_input(state: bytes) -> dict[str, Any]:
    """A user's state."""
    if not isinstance(state, bytes):
        raise ValueError(f"state: got {type(state).__name__}, expected bytes")
    return {"state_bytes": state}


def feature_inputs(prefix: str, values: Mapping[str, Value]) -> dict[str, Any]:
    """Raw features under the names of their inputs."""
    if not isinstance(values, Mapping):
        raise ValueError(f"{prefix.rstrip('_')}: got {values!r}, expected features by name")
    return {f"{prefix}{name}": value for name, value in values.items()}


def cold_item_inputs(items: Mapping[str, Mapping[str, Value]]) -> dict[str, Any]:
    """Items in no catalogue, and every feature that any of them has; nothing of no items."""
    if not isinstance(items, Mapping) or not all(isinstance(x, Mapping) for x in items.values()):
        raise ValueError(f"cold_items: got {items!r}, expected features by name for each id")
    if not items:
        return {}
    names = {name: None for told in items.values() for name in told}
    found = {f"cold_item_{name}": [told.get(name) for told in items.values()] for name in names}
    return {"cold_items": id_list("cold_items", list(items)), **found}


def filter_values(values: Mapping[str, Value | Sequence[Value]]) -> list[str]:
    """Values of filters' parameters, "NAME=value" each.

    >>> filter_values({"GENRE": ["Drama", "Comedy"], "YEAR": 1990})
    ['GENRE=Drama', 'GENRE=Comedy', 'YEAR=1990']
    """
    if not isinstance(values, Mapping):
        raise ValueError(f"filter_values: got {values!r}, expected values by name")
    found = []
    for name, given in values.items():
        for value in given if isinstance(given, (list, tuple, set)) else [given]:
            if value is None:
                raise ValueError(f"filter_values: got None for {name}, expected a text or a number")
            found.append(f"{name}={str(value).lower() if isinstance(value, bool) else value}")
    return found
