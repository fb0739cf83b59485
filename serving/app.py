"""The ASGI application: bodies and their limits, and what the HTTP layer itself refuses."""

import zlib

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from serving.errors import ApiError, Reply, invalid, reply_to, too_large
from serving.rest_api import RestApi
from serving.routes import is_served

MAX_BODY_BYTES = 64 * 2**20
_METHODS = frozenset(("GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS"))
_GZIP = 16 + zlib.MAX_WBITS


class RestApp:
    """Serves a `RestApi` over HTTP.

    Requests are answered in threads, so the loop goes on while TensorFlow works.

    Args:
      api: what answers.
      max_body_bytes: the longest body taken, before and after decompression; longer ones get 413.
    """

    def __init__(self, api: RestApi, *, max_body_bytes: int = MAX_BODY_BYTES) -> None:
        self._api = api
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one HTTP request."""
        request = Request(scope, receive)
        try:
            reply = await self._reply(request)
        except ClientDisconnect:
            return
        response = Response(reply.body, reply.status, media_type=reply.content_type)
        await response(scope, receive, send)

    async def _reply(self, request: Request) -> Reply:
        path = _path(request.scope)
        if request.method not in _METHODS:
            return _html(501, "Not Implemented")
        if not is_served(path):
            return _html(404, "Not Found")
        if request.method == "OPTIONS":
            # A browser asking leave to post from another page.
            origin = request.headers.get("origin", "")
            return Reply(200 if "http://" in origin or "https://" in origin else 400, b"")
        try:
            body = await self._body(request)
        except ApiError as error:
            return reply_to(error)
        is_packed = request.headers.get("content-encoding", "").lower() == "gzip"
        return await run_in_threadpool(self._answer, request.method, path, body, is_packed)

    def _answer(self, method: str, path: str, body: bytes, is_packed: bool) -> Reply:
        try:
            plain = _unpacked(body, self._max_body_bytes) if is_packed else body
        except ApiError as error:
            return reply_to(error)
        return self._api.answer(method, path, plain)

    async def _body(self, request: Request) -> bytes:
        """Reads the body, no further than the limit."""
        length = request.headers.get("content-length", "0")
        if length.isdigit() and int(length) > self._max_body_bytes:
            raise too_large(self._max_body_bytes)
        chunks = []
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            if size > self._max_body_bytes:
                raise too_large(self._max_body_bytes)
            chunks.append(chunk)
        return b"".join(chunks)


def _path(scope: Scope) -> str:
    """The path as it was sent, with the query that TensorFlow Serving takes for a part of it."""
    query = scope["query_string"]
    sent: bytes = scope["raw_path"] + (b"?" + query if query else b"")
    return sent.decode("utf-8", "replace")


def _unpacked(body: bytes, limit_bytes: int) -> bytes:
    gzip = zlib.decompressobj(_GZIP)
    try:
        plain = gzip.decompress(body, limit_bytes)
    except zlib.error as error:
        raise invalid(f"Cannot decompress the gzip body: {error}") from None
    if gzip.unconsumed_tail:
        raise too_large(limit_bytes)
    if not gzip.eof:
        raise invalid("Cannot decompress the gzip body: it ends too early")
    return plain


def _html(status: int, reason: str) -> Reply:
    text = (
        f"<HTML><HEAD>\n<TITLE>{status} {reason}</TITLE>\n</HEAD><BODY>\n"
        f"<H1>{reason}</H1>\n</BODY></HTML>\n"
    )
    return Reply(status, text.encode(), "text/html")
