"""Rows of named values to the columns that a signature takes.

TensorFlow Serving wants every input of a signature, lists of one length, and numbers of the right
kind. A caller names what is known; what is left out stands for "nothing" or "unknown": "", NaN, 0
or false by dtype. Lists are padded with the same at the end, and are one long at least, as an empty
tensor has no JSON that every server reads.
"""

import base64
import json
import math
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Row: TypeAlias = Mapping[str, Any]

_NOTHING: dict[str, Any] = {"DT_STRING": "", "DT_BOOL": False, "DT_INT32": 0, "DT_INT64": 0}
_NOTHING |= dict.fromkeys(("DT_HALF", "DT_BFLOAT16", "DT_FLOAT", "DT_DOUBLE"), math.nan)
# Lists that tell more of the entries of another one, and are as wide.
_OF_EVENTS = ("times", "feedback", "event_types")
_OF_COLD_ITEMS = "cold_item_"


@dataclass(frozen=True)
class Tensor:
    """One input.

    Attributes:
      dtype: as "DT_STRING".
      rank: 1 for a value a row, 2 for a list a row.
    """

    dtype: str
    rank: int


@dataclass(frozen=True)
class Signature:
    """What a signature takes and gives."""

    inputs: Mapping[str, Tensor]
    outputs: tuple[str, ...]


def signatures_of(metadata: bytes) -> dict[str, Signature]:
    """Reads the body of a reply to `GET /v1/models/NAME/metadata`.

    Raises:
      ValueError: it is none.
    """
    try:
        definitions = json.loads(metadata)["metadata"]["signature_def"]["signature_def"]
        return {
            name: Signature(
                {
                    key: Tensor(told["dtype"], len(told["tensor_shape"].get("dim", [])))
                    for key, told in definition["inputs"].items()
                },
                tuple(definition["outputs"]),
            )
            for name, definition in definitions.items()
        }
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        text = metadata[:200].decode(errors="replace")
        raise ValueError(f"got {text!r}, expected a model's metadata") from error


def columns(rows: Sequence[Row], signature: Signature) -> dict[str, list[Any]]:
    """The value of `inputs` in a request's body.

    Args:
      rows: values by name of the input; a list where the input has one.
      signature: what is asked.

    Returns:
      A column for every input, in plain values.

    Raises:
      ValueError: a name that the signature has not, or a value that the input cannot take.
    """
    for row in rows:
        for name in row:
            if name not in signature.inputs:
                found = ", ".join(sorted(signature.inputs))
                raise ValueError(
                    f"{name}: got a value, but the model does not read it; expected one of {found}"
                )
    filled: dict[str, list[Any]] = {}
    for name, tensor in signature.inputs.items():
        if tensor.dtype not in _NOTHING or tensor.rank not in (1, 2):
            raise ValueError(f"{name}: got an input of {tensor}, expected a value or a list a row")
        nothing = _NOTHING[tensor.dtype]
        if tensor.rank == 1:
            filled[name] = [_cell(row.get(name), tensor.dtype, name) for row in rows]
            continue
        leader = _leader(name, signature)
        width = max((len(row.get(each, ())) for row in rows for each in (leader, name)), default=0)
        filled[name] = []
        for row in rows:
            cells = [_cell(value, tensor.dtype, name) for value in row.get(name, ())]
            filled[name].append(cells + [nothing] * (max(width, 1) - len(cells)))
    return filled


def _leader(name: str, signature: Signature) -> str:
    """The list whose width a list has."""
    if name in _OF_EVENTS:
        return "history" if "history" in signature.inputs else "items"
    return "cold_items" if name.startswith(_OF_COLD_ITEMS) else name


def _cell(value: Any, dtype: str, name: str) -> Any:
    """A value as JSON has it."""
    nothing = _NOTHING[dtype]
    if value is None or (value == "" and dtype != "DT_STRING"):
        return nothing
    if isinstance(value, (list, tuple, set, dict)):
        raise ValueError(f"{name}: got {value!r}, expected one value, as a table's cell has it")
    try:
        if dtype == "DT_BOOL":
            return _truth(value)
        if dtype == "DT_STRING":
            return _text(value)
        return operator.index(value) if "INT" in dtype else float(value)
    except (TypeError, ValueError):
        expected = "a whole number" if "INT" in dtype else "a number"
        if dtype == "DT_BOOL":
            expected = "true or false"
        raise ValueError(f"{name}: got {value!r}, expected {expected}") from None


def _truth(value: Any) -> bool:
    """True or false, or the number of it; a text such as "no" would be true."""
    if isinstance(value, str) or value not in (0, 1):
        raise ValueError
    return bool(value)


def _text(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"b64": base64.b64encode(value).decode()}
    return str(value).lower() if isinstance(value, bool) else str(value)
