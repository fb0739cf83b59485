"""Timing side by side, with a clock that is told."""

from __future__ import annotations

import itertools
import time

import pytest

from benchmarks import timing


def test_medians_and_ratios_are_of_interleaved_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    # Each call reads the clock twice; a takes 2, 2, 9 ms and b 4, 4, 4 ms.
    spent = [2, 4, 2, 4, 9, 4]
    readings = itertools.chain.from_iterable((0.0, ms / 1000) for ms in spent)
    monkeypatch.setattr(time, "perf_counter", lambda: next(readings))
    called: list[str] = []
    rows = timing.side_by_side(
        {"a": lambda: called.append("a"), "b": lambda: called.append("b")}, rounds=3
    )
    assert "".join(called) == "ab" * 4  # once untimed, then three rounds in turn
    assert [row["milliseconds"] for row in rows] == pytest.approx([2, 4])
    assert [row["ratio"] for row in rows] == pytest.approx([1, 2])
