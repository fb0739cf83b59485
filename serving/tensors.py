"""Turns one JSON value into an array of a given type.

Nothing is padded, and shapes are not compared with the signature's: that is the model's business.
A value in the right form is taken a whole level of lists at a time; as soon as something is out of
order a second, slower walk finds out what, in the order TensorFlow Serving looks.
"""

import base64
import binascii
from collections.abc import Sequence
from itertools import chain
from typing import Any

from serving.dtypes import Array, Dtype
from serving.errors import ApiError, Code, invalid
from serving.json_value import JsonValue, excerpt, members_of, type_name

# NumPy's arrays end there; TensorFlow's own limit of 254 is told in the same words.
MAX_RANK = 64
B64 = "b64"


class RankTooHigh(ApiError):
    """Lists nested deeper than a tensor has dimensions."""


def array_of(name: str, value: JsonValue, dtype: Dtype) -> Array:
    """The array of one value, whose lists tell its shape.

    Raises:
      ApiError: lists are ragged, or an element does not fit the type.

    >>> array_of("x", [[1, 2], [3, 4]], Dtype("int32")).shape
    (2, 2)
    """
    array = quick_array(value, dtype)
    return filled(*walked(name, value, dtype), dtype) if array is None else array


def quick_array(value: JsonValue, dtype: Dtype) -> Array | None:
    """The array of a value that is plainly in order; nothing if it has to be looked at closer."""
    shape: list[int] = []
    level: list[Any] = [value]
    while level and set(map(type, level)) == {list}:
        sizes = set(map(len, level))
        if len(sizes) > 1 or len(shape) == MAX_RANK:
            return None
        shape += sizes
        level = list(chain.from_iterable(level))
    if not dtype.fits(level):
        return None
    return filled(level, shape, dtype)


def walked(name: str, value: JsonValue, dtype: Dtype) -> tuple[list[Any], list[int]]:
    """Every leaf of a value in order, and the shape that the first of each list tells."""
    shape: list[int] = []
    first = value
    while isinstance(first, list):
        shape.append(len(first))
        first = first[0] if first else None
    if len(shape) > MAX_RANK:
        raise RankTooHigh(Code.INVALID_ARGUMENT, f"tensor parsing error: {name}")
    leaves: list[Any] = []
    _collect(value, 0, shape, dtype, leaves)
    return leaves, shape


def _collect(
    value: JsonValue, level: int, shape: Sequence[int], dtype: Dtype, leaves: list[Any]
) -> None:
    rank = len(shape)
    if not isinstance(value, list):
        if level != rank:
            raise invalid(
                f"JSON Value: {excerpt(value)} found at incorrect level: {level + 1} in the JSON "
                f"DOM. Expected at level: {rank}"
            )
        leaves.append(_leaf(value, dtype))
        return
    if level >= rank:
        raise invalid(f"Encountered list at unexpected level: {level} expected < {rank}")
    if len(value) != shape[level]:
        raise invalid(
            f"Encountered list at unexpected size: {len(value)} at level: {level} "
            f"expected size: {shape[level]}"
        )
    for element in value:
        _collect(element, level + 1, shape, dtype, leaves)


def _leaf(value: JsonValue, dtype: Dtype) -> JsonValue | bytes:
    """A single value of the right type, decoded if it is base64."""
    if isinstance(value, dict) and dtype.is_string:
        return b64_decoded(value)
    if not dtype.is_readable and not isinstance(value, dict):
        raise ApiError(
            Code.UNIMPLEMENTED, f"Conversion of JSON Value: {excerpt(value)} to type: {dtype.name}"
        )
    if not dtype.fits([value]):
        raise invalid(
            f"JSON Value: {excerpt(value)} Type: {type_name(value)} is not of expected type: "
            f"{dtype.name}"
        )
    return value


def b64_decoded(value: dict[str, JsonValue]) -> bytes:
    """The bytes that an object with the single member `b64` stands for.

    Raises:
      ApiError: it is another object, or its text is no base64.
    """
    text = value.get(B64)
    if not is_b64(value) or not isinstance(text, str):
        raise invalid(f"JSON Value: {excerpt(value)} not formatted correctly for base64 data")
    packed = "".join(text.split())
    stripped = packed.rstrip("=")
    try:
        if len(packed) > len(stripped) and len(packed) % 4:
            raise binascii.Error("padding does not fill the last group")
        return base64.b64decode(stripped + "=" * (-len(stripped) % 4), validate=True)
    except ValueError:
        raise invalid("Unable to base64 decode") from None


def filled(leaves: list[Any], shape: Sequence[int], dtype: Dtype) -> Array:
    """The array of leaves that are known to fit."""
    return dtype.array(leaves).reshape(shape)


def is_b64(value: JsonValue) -> bool:
    """Whether a value stands for bytes: an object of which `b64` is the only member."""
    if not isinstance(value, dict):
        return False
    members = list(members_of(value))
    return len(members) == 1 and members[0][0] == B64 and isinstance(members[0][1], str)
