"""The copy task asks for what it says, and a tower that can remember learns it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfhrnn.errors import RunError
from tfhrnn.experiments import copy
from tfhrnn.experiments.copy import ASK, ITEMS, LEAD, MARK, sample


@given(st.integers(2, 30), st.integers(0, 10), st.integers(0, 99))
def test_the_item_asked_for_stands_before_the_only_mark(
    distance: int, extra: int, seed: int
) -> None:
    drawn = sample(np.random.default_rng(seed), distance, 5, distance + extra)
    window = LEAD + distance + extra
    assert drawn.item.shape == drawn.level.shape == drawn.reset.shape == (5, window)
    for lane in range(5):
        (marked,) = np.flatnonzero(drawn.level[lane] == MARK)
        assert window - marked == distance
        assert drawn.wanted[lane] == drawn.item[lane, marked]
        assert drawn.level[lane, -1] == ASK
        (begin,) = np.flatnonzero(drawn.reset[lane])
        assert begin == extra <= marked


def test_items_are_even_so_that_chance_is_one_over_their_number() -> None:
    drawn = sample(np.random.default_rng(0), 10, 4000, 10)
    shares = np.bincount(drawn.wanted, minlength=ITEMS) / 4000
    np.testing.assert_allclose(shares, 1 / ITEMS, atol=0.02)


def test_a_gru_with_levels_learns_a_short_distance_and_without_does_not() -> None:
    told = copy.train_and_judge("gru", 4, updates=600, seconds=60)
    deaf = copy.train_and_judge("gru", 4, levels=False, updates=60, seconds=30)
    assert told["accuracy"] > 0.9
    assert deaf["accuracy"] < 0.5


def test_results_are_kept_and_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Any, ...]] = []

    def record(name: str, distance: int, *, levels: bool, seed: int) -> dict[str, Any]:
        asked.append((name, distance, levels, seed))
        return {"accuracy": 1 / distance, "updates": 5, "seconds": 2.0}

    monkeypatch.setattr(copy, "train_and_judge", record)
    first = copy.run(None, tmp_path / "out", seeds=2, say=lambda line: None)
    assert len(asked) == len(set(asked)) == 2 * 3 * len(first["rows"])
    again = copy.run(None, tmp_path / "out", seeds=2, say=lambda line: None)
    assert again == first and len(asked) == 2 * 3 * len(first["rows"])
    assert first["rows"][-1]["name"] == "gru, without levels"
    assert first["rows"][0]["accuracy_10"] == pytest.approx(0.1)
    assert json.loads(json.dumps(first)) == first


def test_side_by_side_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="got 2 jobs, expected 1"):
        copy.run(None, tmp_path, jobs=2)
