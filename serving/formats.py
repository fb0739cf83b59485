"""The two forms of a predict request: rows and columns.

Rows are one value, or one object of named values, for every example; columns are one value for
every input. Well-formed rows are gathered into columns first; when that fails, every row is walked
on its own to tell which of them is at fault.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from serving.dtypes import Array, Dtype
from serving.errors import ApiError, invalid
from serving.json_value import JsonValue, excerpt, members_of
from serving.tensors import B64, RankTooHigh, array_of, filled, is_b64, quick_array, walked

Inputs: TypeAlias = Mapping[str, Dtype]


def columns_to_arrays(value: JsonValue, inputs: Inputs) -> dict[str, Array]:
    """Converts the value of `inputs`: an object of named values, or the only input's value.

    Names the signature does not know are ignored.

    Raises:
      ApiError: an input is missing or a value does not fit its type or is ragged.
    """
    if not isinstance(value, dict) or is_b64(value):
        if len(inputs) > 1:
            raise invalid(
                "inputs is a plain value/list, but expecting an object as multiple input tensors "
                "required as per tensorinfo_map"
            )
        return {name: array_of(name, value, dtype) for name, dtype in inputs.items()}
    arrays = {}
    for name, dtype in inputs.items():
        if name not in value:
            raise invalid(f"Missing named input: {name} in 'inputs' object.")
        arrays[name] = array_of(name, value[name], dtype)
    return arrays


def rows_to_arrays(rows: list[JsonValue], inputs: Inputs) -> dict[str, Array]:
    """Converts the value of `instances`, which has at least one row.

    Raises:
      ApiError: rows differ in kind, names or shape, or a value does not fit its type.
    """
    if len(inputs) > 1 and not isinstance(rows[0], dict):
        raise invalid(
            "instances is a plain list, but expecting list of objects as multiple input tensors "
            "required as per tensorinfo_map"
        )
    columns = _columns_of_rows(rows, inputs)
    arrays = {name: quick_array(column, inputs[name]) for name, column in columns.items()}
    whole = {name: array for name, array in arrays.items() if array is not None}
    if whole and len(whole) == len(inputs):
        return whole
    return _Rows(inputs).arrays(rows)


def _columns_of_rows(rows: list[JsonValue], inputs: Inputs) -> dict[str, list[JsonValue]]:
    """The values of each input over all rows, or nothing if a row is out of the ordinary."""
    if set(map(type, rows)) != {dict}:
        return {next(iter(inputs)): rows} if len(inputs) == 1 else {}
    objects = [row for row in rows if type(row) is dict and len(row) == len(inputs)]
    if len(objects) < len(rows) or B64 in inputs:
        return {}
    try:
        return {name: [row[name] for row in objects] for name in inputs}
    except KeyError:
        return {}


class _Rows:
    """The slower walk over rows: every value on its own, and the complaint about the first."""

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs
        self._shapes: dict[str, list[int]] = {}
        self._leaves: dict[str, list[Any]] = {name: [] for name in inputs}

    def arrays(self, rows: list[JsonValue]) -> dict[str, Array]:
        as_objects = _is_object(rows[0])
        for index, row in enumerate(rows):
            if as_objects and not _is_object(row):
                raise invalid(f"Expecting object but got list at item {index} of input list")
            if not as_objects and _is_object(row):
                raise invalid(f"Expecting value/list but got object at item {index} of input list")
            if isinstance(row, dict) and as_objects:
                self._add_object(index, row)
            else:
                name = next(iter(self._inputs))
                self._leaves[name] += self._leaves_of(name, row, f"{index} of 'instances' list.")
        # A bare row names no input, so of several inputs only the first one gets values.
        return {
            name: filled(self._leaves[name], [len(rows), *shape], self._inputs[name])
            for name, shape in self._shapes.items()
        }

    def _add_object(self, index: int, row: dict[str, JsonValue]) -> None:
        """Adds an object's values: of a repeated name the first, though all are looked at."""
        seen = set()
        for name, value in members_of(row):
            leaves = self._leaves_of(name, value, f"{index} key: {name} of 'instances' list.")
            if name not in seen:
                seen.add(name)
                self._leaves[name] += leaves
        if seen != set(self._inputs):
            raise invalid(
                f"Failed to process element: {index} of 'instances' list. JSON object: "
                f"{excerpt(row)} keys must be equal to: {','.join(sorted(self._inputs))}"
            )

    def _leaves_of(self, name: str, value: JsonValue, place: str) -> list[Any]:
        try:
            if name not in self._inputs:
                raise invalid(f"JSON object: does not have named input: {name}")
            leaves, shape = walked(name, value, self._inputs[name])
            expected = self._shapes.setdefault(name, shape)
            if math.prod(expected) != len(leaves):
                raise invalid(
                    f"Expecting tensor size: {math.prod(expected)} but got: {len(leaves)}"
                )
            if expected != shape:
                raise invalid(
                    f"Expecting shape {_shape_text(expected)} but got: {_shape_text(shape)}"
                )
        except RankTooHigh:
            raise
        except ApiError as error:
            raise invalid(f"Failed to process element: {place} Error: {error}") from None
        return leaves


def _is_object(value: JsonValue) -> bool:
    return isinstance(value, dict) and not is_b64(value)


def _shape_text(shape: Sequence[int]) -> str:
    return f"[{','.join(map(str, shape))}]"
