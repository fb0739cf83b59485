import pytest
from tensorflow.core.example.example_pb2 import Example

from serving.errors import ApiError
from serving.examples import serialised_examples
from serving.json_value import JsonValue, object_of


def _features(serialised: bytes) -> dict[str, list[object]]:
    features = Example.FromString(serialised).features.feature
    return {
        name: list(getattr(feature, feature.WhichOneof("kind")).value)
        for name, feature in features.items()
    }


def test_features_are_of_the_kind_of_their_values() -> None:
    example: JsonValue = {
        "whole": [1, -(2**63)],
        "true": True,
        "float": [0.5, 2.0],
        "text": "é",
        "bytes": [{"b64": "/w"}, "a"],
    }
    (serialised,) = serialised_examples({"examples": [example]})
    assert _features(serialised) == {
        "whole": [1, -(2**63)],
        "true": [1],
        "float": [0.5, 2.0],
        "text": ["é".encode()],
        "bytes": [b"\xff", b"a"],
    }


def test_every_example_has_the_features_of_the_context() -> None:
    request: dict[str, JsonValue] = {"context": {"a": 1, "b": 2}, "examples": [{"b": 3}, {"c": 4}]}
    first, second = serialised_examples(request)
    assert _features(first) == {"a": [1], "b": [3]}
    assert _features(second) == {"a": [1], "b": [2], "c": [4]}


def test_of_a_repeated_feature_the_last_counts_and_all_are_checked() -> None:
    twice = object_of([("a", 1), ("a", 2)])
    assert _features(serialised_examples({"examples": [twice]})[0]) == {"a": [2]}
    with pytest.raises(ApiError):
        serialised_examples({"examples": [object_of([("a", None), ("a", 2)])]})


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
        (
            {"examples": [{"a": [1, 2.0]}]},
            "Unexpected element type in feature: a expecting type: int64",
        ),
        (
            {"examples": [{"a": [1.0, 2]}]},
            "Unexpected element type in feature: a expecting type: float",
        ),
        (
            {"examples": [{"a": ["", 2]}]},
            "Unexpected element type in feature: a expecting type: bytes",
        ),
        ({"examples": [{"a": None}]}, "Feature: a has element with unexpected JSON type: Null"),
        ({"examples": [{"a": [[1]]}]}, "Feature: a has element with unexpected JSON type: Array"),
        (
            {"examples": [{"a": {"b": 1}}]},
            "Feature: a has element with unexpected JSON type: Object",
        ),
        (
            {"examples": [{"a": 2**63}]},
            "Feature: a has uint64_t element. Only int64_t is supported.",
        ),
        ({"examples": [{"a": {"b64": "?"}}]}, "Unable to base64 decode"),
    ],
)
def test_what_no_example_can_hold_is_refused(request_: dict[str, JsonValue], message: str) -> None:
    with pytest.raises(ApiError) as raised:
        serialised_examples(request_)
    assert raised.value.message == message
