"""The examples of a classify or regress request, as serialised `tf.train.Example` messages.

An example is an object of features; a feature is one value or a list of values of one kind: whole
numbers and truth values are int64, other numbers float, strings and `{"b64": …}` bytes. A context
is an example whose features every example has beside its own.
"""

from typing import Any

from serving.errors import invalid
from serving.json_value import JsonValue, excerpt, members_of, type_name
from serving.tensors import b64_decoded, is_b64


def serialised_examples(request: dict[str, JsonValue]) -> list[bytes]:
    """The examples of a request, each behind the context if there is one.

    Raises:
      ApiError: there is no list of examples, or one holds what no feature can.
    """
    context = _serialised(request["context"]) if "context" in request else b""
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
    # Messages one after another read as one that has the fields of both.
    return [context + _serialised(example) for example in examples]


def _serialised(example: JsonValue) -> bytes:
    from tensorflow.core.example.example_pb2 import Example

    if not isinstance(example, dict):
        raise invalid(f"Example must be JSON object but got JSON {type_name(example)}")
    # Of a repeated name the last counts here.
    features = {name: _feature(name, content) for name, content in members_of(example)}
    message = Example()
    for name, feature in features.items():
        message.features.feature[name.encode("utf-8", "replace").decode()].CopyFrom(feature)
    return bytes(message.SerializeToString())


def _feature(name: str, content: JsonValue) -> Any:
    from tensorflow.core.example.feature_pb2 import Feature

    feature = Feature()
    for value in content if isinstance(content, list) else [content]:
        kind, number = _kind_and_value(name, value)
        expected = feature.WhichOneof("kind")
        if expected not in (None, kind):
            noun = expected.removesuffix("_list")
            raise invalid(f"Unexpected element type in feature: {name} expecting type: {noun}")
        if kind == "int64_list" and number >= 2**63:
            raise invalid(f"Feature: {name} has uint64_t element. Only int64_t is supported.")
        getattr(feature, kind).value.append(number)
    return feature


def _kind_and_value(name: str, value: JsonValue) -> tuple[str, Any]:
    if isinstance(value, int):
        return "int64_list", int(value)
    if isinstance(value, float):
        return "float_list", value
    if isinstance(value, str):
        return "bytes_list", value.encode("utf-8", "surrogateescape")
    if isinstance(value, dict) and is_b64(value):
        return "bytes_list", b64_decoded(value)
    raise invalid(f"Feature: {name} has element with unexpected JSON type: {type_name(value)}")
