"""Facts from parts are those of the whole arrays."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfhrnn.data.event_log import EventLog
from tfhrnn.data.gap_plot import plot_gap_histogram
from tfhrnn.data.log_parts import (
    counts_of,
    exact_quantiles,
    feedback_moments,
    gap_parts,
    level_counts,
    repeated_events,
    user_parts,
)
from tfhrnn.data.sessions import gaps, level_shares, propose_thresholds


@given(
    values=st.lists(st.integers(0, 2**32 - 1) | st.integers(0, 90_000), min_size=1, max_size=40),
    cut=st.integers(0, 40),
)
def test_quantiles_are_those_of_numpy(values: list[int], cut: int) -> None:
    quantiles = (0.0, 0.05, 0.25, 0.5, 0.9, 1.0)
    parts = [np.array(part, np.int64) for part in (values[:cut], values[cut:])]
    found = exact_quantiles(lambda: parts, quantiles)
    assert list(found) == list(quantiles)
    np.testing.assert_array_equal(list(found.values()), np.quantile(values, quantiles))


@pytest.mark.parametrize("events", [1, 17, 10_000])
def test_parts_of_users_make_the_whole(tiny_log: EventLog, events: int) -> None:
    parts = list(user_parts(tiny_log, events))
    assert parts[0][0] == 0 and parts[-1][1] == tiny_log.num_users
    assert all(one[1] == other[0] for one, other in pairwise(parts))
    np.testing.assert_array_equal(np.concatenate(list(gap_parts(tiny_log, events))), gaps(tiny_log))
    seen, repeats = set(), 0
    for user in range(tiny_log.num_users):
        for item in tiny_log.item[tiny_log.events_of(user)].tolist():
            repeats += (user, item) in seen
            seen.add((user, item))
    assert repeated_events(tiny_log, events) == repeats > 0


@pytest.mark.parametrize("levels", [2, 4, 7])
def test_thresholds_are_proposed_and_drawn_from_parts_as_from_the_whole(
    tiny_log: EventLog, tmp_path: Path, levels: int
) -> None:
    whole, parts = gaps(tiny_log), partial(gap_parts, tiny_log, 30)
    assert len(list(parts())) > 5
    proposed = propose_thresholds(whole, levels)
    assert propose_thresholds(parts, levels) == proposed
    for name, taken in (("whole", whole), ("parts", parts)):
        plot_gap_histogram(taken, proposed, tmp_path / f"{name}.png")
    assert (tmp_path / "whole.png").read_bytes() == (tmp_path / "parts.png").read_bytes()


def test_counts_and_moments(tiny_log: EventLog) -> None:
    levels = level_counts(lambda: gap_parts(tiny_log, 9), tiny_log.thresholds)
    shares = level_shares(gaps(tiny_log), tiny_log.thresholds)
    np.testing.assert_allclose(levels / levels.sum(), shares)
    feedback = np.asarray(tiny_log.feedback, np.float64)
    assert feedback_moments(tiny_log) == pytest.approx((feedback.mean(), feedback.std()))
    np.testing.assert_array_equal(
        counts_of(tiny_log.item, 40), np.bincount(tiny_log.item, minlength=40)
    )


def test_nothing_has_no_quantiles() -> None:
    assert exact_quantiles(lambda: [np.zeros(0, np.int64)], (0.5,)) == {}
