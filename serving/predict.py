"""Predict requests: from a body to a question of arrays, and from outputs to a body."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from serving.bundle import Bundle, Signature
from serving.dtypes import Array
from serving.errors import invalid
from serving.formats import columns_to_arrays, rows_to_arrays
from serving.json_value import JsonValue, excerpt
from serving.json_writer import columns_body, rows_body

Format: TypeAlias = Literal["rows", "columns"]


@dataclass(frozen=True)
class Question:
    """A predict request that has been read.

    Attributes:
      bundle: the model that answers.
      signature: which of its signatures.
      arrays: a value for each input.
      form: how the request was written, and the answer is to be.
    """

    bundle: Bundle
    signature: Signature
    arrays: dict[str, Array]
    form: Format

    def body(self, outputs: Mapping[str, Array]) -> bytes:
        """The body of the answer.

        Raises:
          ApiError: outputs do not go into rows, or hold what JSON has no text for.
        """
        return rows_body(outputs) if self.form == "rows" else columns_body(outputs)


def read_question(request: dict[str, JsonValue], bundle: Bundle, key: str) -> Question:
    """Reads a request for a model.

    Args:
      request: the body.
      bundle: the model.
      key: the signature that the request names; see `signature_key`.

    Raises:
      ApiError: there is no such signature, or the values do not fit it.
    """
    signature = bundle.signature(key)
    arrays, form = _arrays(request, signature)
    return Question(bundle, signature, arrays, form)


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
