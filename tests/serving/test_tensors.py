import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from serving.dtypes import Dtype
from serving.errors import ApiError, Code
from serving.json_reader import read_object
from serving.json_value import JsonValue, object_of
from serving.json_writer import columns_body
from serving.tensors import MAX_RANK, RankTooHigh, array_of, is_b64

_NUMPY_TYPES = {
    "float": np.float32,
    "double": np.float64,
    "int32": np.int32,
    "int64": np.int64,
    "uint64": np.uint64,
    "bool": np.bool_,
}


@given(st.data(), st.sampled_from(sorted(_NUMPY_TYPES)))
@settings(max_examples=150)
def test_what_is_written_reads_back_as_the_same_array(data: st.DataObject, name: str) -> None:
    array = data.draw(
        arrays.arrays(
            _NUMPY_TYPES[name],
            arrays.array_shapes(min_dims=0, max_dims=3, min_side=1, max_side=4),
            elements={"allow_subnormal": False} if name in ("float", "double") else None,
        )
    )
    read = array_of("x", read_object(columns_body({"x": array}))["outputs"], Dtype(name))
    assert read.dtype == array.dtype
    np.testing.assert_array_equal(read, array)


@given(st.lists(st.lists(st.binary(max_size=8), min_size=2, max_size=2), min_size=1))
@settings(max_examples=100)
@pytest.mark.parametrize("name", ["x", "x_bytes"])
def test_strings_read_back_whether_they_are_text_or_not(name: str, rows: list[Any]) -> None:
    array = np.array(rows, object)
    read = array_of(name, read_object(columns_body({name: array}))["outputs"], Dtype("string"))
    assert read.tolist() == rows


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        (7, ()),
        ([], (0,)),
        ([7], (1,)),
        ([[], []], (2, 0)),
        ([[[1, 2]], [[3, 4]]], (2, 1, 2)),
    ],
)
def test_lists_tell_the_shape(value: JsonValue, shape: tuple[int, ...]) -> None:
    assert array_of("x", value, Dtype("int32")).shape == shape


@pytest.mark.parametrize(
    ("value", "dtype", "message"),
    [
        (1.5, "int32", "JSON Value: 1.5 Type: Number is not of expected type: int32"),
        (None, "float", "JSON Value: null Type: Null is not of expected type: float"),
        ("a", "float", 'JSON Value: "a" Type: String is not of expected type: float'),
        ([True], "int64", "JSON Value: true Type: True is not of expected type: int64"),
        ([1, [2]], "int32", "Encountered list at unexpected level: 1 expected < 1"),
        (
            [[1], 2],
            "int32",
            "JSON Value: 2 found at incorrect level: 2 in the JSON DOM. Expected at level: 2",
        ),
        (
            [[1, 2], [3]],
            "int32",
            "Encountered list at unexpected size: 1 at level: 1 expected size: 2",
        ),
        (
            [[], [1]],
            "int32",
            "Encountered list at unexpected size: 1 at level: 1 expected size: 0",
        ),
        (
            {"b64": "YQ=="},
            "float",
            'JSON Value: {\n    "b64": "YQ=="\n} Type: Object is not of expected type: float',
        ),
        (
            {"b64": 1},
            "string",
            'JSON Value: {\n    "b64": 1\n} not formatted correctly for base64 data',
        ),
        ({"b64": "*"}, "string", "Unable to base64 decode"),
        ({"b64": "-_-_"}, "string", "Unable to base64 decode"),
        ({"b64": "YQ="}, "string", "Unable to base64 decode"),
        ({"b64": "Y"}, "string", "Unable to base64 decode"),
    ],
)
def test_values_out_of_place_are_named(value: JsonValue, dtype: str, message: str) -> None:
    with pytest.raises(ApiError) as raised:
        array_of("x", value, Dtype(dtype))
    assert raised.value.code is Code.INVALID_ARGUMENT
    assert raised.value.message == message


def test_the_first_fault_in_reading_order_is_told() -> None:
    # Both the element of the first list and the length of the second are wrong.
    with pytest.raises(ApiError, match=r"JSON Value: 1\.5 Type"):
        array_of("x", [[1, 1.5], [1]], Dtype("int32"))


@pytest.mark.parametrize("dtype", ["half", "bfloat16", "uint16", "complex64"])
def test_types_without_a_conversion_are_unimplemented(dtype: str) -> None:
    with pytest.raises(ApiError) as raised:
        array_of("x", [1], Dtype(dtype))
    assert raised.value.code is Code.UNIMPLEMENTED
    assert raised.value.message == f"Conversion of JSON Value: 1 to type: {dtype}"


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("", b""),
        ("YQ==", b"a"),
        ("YQ", b"a"),
        (" Y Q\n", b"a"),
        ("+/+/", b"\xfb\xff\xbf"),
    ],
)
def test_base64_is_the_standard_alphabet_with_optional_padding(text: str, plain: bytes) -> None:
    assert array_of("x", [{"b64": text}, "é"], Dtype("string")).tolist() == [plain, "é".encode()]


def test_bytes_are_an_object_with_one_member() -> None:
    assert is_b64({"b64": ""})
    others: list[JsonValue] = [{"b64": 1}, {"b64": "", "a": 1}, {"a": ""}, "b64", []]
    assert not any(map(is_b64, others))
    assert not is_b64(object_of([("b64", "YQ=="), ("b64", "YQ==")]))


def test_lists_as_deep_as_a_tensor_may_be_are_taken_and_no_deeper() -> None:
    deepest = json.loads("[" * MAX_RANK + "1" + "]" * MAX_RANK)
    assert array_of("x", deepest, Dtype("int32")).ndim == MAX_RANK
    with pytest.raises(RankTooHigh, match=r"^INVALID_ARGUMENT: tensor parsing error: x$"):
        array_of("x", [deepest], Dtype("int32"))
