import math
from typing import Any

import numpy as np
import pytest

from serving.dtypes import Dtype


@pytest.mark.parametrize(
    ("name", "fitting", "others"),
    [
        ("float", [1, 1.5, math.nan], [True, "1", None]),
        ("double", [1, 1.5, 2**64 - 1], [False, "1", None]),
        ("int8", [-(2**31), 2**31 - 1], [2**31, -(2**31) - 1, 1.0, True]),
        ("uint8", [-1, 256], [2**31, 1.0]),
        ("int16", [40000], [2**31, "1"]),
        ("int32", [-(2**31), 2**31 - 1], [2**31, 1.0, True]),
        ("int64", [-(2**63), 2**63 - 1], [2**63, 1.0, "7"]),
        ("uint32", [0, 2**32 - 1], [-1, 2**32]),
        ("uint64", [0, 2**64 - 1], [-1, 1.0]),
        ("bool", [True, False], [0, 1, "true"]),
        ("string", ["", "a"], [1, None, True, {"b64": ""}]),
        ("half", [], [1, 1.5]),
    ],
)
def test_each_type_takes_what_it_can_hold(name: str, fitting: list[Any], others: list[Any]) -> None:
    dtype = Dtype(name)
    assert dtype.fits(fitting) is bool(fitting)
    assert [dtype.fits([value]) for value in others] == [False] * len(others)


def test_types_without_a_conversion_say_so() -> None:
    names = ("half", "bfloat16", "uint16", "complex64", "resource")
    assert [Dtype(name).is_readable for name in names] == [False] * 5


def test_one_value_out_of_place_is_enough() -> None:
    assert not Dtype("int64").fits([1, 2, 3.0])


@pytest.mark.parametrize(
    ("name", "values", "expected", "numpy_name"),
    [
        ("float", [1, 0.1, 1e40], [1.0, 0.10000000149011612, math.inf], "float32"),
        ("double", [1, 0.1], [1.0, 0.1], "float64"),
        ("int8", [127, 128, -129], [127, -128, 127], "int8"),
        ("uint64", [2**64 - 1], [2**64 - 1], "uint64"),
        ("int64", [2**63 - 1], [2**63 - 1], "int64"),
        ("bool", [True, False], [True, False], "bool"),
        ("string", ["é", b"\xff\x00", "\udcff"], [b"\xc3\xa9", b"\xff\x00", b"\xff"], "object"),
    ],
)
def test_arrays_hold_the_values(
    name: str, values: list[Any], expected: list[Any], numpy_name: str
) -> None:
    array = Dtype(name).array(values)
    assert array.tolist() == expected
    assert array.dtype == np.dtype(numpy_name)


def test_single_precision_reads_subnormal_numbers_as_zero() -> None:
    array = Dtype("float").array([1e-39, -1e-39, 1.17549435e-38])
    assert array.tolist() == [0.0, -0.0, float(np.finfo(np.float32).tiny)]
    assert np.signbit(array).tolist() == [False, True, False]
