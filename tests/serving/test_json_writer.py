import numpy as np
import pytest

from serving.dtypes import Array
from serving.errors import ApiError
from serving.json_writer import columns_body, rows_body

_INF = np.inf


def _single(values: object) -> Array:
    return np.array(values, np.float32)


@pytest.mark.parametrize(
    ("array", "body"),
    [
        (_single(5), b"5.0"),
        (_single([0.1, 1 / 3]), b"[0.1,0.333333343]"),
        (_single([[1e6, 16777217]]), b"[[1000000.0,16777216.0]]"),
        (np.array([0.1, 1 / 3]), b"[0.1,0.3333333333333333]"),
        (_single([_INF, -_INF, np.nan, 2]), b"[Infinity,-Infinity,NaN,2.0]"),
        (np.array([[1, -_INF], [_INF, 2]]), b"[[1.0,-Infinity],[Infinity,2.0]]"),
        (_single([[1, -_INF], [-_INF, -_INF]]), b"[[1.0,-Infinity],[-Infinity,-Infinity]]"),
        (_single([np.nan, 1, np.nan]), b"[NaN,1.0,NaN]"),
        (_single(np.nan), b"NaN"),
        (np.array([2**63 - 1, -(2**63)]), b"[9223372036854775807,-9223372036854775808]"),
        (np.array([2**64 - 1], np.uint64), b"[18446744073709551615]"),
        (np.array([-128], np.int8), b"[-128]"),
        (np.array([[True], [False]]), b"[[true],[false]]"),
        (np.array(True), b"true"),
        (np.empty((2, 0), np.float32), b"[[],[]]"),
        (np.array([b"a", "é€".encode(), b'"\x01'], object), '["a","é€","\\"\\u0001"]'.encode()),
        (np.array(b"a", object), b'"a"'),
        # Bytes that are no text go out as they are.
        (np.array([b"\xff\n", b"a"], object), b'["\xff\\n","a"]'),
        (_single([[1, 2], [3, 4]]).T, b"[[1.0,3.0],[2.0,4.0]]"),
    ],
)
def test_values_keep_their_type_and_their_digits(array: Array, body: bytes) -> None:
    assert columns_body({"y": array}) == b'{"outputs":' + body + b"}"


def test_columns_of_several_outputs_are_named() -> None:
    outputs = {"b": np.array(1.5), "a": np.array([1])}
    assert columns_body(outputs) == b'{"outputs":{"a":[1],"b":1.5}}'


def test_outputs_whose_name_ends_in_bytes_are_base64() -> None:
    outputs = {"y_bytes": np.array([b"\xff", b"a"], object)}
    assert columns_body(outputs) == b'{"outputs":[{"b64":"/w=="},{"b64":"YQ=="}]}'


def test_numbers_of_an_output_named_bytes_are_numbers() -> None:
    assert columns_body({"num_bytes": np.array([1])}) == b'{"outputs":[1]}'


@pytest.mark.parametrize(
    ("array", "body"),
    [
        (_single([1, _INF, np.nan]), b"[1.0,Infinity,NaN]"),
        (_single([0.1, 0.2]), b"[0.1,0.2]"),
        (_single([[1, -_INF], [2, 3]]), b"[[1.0,-Infinity],[2.0,3.0]]"),
        (np.array([[b"a"], [b"b"]], object), b'[["a"],["b"]]'),
        (np.empty((0, 2), np.float32), b"[]"),
    ],
)
def test_rows_of_one_output_are_bare(array: Array, body: bytes) -> None:
    assert rows_body({"y": array}) == b'{"predictions":' + body + b"}"


def test_rows_of_several_outputs_are_objects() -> None:
    outputs = {
        "id": np.array([[b"u", b"v"], [b"w", b"x"]], object),
        "score": _single([[-0.5, -_INF], [-1.5, -2]]),
        "count": np.array([2, 3]),
    }
    assert rows_body(outputs) == (
        b'{"predictions":['
        b'{"count":2,"id":["u","v"],"score":[-0.5,-Infinity]},'
        b'{"count":3,"id":["w","x"],"score":[-1.5,-2.0]}]}'
    )


def test_rows_need_a_first_dimension() -> None:
    with pytest.raises(ApiError, match=r"Tensor name: total has no shape information $"):
        rows_body({"total": np.array(1.0)})


def test_rows_need_the_same_number_of_each_output() -> None:
    with pytest.raises(
        ApiError, match="Tensor name: b has inconsistent batch size: 1 expecting: 2"
    ):
        rows_body({"a": np.array([1, 2]), "b": np.array([1])})


@pytest.mark.parametrize(("dtype", "name"), [(np.float16, "half"), (np.complex64, "complex64")])
def test_types_without_a_text_are_refused(dtype: type, name: str) -> None:
    with pytest.raises(ApiError, match=f"Failed to write JSON value for tensor type: {name}"):
        columns_body({"y": np.zeros(2, dtype)})


def test_the_outputs_stay_as_they_were() -> None:
    scores = _single([[1 / 3, -_INF]])
    before = scores.copy()
    rows_body({"y": scores})
    np.testing.assert_array_equal(scores, before)
