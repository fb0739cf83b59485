"""Refusals, and the one edge that turns them into HTTP replies.

Whatever goes wrong anywhere below the HTTP layer is raised as an `ApiError`, which carries one of
the canonical status codes of TensorFlow and a message. `reply_to` makes the reply of it.
"""

from dataclasses import dataclass, field
from enum import IntEnum

import orjson

JSON = "application/json"


class Code(IntEnum):
    """The canonical status codes, numbered as `tf.errors.OpError.error_code` numbers them."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16

    @property
    def http_status(self) -> int:
        """The HTTP status that stands for this code; 500 where none fits better."""
        return _HTTP_STATUS.get(self, 500)


_HTTP_STATUS = {
    Code.OK: 200,
    Code.INVALID_ARGUMENT: 400,
    Code.FAILED_PRECONDITION: 400,
    Code.OUT_OF_RANGE: 400,
    Code.UNAUTHENTICATED: 401,
    Code.PERMISSION_DENIED: 403,
    Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 409,
    Code.ABORTED: 409,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.CANCELLED: 499,
    Code.UNIMPLEMENTED: 501,
    Code.UNAVAILABLE: 503,
    Code.DEADLINE_EXCEEDED: 504,
}


class ApiError(Exception):
    """A request, or the loading of a version, refused with a code and a message."""

    def __init__(self, code: Code, message: str, *, http_status: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.http_status = code.http_status if http_status is None else http_status

    def __str__(self) -> str:
        return f"{self.code.name}: {self.message}"


def invalid(message: str) -> ApiError:
    """The commonest refusal: the caller's request cannot be answered as it stands (400)."""
    return ApiError(Code.INVALID_ARGUMENT, message)


def too_large(limit_bytes: int) -> ApiError:
    """A body past the limit (413), which has no canonical code of its own.

    >>> too_large(1024).http_status
    413
    """
    message = f"Request body is larger than the limit of {limit_bytes} bytes"
    return ApiError(Code.RESOURCE_EXHAUSTED, message, http_status=413)


@dataclass(frozen=True)
class Reply:
    """What goes back over HTTP.

    Attributes:
      status: HTTP's.
      body: not packed.
      content_type: of the body.
      code: the canonical code behind the status.
      model: the model that was asked, as far as it is known here; for metrics and logs.
      verb: what was asked of it.
      headers: beside those that every reply has.
    """

    status: int
    body: bytes
    content_type: str = JSON
    code: Code = field(default=Code.OK, compare=False)
    model: str = field(default="", compare=False)
    verb: str = field(default="", compare=False)
    headers: tuple[tuple[bytes, bytes], ...] = field(default=(), compare=False)


def reply_to(error: ApiError, model: str = "", verb: str = "") -> Reply:
    r"""Tells an error in the body every client of TensorFlow Serving knows.

    >>> reply_to(invalid("no such thing")).body
    b'{\n  "error": "no such thing"\n}'
    """
    # A message may quote bytes of the request that are no UTF-8; JSON cannot.
    message = error.message.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    body = orjson.dumps({"error": message}, option=orjson.OPT_INDENT_2)
    return Reply(error.http_status, body, code=error.code, model=model, verb=verb)


def html_reply(status: int, reason: str) -> Reply:
    """What the HTTP layer itself says, as TensorFlow Serving's does."""
    text = (
        f"<HTML><HEAD>\n<TITLE>{status} {reason}</TITLE>\n</HEAD><BODY>\n"
        f"<H1>{reason}</H1>\n</BODY></HTML>\n"
    )
    return Reply(status, text.encode(), "text/html")
