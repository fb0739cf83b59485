"""The memory test asks for what it says, at the distances it says."""

from __future__ import annotations

from itertools import islice

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tfhrnn.experiments.copy_task import ASK, ITEMS, LEAD, MARK, curriculum, sample


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
        assert 1 <= marked - begin <= LEAD


def test_items_are_even_so_that_chance_is_one_over_their_number() -> None:
    drawn = sample(np.random.default_rng(0), 10, 4000, 10)
    shares = np.bincount(drawn.wanted, minlength=ITEMS) / 4000
    np.testing.assert_allclose(shares, 1 / ITEMS, atol=0.02)


def test_the_place_after_the_first_event_does_not_tell_the_marked_one() -> None:
    drawn = sample(np.random.default_rng(0), 5, 4000, 5)
    leads = LEAD - np.argmax(drawn.reset, axis=1)  # the marked one stands at step LEAD
    # 250 each; the binomial's standard deviation is 15.
    assert np.abs(np.bincount(leads, minlength=LEAD + 1)[1:] - 250).max() < 75
    assert leads.min() == 1 and leads.max() == LEAD


def test_half_of_what_is_drawn_in_training_is_of_the_whole_distance() -> None:
    drawn = list(islice(curriculum(np.random.default_rng(0), 20), 600))
    distances = np.array([one.item.shape[1] - _marked(one.level) for one, _ in drawn])
    whole = np.array([is_whole for _, is_whole in drawn])
    # Of 600 fair coins, three standard errors are 37.
    assert abs(whole.sum() - 300) < 37
    assert set(distances[whole]) == {20}
    assert set(distances[~whole]) == set(range(2, 20))
    # Even in the logarithm and rounded down: 6 or less is what was below 7, of 2 to 20.
    assert abs(np.mean(distances[~whole] <= 6) - np.log(7 / 2) / np.log(20 / 2)) < 0.1
    assert {one.item.shape[1] for one, _ in drawn} == {LEAD + n for n in (4, 8, 16, 20)}


def test_none_or_all_of_the_draws_are_shorter() -> None:
    rng = np.random.default_rng(0)
    assert all(whole for _, whole in islice(curriculum(rng, 20, shorter=0), 50))
    assert not any(whole for _, whole in islice(curriculum(rng, 20, shorter=1), 50))


def _marked(level: np.typing.NDArray[np.int32]) -> int:
    (step,) = np.flatnonzero(level[0] == MARK)
    return int(step)
