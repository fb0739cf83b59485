"""The two clients: the same questions, sent by httpx with threads or with asyncio."""

import asyncio
import errno
import inspect
import os
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, TypeAlias, TypeVar

import httpx

from serving.client import questions as q
from serving.client.errors import ServingConnectionError, ServingError, ServingTimeoutError
from serving.client.exchanges import Exchange, Exchanges, Reply, Request
from serving.client.retries import Retries

_LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=20)  # httpx's own

P = ParamSpec("P")
Answer = TypeVar("Answer")
Later: TypeAlias = Coroutine[Any, Any, Answer]


def _described(method: Callable[P, Answer], question: Callable[..., Any]) -> Callable[P, Answer]:
    """Shows a question's arguments and description as the method's, for `help`."""
    method.__doc__ = question.__doc__
    arguments = inspect.signature(question)
    itself = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    shown = arguments.replace(parameters=[itself, *arguments.parameters.values()])
    method.__signature__ = shown  # type: ignore[attr-defined]  # what `inspect` looks for
    return method


def _method(
    question: Callable[P, q.Question[Answer]],
) -> "Callable[Concatenate[Client, P], Answer]":
    """Asks one question, whose arguments and description it takes over."""

    def ask(self: "Client", /, *args: P.args, **kwargs: P.kwargs) -> Answer:
        return self.ask(question(*args, **kwargs))

    return _described(ask, question)


def _coroutine_method(
    question: Callable[P, q.Question[Answer]],
) -> "Callable[Concatenate[AsyncClient, P], Later[Answer]]":
    """As `_method`."""

    async def ask(self: "AsyncClient", /, *args: P.args, **kwargs: P.kwargs) -> Answer:
        return await self.ask(question(*args, **kwargs))

    return _described(ask, question)


class Client:
    """Asks a served model; safe to share between threads.

        with serving.Client("http://127.0.0.1:8501", "tfhrnn") as client:
            client.recommend(["1", "32"], [1000, 1020], gap=3600, k=5).items

    Each method asks about one user or item: `recommend`, `recommend_from_state`, `rank`,
    `rank_from_state`, `start`, `update`, `similar_items`, `similar_by_features`, `describe_items`,
    `search_items` and `model_info` take the arguments of the question of that name in
    `serving.client.questions` (`AboutModel` the last). For several in one request, hand `ask_all`
    such questions. What the model reads is asked of the server once; what is left out of a question
    is filled in as unknown.

    Args:
      url: of the server, without the path of a model.
      model: the name that it is served under.
      version: one of its versions; the server's choice, mostly the newest, if left out.
      label: of a version, instead.
      timeout_seconds: for connecting, sending, and each wait for the server.
      headers: sent with every request.
      retries: of requests that are refused with 503; nothing else is repeated.
      limits: of connections held and kept; httpx's, 100 and 20, if left out.
      transport: httpx's, for a proxy of one's own or for tests.

    Raises:
      ValueError: both a version and a label, or no model's name.
    """

    def __init__(
        self,
        url: str,
        model: str,
        *,
        version: int | None = None,
        label: str | None = None,
        timeout_seconds: float = 10.0,
        headers: Mapping[str, str] | None = None,
        retries: Retries | None = None,
        limits: httpx.Limits | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._exchanges = Exchanges(
            model, version=version, label=label, retries=retries or Retries()
        )
        self._http = httpx.Client(
            base_url=url,
            timeout=timeout_seconds,
            headers=headers,
            limits=limits or _LIMITS,
            transport=transport,
        )

    recommend = _method(q.Recommend)
    recommend_from_state = _method(q.RecommendFromState)
    rank = _method(q.Rank)
    rank_from_state = _method(q.RankFromState)
    start = _method(q.Start)
    update = _method(q.Update)
    similar_items = _method(q.SimilarItems)
    similar_by_features = _method(q.SimilarByFeatures)
    describe_items = _method(q.DescribeItems)
    search_items = _method(q.SearchItems)
    model_info = _method(q.AboutModel)

    def ask(self, question: q.Question[Answer]) -> Answer:
        """The answer to one question.

        Raises:
          ServingError: there is none; its subclasses tell of connections, of time, and of states
            that another model made.
          ValueError: the question makes no sense, or tells what the model does not read.
        """
        return self.ask_all([question])[0]

    def ask_all(self, questions: Sequence[q.Question[Answer]]) -> list[Answer]:
        """Answers to questions of one kind, asked in one request, in their order.

        Raises:
          ServingError: as in `ask`; one bad question refuses all.
          ValueError: as in `ask`, or questions of several kinds.
        """
        exchange: Exchange[list[Answer]] = self._exchanges.ask(questions)
        try:
            request = next(exchange)
            while True:
                request = exchange.send(self._reply(request))
        except StopIteration as done:
            found: list[Answer] = done.value
            return found

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _reply(self, request: Request) -> Reply:
        if request.wait_seconds:
            time.sleep(request.wait_seconds)
        try:
            return _reply_of(self._http.send(_http_request(self._http, request)))
        except httpx.RequestError as error:
            raise _told(error) from error


class AsyncClient:
    """`Client` for asyncio: the same arguments and methods, which are awaited.

        async with serving.AsyncClient("http://127.0.0.1:8501", "tfhrnn") as client:
            (await client.recommend(["1", "32"], [1000, 1020], gap=3600, k=5)).items

    Args:
      url: as in `Client`.
      model: as in `Client`.
      version: as in `Client`.
      label: as in `Client`.
      timeout_seconds: as in `Client`.
      headers: as in `Client`.
      retries: as in `Client`.
      limits: as in `Client`.
      transport: httpx's for asyncio.

    Raises:
      ValueError: as in `Client`.
    """

    def __init__(
        self,
        url: str,
        model: str,
        *,
        version: int | None = None,
        label: str | None = None,
        timeout_seconds: float = 10.0,
        headers: Mapping[str, str] | None = None,
        retries: Retries | None = None,
        limits: httpx.Limits | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._exchanges = Exchanges(
            model, version=version, label=label, retries=retries or Retries()
        )
        self._http = httpx.AsyncClient(
            base_url=url,
            timeout=timeout_seconds,
            headers=headers,
            limits=limits or _LIMITS,
            transport=transport,
        )

    recommend = _coroutine_method(q.Recommend)
    recommend_from_state = _coroutine_method(q.RecommendFromState)
    rank = _coroutine_method(q.Rank)
    rank_from_state = _coroutine_method(q.RankFromState)
    start = _coroutine_method(q.Start)
    update = _coroutine_method(q.Update)
    similar_items = _coroutine_method(q.SimilarItems)
    similar_by_features = _coroutine_method(q.SimilarByFeatures)
    describe_items = _coroutine_method(q.DescribeItems)
    search_items = _coroutine_method(q.SearchItems)
    model_info = _coroutine_method(q.AboutModel)

    async def ask(self, question: q.Question[Answer]) -> Answer:
        """See `Client.ask`."""
        return (await self.ask_all([question]))[0]

    async def ask_all(self, questions: Sequence[q.Question[Answer]]) -> list[Answer]:
        """See `Client.ask_all`."""
        exchange: Exchange[list[Answer]] = self._exchanges.ask(questions)
        try:
            request = next(exchange)
            while True:
                request = exchange.send(await self._reply(request))
        except StopIteration as done:
            found: list[Answer] = done.value
            return found

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _reply(self, request: Request) -> Reply:
        if request.wait_seconds:
            await asyncio.sleep(request.wait_seconds)
        try:
            return _reply_of(await self._http.send(_http_request(self._http, request)))
        except httpx.RequestError as error:
            raise _told(error) from error


def _http_request(http: httpx.Client | httpx.AsyncClient, request: Request) -> httpx.Request:
    if request.body is None:
        return http.build_request("GET", request.path)
    headers = {"content-type": "application/json"}
    return http.build_request("POST", request.path, content=request.body, headers=headers)


def _reply_of(response: httpx.Response) -> Reply:
    return Reply(response.status_code, response.content, response.headers.get("retry-after"))


def _told(error: httpx.RequestError) -> ServingError:
    """Httpx's error as one of ours."""
    kind = ServingTimeoutError if isinstance(error, httpx.TimeoutException) else None
    said = str(error) or type(error).__name__
    reason = _system_reason(error)
    message = said if reason is None or reason in said else f"{said}: {reason}"
    return (kind or ServingConnectionError)(None, f"{error.request.url}: {message}")


def _system_reason(error: BaseException | None) -> str | None:
    """What the system says of a connection; asyncio's errors have it further down alone."""
    while error is not None:
        number = error.errno if isinstance(error, OSError) else None
        if number is not None and number in errno.errorcode:
            return os.strerror(number)
        several: Sequence[BaseException] = getattr(error, "exceptions", ())  # an address each
        error = next(iter(several), None) or error.__cause__ or error.__context__
    return None
