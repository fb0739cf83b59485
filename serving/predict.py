"""A predict request from its body to the body of its answer."""

from typing import Literal, TypeAlias

from serving.bundle import Bundle, Signature
from serving.dtypes import Array
from serving.errors import invalid
from serving.formats import columns_to_arrays, rows_to_arrays
from serving.json_value import JsonValue, excerpt
from serving.json_writer import columns_body, rows_body

Format: TypeAlias = Literal["rows", "columns"]


def predict(request: dict[str, JsonValue], bundle: Bundle, signature: Signature) -> bytes:
    """Answers a request whose signature has been looked up.

    Raises:
      ApiError: the request's values do not fit the signature, or the graph refused them.
    """
    arrays, form = _arrays(request, signature)
    outputs = bundle.run(signature, arrays)
    return rows_body(outputs) if form == "rows" else columns_body(outputs)


def signature_key(request: dict[str, JsonValue]) -> str:
    """The signature a request names; empty if it names none.

    Raises:
      ApiError: the name is no string.
    """
    key = request.get("signature_name", "")
    if not isinstance(key, str):
        raise invalid(
            f"JSON Value: {excerpt(request)} not formatted correctly. 'signature_name' key must "
            "be a string value."
        )
    return key


def _arrays(request: dict[str, JsonValue], signature: Signature) -> tuple[dict[str, Array], Format]:
    if "instances" in request and "inputs" in request:
        raise invalid(
            f"JSON Value: {excerpt(request)} Not formatted correctly expecting only one of "
            "'inputs' or 'instances' keys to exist "
        )
    if "inputs" in request:
        return columns_to_arrays(request["inputs"], signature.inputs), "columns"
    if "instances" not in request:
        raise invalid("Missing 'inputs' or 'instances' key")
    rows = request["instances"]
    if not isinstance(rows, list):
        raise invalid(f"JSON Value: {excerpt(request)} Expecting 'instances' to be an list/array")
    if not rows:
        raise invalid(f"JSON Value: {excerpt(request)} No values in 'instances' array")
    return rows_to_arrays(rows, signature.inputs), "rows"
