"""Inputs are filled in, padded and encoded as a signature's dtypes and ranks ask."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from serving.client.columns import Signature, Tensor, columns, signatures_of

STRINGS, STRING = Tensor("DT_STRING", 2), Tensor("DT_STRING", 1)
TIMES, FLOATS = Tensor("DT_INT64", 2), Tensor("DT_FLOAT", 2)
EVENTS = {"history": STRINGS, "times": TIMES, "feedback": FLOATS, "event_types": STRINGS}


def filled(inputs: dict[str, Tensor], *rows: dict[str, Any]) -> dict[str, list[Any]]:
    return columns(rows, Signature(inputs, ()))


def same(found: dict[str, Any], expected: dict[str, Any]) -> None:
    """Equal as texts, where NaN is NaN."""
    assert json.dumps(found) == json.dumps(expected)


def test_what_is_left_out_is_nothing_or_unknown_by_dtype() -> None:
    inputs = {
        "deny": STRINGS,
        "user_age": Tensor("DT_FLOAT", 1),
        "user_group": STRING,
        "seed": Tensor("DT_INT64", 1),
        "rows": Tensor("DT_INT32", 1),
        "exclude_seen": Tensor("DT_BOOL", 1),
    }
    expected = {
        "deny": [[""]],
        "user_age": [math.nan],
        "user_group": [""],
        "seed": [0],
        "rows": [0],
        "exclude_seen": [False],
    }
    same(filled(inputs, {}), expected)


def test_rows_of_unlike_length_are_padded_beside_their_ids() -> None:
    one = {"history": ["a", "b", "c"], "times": [1, 2, 3], "feedback": [4.0, None, 5.0]}
    found = filled(EVENTS, one, {"history": ["d"], "times": [9], "event_types": ["buy"]}, {})
    nan = math.nan
    expected = {
        "history": [["a", "b", "c"], ["d", "", ""], ["", "", ""]],
        "times": [[1, 2, 3], [9, 0, 0], [0, 0, 0]],
        "feedback": [[4.0, nan, 5.0], [nan] * 3, [nan] * 3],
        "event_types": [["", "", ""], ["buy", "", ""], ["", "", ""]],
    }
    same(found, expected)


def test_lists_apart_from_events_have_their_own_width() -> None:
    inputs = {**EVENTS, "items": STRINGS, "cold_items": STRINGS, "cold_item_genres": STRINGS}
    row = {"history": ["a"], "times": [1], "items": ["x", "y"], "cold_items": ["n", "m", "o"]}
    found = filled(inputs, row)
    assert found["event_types"] == [[""]] and found["items"] == [["x", "y"]]
    assert found["cold_item_genres"] == [["", "", ""]]


def test_events_of_an_update_lead_by_items() -> None:
    inputs = {"items": STRINGS, "times": TIMES, "feedback": FLOATS}
    found = filled(inputs, {"items": ["a", "b"], "times": [1, 2]})
    same(found, {"items": [["a", "b"]], "times": [[1, 2]], "feedback": [[math.nan] * 2]})


def test_values_go_by_the_dtype_that_the_server_told() -> None:
    inputs = {
        "user_age": Tensor("DT_FLOAT", 1),
        "user_zip": STRING,
        "user_member": STRING,
        "state_bytes": STRING,
    }
    found = filled(
        inputs, {"user_age": 31, "user_zip": 31, "user_member": True, "state_bytes": b"\xff\x00"}
    )
    assert found == {
        "user_age": [31.0],
        "user_zip": ["31"],
        "user_member": ["true"],
        "state_bytes": [{"b64": "/wA="}],
    }


@pytest.mark.parametrize(
    ("value", "dtype", "message"),
    [
        ("old", "DT_FLOAT", "x: got 'old', expected a number"),
        (2.5, "DT_INT32", "x: got 2.5, expected a whole number"),
        ("no", "DT_BOOL", "x: got 'no', expected true or false"),
        (2, "DT_BOOL", "x: got 2, expected true or false"),
        (["a", "b"], "DT_STRING", r"x: got \['a', 'b'\], expected one value"),
    ],
)
def test_what_an_input_cannot_take_is_refused(value: Any, dtype: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        filled({"x": Tensor(dtype, 1)}, {"x": value})


def test_names_and_inputs_that_are_not_known_are_refused() -> None:
    with pytest.raises(ValueError, match=r"y: got a value, but .*; expected one of x"):
        filled({"x": STRING}, {"x": "a"}, {"y": "b"})
    for tensor in (Tensor("DT_COMPLEX64", 1), Tensor("DT_FLOAT", 3), Tensor("DT_FLOAT", 0)):
        with pytest.raises(ValueError, match="x: got an input of "):
            filled({"x": tensor}, {})


def test_metadata_is_read() -> None:
    tensor = {"dtype": "DT_INT32", "tensor_shape": {"dim": [{"size": "-1", "name": ""}]}}
    definition = {"inputs": {"k": tensor}, "outputs": {"b": tensor, "a": tensor}}
    body = {"metadata": {"signature_def": {"signature_def": {"ask": definition}}}}
    assert signatures_of(json.dumps(body).encode()) == {
        "ask": Signature({"k": Tensor("DT_INT32", 1)}, ("b", "a"))
    }


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"metadata": {"signature_def": 3}}'])
def test_a_body_that_is_no_metadata_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"got .*, expected a model's metadata"):
        signatures_of(body)
