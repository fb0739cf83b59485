"""The retrieval benchmark on small catalogues, and where it says that a way breaks even."""

from __future__ import annotations

import pytest

from benchmarks.top_k import break_even, run


def test_each_way_is_timed_at_each_size_and_breaks_even_somewhere() -> None:
    rows = run(1, sizes=(40, 300))
    timed, ends = rows[:12], rows[12:]
    assert [(row["items"], row["states"], row["what"]) for row in timed] == [
        (items, states, what)
        for items in (40, 300)
        for states in (1, 16)
        for what in ("exact", "streaming", "clustered")
    ]
    assert all(row["milliseconds"] > 0 for row in timed)
    assert all(0 <= row["recall@10"] <= 1 for row in timed)
    assert all(row["recall@10"] == 1 for row in timed if row["what"] != "clustered")
    assert len(ends) == 4 and all(row.keys() == timed[0].keys() for row in rows)


@pytest.mark.parametrize(
    ("ratios", "expected"),
    [
        ([0.9, 0.5, 0.1], "under 10"),
        ([2.0, 1.5, 1.0], "over 1000"),
        ([10.0, 0.1, 0.1], "32"),  # half way between 10 and 100 on a logarithmic scale
        ([0.5, 10.0, 0.1], "316"),  # what counts is from where on it stays faster
    ],
)
def test_break_even_lies_where_a_ratio_falls_below_one(ratios: list[float], expected: str) -> None:
    assert break_even([10, 100, 1000], ratios) == expected
