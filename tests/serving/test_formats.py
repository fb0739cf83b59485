from typing import Any

import pytest

from serving.dtypes import Dtype
from serving.errors import ApiError
from serving.formats import columns_to_arrays, rows_to_arrays
from serving.json_value import JsonValue, object_of
from serving.tensors import MAX_RANK, RankTooHigh

_ONE = {"x": Dtype("int32")}
_TWO = {"a": Dtype("float"), "b": Dtype("string")}


def _lists(arrays: dict[str, Any]) -> dict[str, Any]:
    return {name: array.tolist() for name, array in arrays.items()}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (7, 7),
        ([1, 2], [1, 2]),
        ({"x": [1, 2]}, [1, 2]),
        ({"x": [1, 2], "unknown": 1}, [1, 2]),
        (object_of([("x", 1), ("x", 2)]), 1),
    ],
)
def test_columns_of_one_input_are_bare_or_named(value: JsonValue, expected: object) -> None:
    assert _lists(columns_to_arrays(value, _ONE)) == {"x": expected}


def test_columns_of_several_inputs_are_named() -> None:
    columns: JsonValue = {"b": [["u", {"b64": "/w=="}]], "a": 1}
    assert _lists(columns_to_arrays(columns, _TWO)) == {"a": 1.0, "b": [[b"u", b"\xff"]]}


def test_a_bare_column_may_be_bytes() -> None:
    assert _lists(columns_to_arrays({"b64": "YQ=="}, {"s": Dtype("string")})) == {"s": b"a"}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a": 1}, "Missing named input: b in 'inputs' object."),
        (
            [1],
            "inputs is a plain value/list, but expecting an object as multiple input tensors "
            "required as per tensorinfo_map",
        ),
        ({"a": "1", "b": "u"}, 'JSON Value: "1" Type: String is not of expected type: float'),
    ],
)
def test_columns_that_do_not_fit_are_refused(value: JsonValue, message: str) -> None:
    with pytest.raises(ApiError) as raised:
        columns_to_arrays(value, _TWO)
    assert raised.value.message == message


@pytest.mark.parametrize(
    "rows",
    [
        [[1, 2], [3, 4]],
        [{"x": [1, 2]}, {"x": [3, 4]}],
        [object_of([("x", [1, 2]), ("x", [9, 9])]), {"x": [3, 4]}],
    ],
)
def test_rows_of_one_input_are_bare_or_named(rows: list[JsonValue]) -> None:
    assert _lists(rows_to_arrays(rows, _ONE)) == {"x": [[1, 2], [3, 4]]}


def test_rows_of_several_inputs_become_a_batch_of_each() -> None:
    rows: list[JsonValue] = [{"a": 1, "b": ["u"]}, {"b": [{"b64": "dg=="}], "a": 2.5}]
    assert _lists(rows_to_arrays(rows, _TWO)) == {"a": [1.0, 2.5], "b": [[b"u"], [b"v"]]}


def test_bare_rows_may_be_bytes() -> None:
    rows: list[JsonValue] = ["plain", {"b64": "YQ=="}]
    assert _lists(rows_to_arrays(rows, {"s": Dtype("string")})) == {"s": [b"plain", b"a"]}


def test_an_input_called_b64_is_still_told_from_bytes() -> None:
    rows: list[JsonValue] = [{"b64": "YQ=="}]
    assert _lists(rows_to_arrays(rows, {"b64": Dtype("string")})) == {"b64": [b"a"]}


def test_empty_rows_have_a_shape() -> None:
    assert rows_to_arrays([[], []], _ONE)["x"].shape == (2, 0)


_FAILED = "Failed to process element: "


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [[1, 2, 3], [1, 2]],
            f"{_FAILED}1 of 'instances' list. Error: INVALID_ARGUMENT: Expecting tensor size: 3 "
            "but got: 2",
        ),
        (
            [[[1, 2]], [[1], [2]]],
            f"{_FAILED}1 of 'instances' list. Error: INVALID_ARGUMENT: Expecting shape [1,2] but "
            "got: [2,1]",
        ),
        (
            [{"x": 1}, {"x": [1]}],
            f"{_FAILED}1 key: x of 'instances' list. Error: INVALID_ARGUMENT: Expecting shape [] "
            "but got: [1]",
        ),
        (
            [{"x": 1, "z": 1}],
            f"{_FAILED}0 key: z of 'instances' list. Error: INVALID_ARGUMENT: JSON object: does "
            "not have named input: z",
        ),
        ([{}], f"{_FAILED}0 of 'instances' list. JSON object: {{}} keys must be equal to: x"),
        ([{"x": 1}, 2], "Expecting object but got list at item 1 of input list"),
        ([1, {"x": 2}], "Expecting value/list but got object at item 1 of input list"),
        (
            [1, 2.0],
            f"{_FAILED}1 of 'instances' list. Error: INVALID_ARGUMENT: JSON Value: 2.0 Type: "
            "Number is not of expected type: int32",
        ),
        (
            # Only the first of a repeated key counts, but both are looked at.
            [object_of([("x", [1, 2]), ("x", [1])])],
            f"{_FAILED}0 key: x of 'instances' list. Error: INVALID_ARGUMENT: Expecting tensor "
            "size: 2 but got: 1",
        ),
    ],
)
def test_rows_that_do_not_fit_are_refused_by_number(rows: list[JsonValue], message: str) -> None:
    with pytest.raises(ApiError) as raised:
        rows_to_arrays(rows, _ONE)
    assert raised.value.message == message


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [1, 2],
            "instances is a plain list, but expecting list of objects as multiple input tensors "
            "required as per tensorinfo_map",
        ),
        (
            [{"a": 1, "b": "u"}, {"a": 1}],
            f"{_FAILED}1 of 'instances' list. JSON object: {{\n    \"a\": 1\n}} keys must be equal "
            "to: a,b",
        ),
        (
            [{"b64": "YQ=="}],
            f"{_FAILED}0 of 'instances' list. Error: INVALID_ARGUMENT: JSON Value: {{\n    "
            '"b64": "YQ=="\n} Type: Object is not of expected type: float',
        ),
    ],
)
def test_rows_of_several_inputs_name_every_one(rows: list[JsonValue], message: str) -> None:
    with pytest.raises(ApiError) as raised:
        rows_to_arrays(rows, _TWO)
    assert raised.value.message == message


def test_a_conversion_that_does_not_exist_is_the_rows_fault() -> None:
    with pytest.raises(ApiError) as raised:
        rows_to_arrays([1], {"x": Dtype("half")})
    assert raised.value.http_status == 400
    assert raised.value.message.endswith("UNIMPLEMENTED: Conversion of JSON Value: 1 to type: half")


def test_rows_nested_too_deep_are_no_rows_fault() -> None:
    deep: JsonValue = 1
    for _ in range(MAX_RANK + 1):
        deep = [deep]
    with pytest.raises(RankTooHigh):
        rows_to_arrays([deep], _ONE)
