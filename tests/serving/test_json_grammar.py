import math

import pytest

from serving.errors import ApiError, Code
from serving.json_grammar import MAX_DEPTH, Document
from serving.json_value import JsonValue, RepeatedKeys


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"null", None),
        (b"true", True),
        (b" \t\r\n false x", False),
        (b"-0", 0),
        (b"12", 12),
        (b"12.0", 12.0),
        (b"1e2", 100.0),
        (b"-1.5E-1", -0.15),
        (b"1e-400", 0.0),
        (b"9223372036854775808", 2**63),
        (b"18446744073709551615", 2**64 - 1),
        (b"18446744073709551616", 2.0**64),
        (b"-9223372036854775808", -(2**63)),
        (b"-9223372036854775809", -(2.0**63)),
        (b"1" + b"0" * 300, 1e300),
        (b"Infinity", math.inf),
        (b"-Infinity", -math.inf),
        (b"Inf", math.inf),
        (b"-Inf", -math.inf),
        (b'"a\\n\\u00e9\\ud83d\\ude00\\/"', "aé😀/".replace("a", "a\n")),
        (b'"\xff"', "\udcff"),
        (b"\xef\xbb\xbf[1]", [1]),
        (b"[]", []),
        (b"[ ]", []),
        (b"{ }", {}),
        (b'{"a": [1, {"b": []}], "c": {}}', {"a": [1, {"b": []}], "c": {}}),
        (b'{"a": 1} and so on', {"a": 1}),
        (b"01", 0),
    ],
)
def test_values_are_read_with_their_types(body: bytes, value: JsonValue) -> None:
    read = Document(body).value()
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize("body", [b"NaN", b"-NaN"])
def test_nan_is_a_number(body: bytes) -> None:
    read = Document(body).value()
    assert isinstance(read, float)
    assert math.isnan(read)


def test_repeated_keys_are_kept() -> None:
    read = Document(b'{"a": 1, "a": 2}').value()
    assert isinstance(read, RepeatedKeys)
    assert read.pairs == [("a", 1), ("a", 2)]


@pytest.mark.parametrize(
    ("body", "complaint", "offset"),
    [
        (b" ", "The document is empty.", 1),
        (b"\0", "The document is empty.", 0),
        (b"{", "Missing a name for object member.", 1),
        (b"{1: 2}", "Missing a name for object member.", 1),
        (b'{"a": 1,}', "Missing a name for object member.", 8),
        (b'{"a"', "Missing a colon after a name of object member.", 4),
        (b'{"a" 1}', "Missing a colon after a name of object member.", 5),
        (b'{"a": 1 "b"}', "Missing a comma or '}' after an object member.", 8),
        (b'{"a": 1', "Missing a comma or '}' after an object member.", 7),
        (b'{"a":', "Invalid value.", 5),
        (b"[", "Invalid value.", 1),
        (b"[1,]", "Invalid value.", 3),
        (b"[1 2]", "Missing a comma or ']' after an array element.", 3),
        (b"[01]", "Missing a comma or ']' after an array element.", 2),
        (b"[1\0]", "Missing a comma or ']' after an array element.", 2),
        (b"trUe", "Invalid value.", 2),
        (b"nan", "Invalid value.", 1),
        (b"Na", "Invalid value.", 2),
        (b"-Nx", "Invalid value.", 2),
        (b'{"a": Info}', "Missing a comma or '}' after an object member.", 9),
        (b"Infinite", "Invalid value.", 7),
        (b"-", "Invalid value.", 1),
        (b"+1", "Invalid value.", 0),
        (b".5", "Invalid value.", 0),
        (b"1.", "Miss fraction part in number.", 2),
        (b"1.x", "Miss fraction part in number.", 2),
        (b"1e", "Miss exponent in number.", 2),
        (b"1e+", "Miss exponent in number.", 3),
        (b"[1e400]", "Number too big to be stored in double.", 1),
        (b"[" + b"9" * 400 + b"]", "Number too big to be stored in double.", 1),
        (b'"ab', "Missing a closing quotation mark in string.", 3),
        (b'"a\0b"', "Missing a closing quotation mark in string.", 2),
        (b'"a\nb"', "Invalid escape character in string.", 2),
        (b'"a\\x"', "Invalid escape character in string.", 2),
        (b'"a\\', "Invalid escape character in string.", 2),
        (b'"\\u12g4"', "Incorrect hex digit after \\u escape in string.", 1),
        (b'"\\ud83d"', "The surrogate pair in string is invalid.", 1),
        (b'"\\ud83d\\u0041"', "The surrogate pair in string is invalid.", 1),
        (b'"\\ude00"', "The surrogate pair in string is invalid.", 1),
    ],
)
def test_complaints_tell_where_reading_stopped(body: bytes, complaint: str, offset: int) -> None:
    with pytest.raises(ApiError) as raised:
        Document(body).value()
    assert raised.value.code is Code.INVALID_ARGUMENT
    assert raised.value.message == f"JSON Parse error: {complaint} at offset: {offset}"


def test_nesting_is_read_without_recursion_down_to_a_limit() -> None:
    read = Document(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH).value()
    assert isinstance(read, list)
    with pytest.raises(ApiError, match=f"nested deeper than {MAX_DEPTH} levels"):
        Document(b"[" * (MAX_DEPTH + 2)).value()
