import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from serving.decimals import decimals
from serving.dtypes import Array


def _printed(number: np.float32) -> float:
    """What C's printf makes of a number: 6 digits, or 9 where 6 are another number."""
    short = f"{number:.6g}"
    return float(short if np.float32(short) == number else f"{number:.9g}")


@given(
    arrays.arrays(
        np.float32,
        st.integers(0, 20),
        elements=st.floats(width=32, allow_nan=False, allow_infinity=False),
    )
)
@settings(max_examples=300)
def test_numbers_round_as_printf_prints_them(numbers: Array) -> None:
    assert decimals(numbers).tolist() == [_printed(number) for number in numbers]


def test_powers_of_ten_and_their_neighbours_round_as_printf_prints_them() -> None:
    powers = np.array([float(f"1e{power}") for power in range(-37, 39)], np.float32)
    above, below = np.nextafter(powers, np.float32(np.inf)), np.nextafter(powers, np.float32(0))
    for numbers in (powers, above, below, -powers):
        assert decimals(numbers).tolist() == [_printed(number) for number in numbers]


def test_numbers_that_are_not_finite_stay() -> None:
    numbers = np.array([np.inf, -np.inf, np.nan, 1.0], np.float32)
    np.testing.assert_array_equal(decimals(numbers), numbers)


def test_zeros_keep_their_sign() -> None:
    assert np.signbit(decimals(np.array([0.0, -0.0], np.float32))).tolist() == [False, True]


@pytest.mark.parametrize("shape", [(), (0,), (2, 0), (2, 3)])
def test_the_shape_stays(shape: tuple[int, ...]) -> None:
    numbers = np.full(shape, 0.1, np.float32)
    rounded = decimals(numbers)
    assert rounded.shape == shape
    assert rounded.dtype == np.float64
    assert rounded.tolist() == np.full(shape, 0.1).tolist()
