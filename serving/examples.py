"""Classify and regress requests, which this server reads but does not answer.

A model for recommendations exports predict signatures, for which TensorFlow Serving refuses both
verbs. The same refusals are given here; a request that could be answered gets a 501 instead.
"""

from typing import Literal

from serving.bundle import Signature
from serving.errors import ApiError, Code, invalid
from serving.json_value import JsonValue, excerpt, type_name


def check_examples(request: dict[str, JsonValue]) -> None:
    """Refuses a body that does not hold a list of example objects.

    Raises:
      ApiError: there is no such list, or it holds something else.
    """
    if "context" in request:
        _check_example(request["context"])
    if "examples" not in request:
        raise invalid(
            f"JSON Value: {excerpt(request)} When method is classify, key 'examples' is expected "
            "and was not found"
        )
    examples = request["examples"]
    if not isinstance(examples, list):
        raise invalid(
            f"JSON Value: {excerpt(request)} Expecting 'examples' value to be an list/array"
        )
    if not examples:
        raise invalid(f"JSON Value: {excerpt(request)} 'examples' value is an empty array")
    for example in examples:
        _check_example(example)


def refusal(verb: Literal["classify", "regress"], signature: Signature) -> ApiError:
    """Why a signature does not classify or regress, as far as its tensors tell."""
    if len(signature.inputs) != 1:
        return invalid("Expected one input Tensor.")
    if verb == "regress" and len(signature.fetches) != 1:
        return invalid("Expected one output Tensor.")
    if verb == "classify" and len(signature.fetches) not in (1, 2):
        return invalid(
            f"Expected either one or two output Tensors but found {len(signature.fetches)}"
        )
    if "inputs" not in signature.inputs:
        noun = "classification" if verb == "classify" else "regression"
        return invalid(f"No {noun} inputs found in SignatureDef")
    return ApiError(Code.UNIMPLEMENTED, f"This embedded server does not answer {verb} requests")


def _check_example(example: JsonValue) -> None:
    if not isinstance(example, dict):
        raise invalid(f"Example must be JSON object but got JSON {type_name(example)}")
