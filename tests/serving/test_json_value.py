import math

import pytest

from serving.json_value import (
    EXCERPT_BYTES,
    JsonValue,
    RepeatedKeys,
    decimal_text,
    excerpt,
    members_of,
    object_of,
    quoted,
    type_name,
)


def test_objects_without_repeated_keys_are_plain_dicts() -> None:
    value = object_of([("b", 1), ("a", 2)])
    assert type(value) is dict
    assert list(value.items()) == [("b", 1), ("a", 2)]


def test_of_a_repeated_key_the_first_value_counts_and_all_are_kept() -> None:
    value = object_of([("a", 1), ("b", 2), ("a", 3)])
    assert isinstance(value, RepeatedKeys)
    assert value == {"a": 1, "b": 2}
    assert list(members_of(value)) == [("a", 1), ("b", 2), ("a", 3)]


def test_the_truth_values_are_types_of_their_own() -> None:
    assert [type_name(value) for value in (True, False, 1, 0)] == [
        "True",
        "False",
        "Number",
        "Number",
    ]
    assert type_name(RepeatedKeys([("a", 1), ("a", 2)])) == "Object"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (1, "1"),
        (1.0, "1.0"),
        (-9223372036854775809.0, "-9223372036854775808.0".replace("5808", "6000")),
        ("a\n", '"a\\n"'),
        ([], "[]"),
        ({}, "{}"),
        ([1, [2, "x"]], '[1, [2, "x"]]'),
        ({"a": {"b": [1, 2]}}, '{\n    "a": {\n        "b": [1, 2]\n    }\n}'),
        # Lists indent though they stay on one line.
        ({"a": [{"b": 1}]}, '{\n    "a": [{\n            "b": 1\n        }]\n}'),
        ([1, math.nan, 2], "[1, "),
    ],
)
def test_excerpts_indent_objects_and_keep_lists_on_one_line(value: JsonValue, text: str) -> None:
    assert excerpt(value) == text


def test_excerpts_show_repeated_keys() -> None:
    assert excerpt(object_of([("a", 1), ("a", 2)])) == '{\n    "a": 1,\n    "a": 2\n}'


def test_excerpts_end_with_the_token_that_crosses_the_limit() -> None:
    # '[7, 7, 7' is 1 byte for the bracket, 1 for the first digit and 3 for each further one.
    text = excerpt([7] * 1000)
    assert text == "[7" + ", 7" * 85
    assert len(text) == EXCERPT_BYTES + 1


def test_excerpts_count_bytes_and_not_letters() -> None:
    assert excerpt(["é" * 200, "b"]) == '["' + "é" * 200 + '"'


def test_excerpts_of_deep_lists_stop_at_the_limit() -> None:
    deep: JsonValue = []
    for _ in range(5000):
        deep = [deep]
    assert excerpt(deep) == "[" * EXCERPT_BYTES


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (123.456, "123.456"),
        (1e16, "10000000000000000.0"),
        (1.5e20, "150000000000000000000.0"),
        (1e21, "1e21"),
        (-1.25e-5, "-0.0000125"),
        (1e-6, "0.000001"),
        (-1.5e-7, "-1.5e-7"),
    ],
)
def test_decimals_have_an_exponent_only_past_21_digits(number: float, text: str) -> None:
    assert decimal_text(number) == text
    assert float(text) == number


def test_quoting_escapes_control_characters_in_upper_case_hex() -> None:
    assert quoted('"\\/\x1f\t€') == '"\\"\\\\/\\u001F\\t€"'
