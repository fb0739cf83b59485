import json
import math
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from serving.errors import ApiError
from serving.json_grammar import Document
from serving.json_reader import read_object, read_value
from serving.json_value import RepeatedKeys

_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def _typed(value: object) -> object:
    """A value in which 1, 1.0 and True are different things, as are 0.0 and -0.0."""
    if isinstance(value, dict):
        return {key: _typed(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_typed(element) for element in value]
    return type(value).__name__, repr(value)


@given(value=_VALUES, ascii_only=st.booleans(), indent=st.sampled_from([None, 2]))
@settings(max_examples=200)
def test_valid_json_reads_as_pythons_own_reader_reads_it(
    value: object, ascii_only: bool, indent: int | None
) -> None:
    body = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    body_bytes = body.encode("utf-8", "surrogatepass")
    try:
        body_bytes.decode()
    except UnicodeDecodeError:
        return  # a lone surrogate among the keys is no text
    if re.search(r"\\ud[89a-f]", body):
        return  # told apart in the grammar's own tests
    expected = _typed(json.loads(body))
    assert _typed(read_value(body_bytes)) == expected
    assert _typed(Document(body_bytes).value()) == expected


@given(st.binary(max_size=40) | st.text('[]{},:"ae1-.NIn\\u \t', max_size=20).map(str.encode))
@example(b"0E")
@example(b'"a" 1')
@settings(max_examples=300)
def test_both_readers_agree_on_anything_at_all(body: bytes) -> None:
    results = []
    for read in (read_value, lambda body: Document(body).value()):
        try:
            results.append(_typed(read(body)))
        except ApiError as error:
            results.append(error.message)
    assert results[0] == results[1]


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"[1234567890123456789]", [1234567890123456789]),
        (b"[12345678901234567890]", [12345678901234567890]),
        (b"[123456789012345678901]", [1.2345678901234568e20]),
        (b"[-9223372036854775809]", [-9.223372036854775808e18]),
        (b"[0.00012345678901234567]", [0.00012345678901234567]),
        (b'["movie12345"]', ["movie12345"]),
        (b"[1e300]", [1e300]),
        (b'["\\u00e9\\ud83d\\ude00"]', ["é😀"]),
        (b'["caf\xe9"]', ["caf\udce9"]),
        (b"\xef\xbb\xbf {} x", {}),
    ],
)
def test_what_the_scanner_reads_otherwise_goes_through_the_grammar(
    body: bytes, value: object
) -> None:
    assert _typed(read_value(body)) == _typed(value)


def test_literals_that_are_no_json_are_numbers() -> None:
    read = read_value(b"[NaN, Infinity, -Infinity, Inf, -Inf]")
    assert isinstance(read, list)
    assert isinstance(read[0], float)
    assert math.isnan(read[0])
    assert read[1:] == [math.inf, -math.inf, math.inf, -math.inf]


def test_of_repeated_keys_the_first_counts_at_any_depth() -> None:
    read = read_value(b'[{"a": {"b": 1, "b": 2}, "a": 3}]')
    assert read == [{"a": {"b": 1}}]
    assert isinstance(read, list)
    assert isinstance(read[0], RepeatedKeys)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "JSON Parse error: The document is empty"),
        (b"[1]", "JSON Value: [1] Is not object"),
        (b'"abc"', 'JSON Value: "abc" Is not object'),
        (b"{'a': 1}", "JSON Parse error: Missing a name for object member. at offset: 1"),
        (b"[1e999]", "JSON Parse error: Number too big to be stored in double. at offset: 1"),
    ],
)
def test_bodies_that_are_no_object_are_refused(body: bytes, message: str) -> None:
    with pytest.raises(ApiError) as raised:
        read_object(body)
    assert raised.value.message == message


def test_deep_nesting_is_no_recursion_error() -> None:
    assert isinstance(read_value(b"[" * 3000 + b"]" * 3000), list)
