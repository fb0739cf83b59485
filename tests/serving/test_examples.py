from typing import Literal

import pytest

from serving.bundle import Signature
from serving.dtypes import Dtype
from serving.errors import ApiError, Code
from serving.examples import check_examples, refusal
from serving.json_value import JsonValue


def _signature(inputs: str, outputs: str) -> Signature:
    return Signature(
        feeds={name: f"{name}:0" for name in inputs.split()},
        fetches={name: f"{name}:0" for name in outputs.split()},
        inputs={name: Dtype("string") for name in inputs.split()},
    )


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (
            {},
            "JSON Value: {} When method is classify, key 'examples' is expected and was not found",
        ),
        (
            {"examples": 1},
            "JSON Value: {\n    \"examples\": 1\n} Expecting 'examples' value to be an list/array",
        ),
        (
            {"examples": []},
            "JSON Value: {\n    \"examples\": []\n} 'examples' value is an empty array",
        ),
        ({"examples": [{}, 1]}, "Example must be JSON object but got JSON Number"),
        ({"examples": [{}], "context": []}, "Example must be JSON object but got JSON Array"),
    ],
)
def test_bodies_without_examples_are_refused(request_: dict[str, JsonValue], message: str) -> None:
    with pytest.raises(ApiError) as raised:
        check_examples(request_)
    assert raised.value.message == message


def test_bodies_with_examples_pass() -> None:
    check_examples({"examples": [{"a": 1}], "context": {"b": [2.0]}})


@pytest.mark.parametrize(
    ("verb", "inputs", "outputs", "message"),
    [
        ("classify", "a b", "y", "Expected one input Tensor."),
        ("regress", "a b", "y", "Expected one input Tensor."),
        ("regress", "inputs", "y z", "Expected one output Tensor."),
        (
            "classify",
            "inputs",
            "x y z",
            "Expected either one or two output Tensors but found 3",
        ),
        ("classify", "x", "y", "No classification inputs found in SignatureDef"),
        ("regress", "x", "y", "No regression inputs found in SignatureDef"),
    ],
)
def test_predict_signatures_are_refused(
    verb: Literal["classify", "regress"], inputs: str, outputs: str, message: str
) -> None:
    error = refusal(verb, _signature(inputs, outputs))
    assert (error.code, error.message) == (Code.INVALID_ARGUMENT, message)


def test_a_signature_that_could_answer_is_unimplemented() -> None:
    assert refusal("regress", _signature("inputs", "outputs")).http_status == 501
