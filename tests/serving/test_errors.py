import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.errors import ApiError, Code, invalid, reply_to, too_large


@pytest.mark.parametrize(
    ("status", "codes"),
    [
        (200, "OK"),
        (400, "INVALID_ARGUMENT FAILED_PRECONDITION OUT_OF_RANGE"),
        (401, "UNAUTHENTICATED"),
        (403, "PERMISSION_DENIED"),
        (404, "NOT_FOUND"),
        (409, "ALREADY_EXISTS ABORTED"),
        (429, "RESOURCE_EXHAUSTED"),
        (499, "CANCELLED"),
        (500, "UNKNOWN INTERNAL DATA_LOSS"),
        (501, "UNIMPLEMENTED"),
        (503, "UNAVAILABLE"),
        (504, "DEADLINE_EXCEEDED"),
    ],
)
def test_every_code_has_its_status(status: int, codes: str) -> None:
    assert {Code[name].http_status for name in codes.split()} == {status}


def test_codes_are_numbered_as_tensorflow_numbers_them() -> None:
    import tensorflow as tf

    for code in Code:
        if code is not Code.OK:
            assert getattr(tf.errors, code.name) == code.value


def test_the_body_holds_the_message() -> None:
    reply = reply_to(ApiError(Code.NOT_FOUND, 'no "x"\n'))
    assert reply.status == 404
    assert reply.content_type == "application/json"
    assert json.loads(reply.body) == {"error": 'no "x"\n'}


@given(message=st.text())
def test_any_message_arrives_as_it_is(message: str) -> None:
    # What a message quotes may hold anything that is text, control characters too.
    assert json.loads(reply_to(invalid(message)).body) == {"error": message}


def test_a_status_of_its_own_leaves_the_code() -> None:
    error = ApiError(Code.UNAVAILABLE, "later", http_status=429)
    assert (error.code, reply_to(error).status) == (Code.UNAVAILABLE, 429)


def test_bytes_that_are_no_text_are_replaced_in_messages() -> None:
    assert json.loads(reply_to(invalid("got a\udcff")).body) == {"error": "got a�"}


def test_a_body_past_the_limit_is_413() -> None:
    reply = reply_to(too_large(10))
    assert reply.status == 413
    assert b"limit of 10 bytes" in reply.body


def test_errors_read_as_code_and_message() -> None:
    assert str(invalid("no")) == "INVALID_ARGUMENT: no"
