"""Writes output arrays as the JSON body of an answer, in both response formats.

Numbers keep TensorFlow Serving's digits (see `decimals`); NaN and the infinities are written as
`NaN`, `Infinity` and `-Infinity`. Strings of an output whose name ends in `_bytes` are
`{"b64": …}`; other strings have to be UTF-8, else their bytes go out as they are, as TensorFlow
Serving's do. Objects list outputs by name.
"""

import base64
from collections.abc import Mapping
from itertools import chain
from typing import Any

import numpy as np
import orjson

from serving.decimals import decimals
from serving.dtypes import Array
from serving.errors import invalid
from serving.json_value import quoted

_WRITABLE = frozenset(
    ("bool", "int8", "uint8", "int16", "int32", "uint32", "int64", "uint64", "float64")
)
_TENSORFLOW_NAMES = {"float16": "half"}


def columns_body(outputs: Mapping[str, Array]) -> bytes:
    """The body of an answer in columns: the only output, or an object of outputs by name."""
    columns = {name: _encodable(_printable(name, outputs[name])) for name in sorted(outputs)}
    return _dumps({"outputs": columns if len(columns) > 1 else next(iter(columns.values()))})


def rows_body(outputs: Mapping[str, Array]) -> bytes:
    """The body of an answer in rows: a value for each row, or an object of values by name.

    Raises:
      ApiError: an output is a scalar, or outputs disagree on the number of rows.
    """
    num_rows: int | None = None
    columns = {}
    for name in sorted(outputs):
        shape = outputs[name].shape
        if not shape:
            raise invalid(f"Tensor name: {name} has no shape information ")
        if num_rows is not None and shape[0] != num_rows:
            raise invalid(
                f"Tensor name: {name} has inconsistent batch size: {shape[0]} expecting: {num_rows}"
            )
        num_rows = shape[0]
        columns[name] = _rows(_printable(name, outputs[name]))
    if len(columns) == 1:
        return _dumps({"predictions": next(iter(columns.values()))})
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return _dumps({"predictions": rows})


def results_body(values: Array, scores: Array | None = None) -> bytes:
    """The body of an answer to classify or regress.

    Args:
      values: a number for each example, or labels `[examples, classes]`.
      scores: of the labels, of the same shape.
    """
    if scores is None:
        return _dumps({"results": _encodable(decimals(values))})
    labels = _printable("", values)  # no name, so that labels are never written as base64
    numbers = _printable("", scores)
    rows = [
        [[label, _encodable(np.asarray(number))] for label, number in zip(*row, strict=True)]
        for row in zip(labels, numbers, strict=True)
    ]
    return _dumps({"results": rows})


def _dumps(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)


def _printable(name: str, array: Array) -> Array:
    """The array with every element as JSON is to show it, numbers that are not finite aside."""
    if array.dtype == object:
        printable = np.empty(array.size, object)
        values: list[bytes] = array.ravel().tolist()
        printable[:] = list(map(_b64, values)) if name.endswith("_bytes") else _texts(values)
        return printable.reshape(array.shape)
    if array.dtype == np.float32:
        return decimals(array)
    if array.dtype.name not in _WRITABLE:
        dtype = _TENSORFLOW_NAMES.get(array.dtype.name, array.dtype.name)
        raise invalid(f"Failed to write JSON value for tensor type: {dtype}")
    return array


def _b64(value: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(value).decode()}


def _texts(values: list[bytes]) -> list[Any]:
    try:
        return [value.decode() for value in values]
    except UnicodeDecodeError:
        return list(map(_text, values))


def _text(value: bytes) -> str | orjson.Fragment:
    try:
        return value.decode()
    except UnicodeDecodeError:
        text = quoted(value.decode("utf-8", "surrogateescape"))
        return orjson.Fragment(text.encode("utf-8", "surrogateescape"))


def _rows(array: Array) -> list[Any]:
    if array.ndim == 1 and _is_plain(array):
        rows: list[Any] = array.tolist()
        return rows
    return [_encodable(np.asarray(row, array.dtype)) for row in array]


def _is_plain(array: Array) -> bool:
    return array.dtype != np.float64 or bool(np.isfinite(array).all())


def _encodable(array: Array) -> Any:
    """What orjson encodes as the array, down to a scalar."""
    if not _is_plain(array):
        return _with_literals(array)
    if array.ndim == 0 or array.size == 0 or array.dtype == object:
        return array.tolist()
    return np.ascontiguousarray(array)


def _with_literals(array: Array) -> orjson.Fragment:
    """Encodes floats, then puts a literal wherever orjson wrote `null` for want of one."""
    parts = _dumps(array.tolist() if array.ndim == 0 else np.ascontiguousarray(array))
    special = array[~np.isfinite(array)]
    literals = np.where(np.isnan(special), "NaN", np.where(special > 0, "Infinity", "-Infinity"))
    if (literals == literals[0]).all():  # such as padding
        return orjson.Fragment(parts.replace(b"null", str(literals[0]).encode()))
    between = parts.decode().split("null")
    pieces = chain.from_iterable(zip(between, [*literals.tolist(), ""], strict=True))
    return orjson.Fragment("".join(pieces))
