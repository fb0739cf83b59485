"""The ASGI application: bodies and their limits, probes, and what the HTTP layer itself refuses.

The event loop reads bodies and lets requests in, as many as the limits say; threads answer them. A
predict request that is to be batched is read by the loop itself, if it is short, and waits without
holding a thread.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TypeVar

import anyio
from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send

from serving.batch_config import BatchConfig
from serving.batching import Batcher, Task
from serving.compression import is_worth_packing, packed, unpacked
from serving.errors import ApiError, Code, Reply, html_reply, reply_to, too_large
from serving.explorer import Explorer
from serving.limits import Gate, Limits, out_of_time
from serving.metrics import CONTENT_TYPE as METRICS_TYPE
from serving.metrics import Metrics
from serving.probes import Probes
from serving.request_log import RequestLog, log_nowhere
from serving.rest_api import RestApi
from serving.routes import is_served

_METHODS = frozenset(("GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS"))
_RETRY_AFTER = b"1"  # seconds, sent with every 503
_SHORT_BYTES = 2**16  # reading that much takes less time than changing threads twice

Result = TypeVar("Result")


@dataclass
class Options:
    """What a server does beside answering.

    Attributes:
      limits: see `Limits`.
      batching: how predict requests are batched; None runs each alone.
      metrics_path: where metrics are shown; None shows them nowhere.
      log: is told of every request.
      explorer: whether there is a page that shows models at work.
    """

    limits: Limits = field(default_factory=Limits)
    batching: BatchConfig | None = None
    metrics_path: str | None = None
    log: RequestLog = log_nowhere
    explorer: bool = False


class RestApp:
    """Serves a `RestApi` over HTTP, once its `with` block has been entered.

    Args:
      api: what answers.
      options: see `Options`.
      metrics: what is told of every request.
      probes: what `/healthz` and `/readyz` answer.
      explorer: the page that shows models at work, if there is to be one.
    """

    def __init__(
        self,
        api: RestApi,
        probes: Probes,
        metrics: Metrics,
        options: Options | None = None,
        explorer: Explorer | None = None,
    ) -> None:
        self._api = api
        self._options = options or Options()
        self._limits = self._options.limits
        self._metrics = metrics
        self._probes = probes
        self._explorer = explorer
        self._gate = Gate(self._limits)
        self._pool = ThreadPoolExecutor(self._limits.num_threads, "answer")
        self._batcher: Batcher | None = None
        self._stack = ExitStack()

    def __enter__(self) -> "RestApp":
        if self._options.batching is not None:
            self._batcher = self._stack.enter_context(
                Batcher(self._options.batching, self._metrics)
            )
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
        self._pool.shutdown()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one HTTP request."""
        started = time.perf_counter()
        request = Request(scope, receive)
        path = _path(scope)
        try:
            num_bytes, reply = await self._reply(request, path)
        except ClientDisconnect:
            return
        body, headers = await self._packed(request, reply)
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        if is_served(path):
            seconds = time.perf_counter() - started
            self._note(request, path, num_bytes, reply, len(body), seconds)

    async def _reply(self, request: Request, path: str) -> tuple[int, Reply]:
        """The length of the request's body as it came, and the reply."""
        if request.method not in _METHODS:
            return 0, html_reply(501, "Not Implemented")
        if not is_served(path):
            return 0, self._beside(request.method, path)
        if request.method == "OPTIONS":
            # A browser asking leave to post from another page.
            origin = request.headers.get("origin", "")
            return 0, Reply(200 if "http://" in origin or "https://" in origin else 400, b"")
        deadline = time.monotonic() + self._limits.timeout_seconds
        num_bytes = 0
        try:
            # Whoever sends slowly takes no place away from others.
            body = await self._body(request)
            num_bytes = len(body)
            self._gate.enter()
        except ApiError as error:
            return num_bytes, reply_to(error)
        self._metrics.set_in_flight(self._gate.num_inside)
        try:
            if request.headers.get("content-encoding", "").lower() == "gzip":
                body = await self._in_thread(lambda: unpacked(body, self._limits.max_body_bytes))
            return num_bytes, await self._answer(request.method, path, body, deadline)
        except ApiError as error:
            return num_bytes, reply_to(error)
        finally:
            self._gate.leave()
            self._metrics.set_in_flight(self._gate.num_inside)

    def _beside(self, method: str, path: str) -> Reply:
        """What stands beside the REST API: metrics, probes, a page, and a 404 for all else."""
        if method == "GET" and path == self._options.metrics_path:
            return Reply(200, self._metrics.page(), METRICS_TYPE)
        reply = None
        if method in ("GET", "HEAD"):
            reply = self._probes.reply(path)
            if reply is None and self._explorer is not None:
                reply = self._explorer.reply(path)
        return reply or html_reply(404, "Not Found")

    async def _answer(self, method: str, path: str, body: bytes, deadline: float) -> Reply:
        late = out_of_time(self._limits)

        def answer() -> Reply:
            if time.monotonic() > deadline:  # all threads were busy
                return reply_to(late)
            return self._api.answer(method, path, body)

        if self._batcher is None or method != "POST" or not path.endswith(":predict"):
            return await self._in_thread(answer)
        if len(body) <= _SHORT_BYTES:
            begun = self._api.begin(method, path, body)
        else:
            begun = await self._in_thread(lambda: self._api.begin(method, path, body))
        if isinstance(begun, Reply):
            return begun
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[Reply] = loop.create_future()

        def done(reply: Reply) -> None:
            loop.call_soon_threadsafe(_settle, answered, reply)

        try:
            self._batcher.submit(Task(begun, deadline, late, done))
        except ApiError as error:
            return begun.refuse(error)
        return await answered

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    async def _body(self, request: Request) -> bytes:
        """Reads the body, no further than the limit and no longer than the time."""
        limits = self._limits
        length = request.headers.get("content-length", "0")
        if length.isdigit() and int(length) > limits.max_body_bytes:
            raise too_large(limits.max_body_bytes)
        chunks = []
        size = 0
        try:
            with anyio.fail_after(limits.timeout_seconds):
                async for chunk in request.stream():
                    size += len(chunk)
                    if size > limits.max_body_bytes:
                        raise too_large(limits.max_body_bytes)
                    chunks.append(chunk)
        except TimeoutError:
            message = f"The body did not arrive within {limits.timeout_seconds:g} seconds"
            raise ApiError(Code.DEADLINE_EXCEEDED, message, http_status=408) from None
        return b"".join(chunks)

    async def _packed(
        self, request: Request, reply: Reply
    ) -> tuple[bytes, list[tuple[bytes, bytes]]]:
        """The body as it is sent, and the headers that go with it."""
        body = reply.body
        headers = [(b"content-type", reply.content_type.encode()), *reply.headers]
        if is_worth_packing(body, request.headers.get("accept-encoding", "")):
            body = await self._in_thread(lambda: packed(reply.body))
            headers += [(b"content-encoding", b"gzip"), (b"vary", b"Accept-Encoding")]
        if reply.status == 503:
            headers.append((b"retry-after", _RETRY_AFTER))
        headers.append((b"content-length", str(len(body)).encode()))
        return body, headers

    def _note(
        self,
        request: Request,
        path: str,
        num_bytes: int,
        reply: Reply,
        num_sent: int,
        seconds: float,
    ) -> None:
        """Tells metrics and the log of a request that has been answered."""
        self._metrics.count_request(reply.model, reply.code.name)
        if reply.status == 200:
            self._metrics.time_request(reply.model, reply.verb, seconds)
        self._options.log(
            {
                "client": request.client.host if request.client else "",
                "method": request.method,
                "path": path,
                "model": reply.model,
                "verb": reply.verb,
                "status": reply.status,
                "code": reply.code.name,
                "bytes_in": num_bytes,
                "bytes_out": num_sent,
                "milliseconds": round(1000 * seconds, 3),
            }
        )


def _settle(answered: "asyncio.Future[Reply]", reply: Reply) -> None:
    if not answered.done():  # the client may have gone
        answered.set_result(reply)


def _path(scope: Scope) -> str:
    """The path as it was sent, with the query that TensorFlow Serving takes for a part of it."""
    query = scope["query_string"]
    sent: bytes = scope["raw_path"] + (b"?" + query if query else b"")
    return sent.decode("utf-8", "replace")
