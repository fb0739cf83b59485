"""HTTP/1.1 on a connection: uvicorn's protocol, with limits on the request's head.

httptools parses a request several times as fast as h11, but sets no limit to the length of headers
and knows a fixed list of methods. Both are added here: a head that is too long gets 431, one that
does not arrive in time ends the connection, and an unknown method the 501 of TensorFlow Serving.
"""

import asyncio
import re

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from serving.errors import html_reply

MAX_HEAD_BYTES = 64 * 2**10
HEAD_SECONDS = 30.0

_START = re.compile(rb"[\r\n]*([A-Za-z]+) /\S* HTTP/1\.[01]\r?\n")
_KNOWN = frozenset((b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS"))


class LimitedProtocol(HttpToolsProtocol):
    """One connection, whose requests begin with a head of limited length and time."""

    def connection_made(
        self,
        transport: asyncio.Transport,  # type: ignore[override]  # narrowed by uvicorn too
    ) -> None:
        """Begins to wait for the first request."""
        super().connection_made(transport)
        self._is_in_head = True
        self._num_head_bytes = 0
        self._data = b""
        self._timer: asyncio.TimerHandle | None = None
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stops waiting."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Reads what has arrived; a head that goes on is counted."""
        if self.transport.is_closing():
            return
        self._data = data
        super().data_received(data)
        if self._is_in_head and not self.transport.is_closing():
            self._num_head_bytes += len(data)
            if self._num_head_bytes > MAX_HEAD_BYTES:
                self._refuse(431, "Request Header Fields Too Large")
            elif self._timer is None:
                self._await_head()

    def on_message_begin(self) -> None:
        """Begins a request."""
        self._is_in_head = True
        self._num_head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Ends the head."""
        self._is_in_head = False
        self._stop_waiting()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuses what is no HTTP, and methods that are none here."""
        start = _START.match(self._data)
        if start is not None and start[1] not in _KNOWN:
            self._refuse(501, "Not Implemented")
        else:
            super().send_400_response(msg)

    def _await_head(self) -> None:
        self._timer = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _refuse(self, status: int, reason: str) -> None:
        """Answers without an application, and ends the connection."""
        reply = html_reply(status, reason)
        self.transport.write(
            STATUS_LINE[status]
            + b"content-type: text/html\r\nconnection: close\r\ncontent-length: "
            + str(len(reply.body)).encode()
            + b"\r\n\r\n"
            + reply.body
        )
        self.transport.close()
