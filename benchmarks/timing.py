"""Timing things side by side: rounds are interleaved, so that a slow moment hits all alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any


def side_by_side(functions: Mapping[str, Callable[[], Any]], rounds: int) -> list[dict[str, Any]]:
    """Median milliseconds of each function, and as a ratio to the first one.

    Args:
      functions: what to time, by name; each is called once before, untimed.
      rounds: timed calls of each, at least 1.
    """
    for function in functions.values():
        function()
    spent: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            begin = time.perf_counter()
            function()
            spent[name].append(1000 * (time.perf_counter() - begin))
    medians = {name: statistics.median(values) for name, values in spent.items()}
    first = next(iter(medians.values()))
    return [
        {"what": name, "milliseconds": value, "ratio": value / first}
        for name, value in medians.items()
    ]
