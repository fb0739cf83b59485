from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from serving.bundle import Signature
from serving.dtypes import Array, Dtype
from serving.errors import ApiError
from serving.json_value import JsonValue
from serving.predict import read_question, signature_key

_SIGNATURE = Signature({"x": "x:0"}, {"y": "y:0"}, {"x": Dtype("int64")})


class Doubler:
    """A model in memory that answers y = 2 x."""

    metadata: dict[str, Any]

    def signature(self, key: str) -> Signature:
        return _SIGNATURE

    def run(self, signature: Signature, arrays: Mapping[str, Array]) -> dict[str, Array]:
        return {"y": 2 * np.asarray(arrays["x"])}

    def close(self) -> None:
        """There is nothing to free."""


@pytest.mark.parametrize(
    ("request_", "body"),
    [
        ({"instances": [1, 2]}, b'{"predictions":[2,4]}'),
        ({"instances": [{"x": [1, 2]}]}, b'{"predictions":[[2,4]]}'),
        ({"inputs": [1, 2]}, b'{"outputs":[2,4]}'),
        ({"inputs": 5, "other": 1}, b'{"outputs":10}'),
    ],
)
def test_answers_come_in_the_format_of_the_question(
    request_: dict[str, JsonValue], body: bytes
) -> None:
    question = read_question(request_, Doubler(), "")
    outputs = question.bundle.run(question.signature, question.arrays)
    assert question.body(outputs) == body


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({}, "Missing 'inputs' or 'instances' key"),
        (
            {"inputs": 1, "instances": [1]},
            'JSON Value: {\n    "inputs": 1,\n    "instances": [1]\n} Not formatted correctly '
            "expecting only one of 'inputs' or 'instances' keys to exist ",
        ),
        (
            {"instances": 3},
            "JSON Value: {\n    \"instances\": 3\n} Expecting 'instances' to be an list/array",
        ),
        (
            {"instances": []},
            "JSON Value: {\n    \"instances\": []\n} No values in 'instances' array",
        ),
    ],
)
def test_one_of_both_formats_is_needed(request_: dict[str, JsonValue], message: str) -> None:
    with pytest.raises(ApiError) as raised:
        read_question(request_, Doubler(), "")
    assert raised.value.message == message


def test_the_signature_is_named_by_a_string_or_not_at_all() -> None:
    assert signature_key({}) == ""
    assert signature_key({"signature_name": "top"}) == "top"
    with pytest.raises(ApiError) as raised:
        signature_key({"signature_name": None})
    assert raised.value.message == (
        'JSON Value: {\n    "signature_name": null\n} not formatted correctly. '
        "'signature_name' key must be a string value."
    )
