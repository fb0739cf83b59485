"""Both clients over a transport that answers from a script: what is sent, repeated and raised."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import httpx
import pytest

import serving
from serving.client.answers import Similar
from serving.client.questions import SimilarItems, Start
from tests.serving.client.fake_server import FakeServer, metadata

SIGNATURES = {"similar_items": ("items k", "items similarities"), "start": ("rows", "state_bytes")}
FOUND = {"outputs": {"items": [["b", ""]], "similarities": [[0.5, -1.0]]}}
METHODS = (
    *("recommend", "recommend_from_state", "rank", "rank_from_state", "start", "update"),
    *("similar_items", "similar_by_features", "describe_items", "search_items"),
    "model_info",
)


QUESTION = SimilarItems("a", k=2)


def told() -> httpx.Response:
    return metadata(SIGNATURES)


def found() -> httpx.Response:
    return httpx.Response(200, json=FOUND)


def busy(**headers: str) -> httpx.Response:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(503, json={"error": "no room"}, headers=names)


@pytest.fixture(params=["sync", "async"])
def is_async(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "async")


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited, without waiting."""
    waited: list[float] = []

    async def wait(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr("time.sleep", waited.append)
    monkeypatch.setattr("asyncio.sleep", wait)
    return waited


def ask(is_async: bool, server: FakeServer, *questions: Any, **options: Any) -> list[Any]:
    """Asks questions one by one, with one client."""
    arguments: dict[str, Any] = {"model": "m", "transport": server.transport, **options}
    if not is_async:
        with serving.Client("http://server/prefix", **arguments) as client:
            return [client.ask(question) for question in questions]

    async def asked() -> list[Any]:
        async with serving.AsyncClient("http://server/prefix", **arguments) as client:
            return [await client.ask(question) for question in questions]

    return asyncio.run(asked())


def test_metadata_is_asked_for_once(is_async: bool) -> None:
    server = FakeServer(told(), found(), found())
    assert ask(is_async, server, QUESTION, QUESTION) == [Similar(("b",), (0.5,))] * 2
    sent = [(request.method, request.url.path) for request in server.requests]
    predict = ("POST", "/prefix/v1/models/m:predict")
    assert sent == [("GET", "/prefix/v1/models/m/metadata"), predict, predict]
    assert server.bodies[0] == {
        "signature_name": "similar_items",
        "inputs": {"items": ["a"], "k": [2]},
    }


def test_an_output_alone_comes_without_its_name(is_async: bool) -> None:
    server = FakeServer(told(), httpx.Response(200, json={"outputs": [{"b64": "/wA="}]}))
    assert ask(is_async, server, Start()) == [b"\xff\x00"]
    assert server.bodies == [{"signature_name": "start", "inputs": {"rows": [0]}}]


def test_headers_and_types_of_contents_are_sent(is_async: bool) -> None:
    server = FakeServer(told(), found())
    ask(is_async, server, QUESTION, headers={"authorization": "Bearer x"})
    assert [request.headers["authorization"] for request in server.requests] == ["Bearer x"] * 2
    assert server.requests[1].headers["content-type"] == "application/json"


def test_503_is_asked_again(is_async: bool, waits: list[float]) -> None:
    server = FakeServer(told(), busy(), busy(retry_after="5"), found())
    retries = serving.Retries(first_seconds=1.0)
    assert ask(is_async, server, QUESTION, retries=retries) == [Similar(("b",), (0.5,))]
    assert server.bodies[0] == server.bodies[1] == server.bodies[2]
    assert 0.5 <= waits[0] <= 1 and 6 <= waits[1] <= 7 and len(waits) == 2


def test_metadata_too_is_asked_for_again(is_async: bool, waits: list[float]) -> None:
    server = FakeServer(busy(), told(), found())
    assert len(ask(is_async, server, QUESTION)) == len(waits) == 1


def test_retries_end(is_async: bool, waits: list[float]) -> None:
    server = FakeServer(told(), busy(), busy(), busy())
    with pytest.raises(serving.ServingError, match="503: no room") as caught:
        ask(is_async, server, QUESTION, retries=serving.Retries(number=2))
    assert (caught.value.status, len(waits), len(server.requests)) == (503, 2, 4)


def test_a_server_that_asks_for_too_long_is_left_alone(is_async: bool, waits: list[float]) -> None:
    server = FakeServer(told(), busy(retry_after="3600"))
    with pytest.raises(serving.ServingError):
        ask(is_async, server, QUESTION)
    assert waits == []


@pytest.mark.parametrize("status", [404, 429, 500, 504])
def test_nothing_else_is_repeated(is_async: bool, waits: list[float], status: int) -> None:
    server = FakeServer(told(), httpx.Response(status, json={"error": "no"}))
    with pytest.raises(serving.ServingError) as caught:
        ask(is_async, server, QUESTION)
    assert (caught.value.status, caught.value.message) == (status, "no")
    assert type(caught.value) is serving.ServingError
    assert (waits, len(server.requests)) == ([], 2)


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (httpx.ConnectTimeout, serving.ServingTimeoutError),
        (httpx.ReadTimeout, serving.ServingTimeoutError),
        (httpx.PoolTimeout, serving.ServingTimeoutError),
        (httpx.ConnectError, serving.ServingConnectionError),
        (httpx.RemoteProtocolError, serving.ServingConnectionError),
        (httpx.DecodingError, serving.ServingConnectionError),
    ],
)
def test_time_and_connections_have_their_own_errors_and_are_not_repeated(
    is_async: bool, raised: type[httpx.RequestError], expected: type[serving.ServingError]
) -> None:
    server = FakeServer(told(), raised)
    with pytest.raises(expected, match="http://server/prefix/v1/models/m:predict: it is so") as got:
        ask(is_async, server, QUESTION)
    assert (type(got.value), got.value.status, len(server.requests)) == (expected, None, 2)


def test_a_model_that_reads_something_new_is_asked_as_it_wants(is_async: bool) -> None:
    changed = {**SIGNATURES, "similar_items": ("items k event_types", "items similarities")}
    refused = httpx.Response(400, json={"error": "Missing event_types"})
    server = FakeServer(told(), found(), refused, metadata(changed), found(), found())
    assert len(ask(is_async, server, QUESTION, QUESTION, QUESTION)) == 3
    assert [list(body["inputs"]) for body in server.bodies] == [
        ["items", "k"],
        ["items", "k"],
        ["items", "k", "event_types"],
        ["items", "k", "event_types"],
    ]


def test_a_mistake_is_told_when_the_model_is_as_it_was(is_async: bool) -> None:
    refused = httpx.Response(400, json={"error": "k: expected 1 or more"})
    server = FakeServer(told(), refused)
    with pytest.raises(serving.ServingError, match="400: k: expected 1 or more"):
        ask(is_async, server, QUESTION)
    server = FakeServer(told(), found(), refused, told())
    with pytest.raises(serving.ServingError, match="400: k: expected 1 or more"):
        ask(is_async, server, QUESTION, QUESTION)
    assert len(server.requests) == 4


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (200, "<html>", "200: got '<html>', expected 1 answers of similar_items"),
        (200, '{"outputs": {"items": [[], []], "similarities": [[]]}}', "expected 1 answers"),
        (200, '{"outputs": {"items": [["b"]]}}', "expected 1 answers"),
        (502, "<h1>Bad gateway</h1>", "502: <h1>Bad gateway</h1>"),
        (500, "", "500: got no message"),
    ],
)
def test_what_is_no_answer_is_an_error(
    is_async: bool, status: int, body: str, message: str
) -> None:
    with pytest.raises(serving.ServingError, match=message):
        ask(is_async, FakeServer(told(), httpx.Response(status, text=body)), QUESTION)


def test_what_is_no_metadata_is_an_error(is_async: bool) -> None:
    server = FakeServer(httpx.Response(200, text="<html>"), told(), found())
    with pytest.raises(serving.ServingError, match="200: got '<html>', expected a model's meta"):
        ask(is_async, server, QUESTION)


def test_a_signature_that_the_model_has_not_is_named(is_async: bool) -> None:
    server = FakeServer(metadata({"recommend": ("k", "items")}))
    with pytest.raises(ValueError, match="start: got a model without that signature, it has rec"):
        ask(is_async, server, Start())


@pytest.mark.parametrize(
    ("named", "path"),
    [
        ({"model": "a b/ü"}, "/prefix/v1/models/a%20b%2F%C3%BC"),
        ({"version": 3}, "/prefix/v1/models/m/versions/3"),
        ({"label": "blue/green"}, "/prefix/v1/models/m/labels/blue%2Fgreen"),
    ],
)
def test_a_model_is_asked_by_name_version_or_label(
    is_async: bool, named: dict[str, Any], path: str
) -> None:
    server = FakeServer(told(), found())
    ask(is_async, server, QUESTION, **named)
    sent = [request.url.raw_path.decode() for request in server.requests]
    assert sent == [f"{path}/metadata", f"{path}:predict"]


def test_what_cannot_be_asked_is_refused_before_anything_is_sent() -> None:
    server = FakeServer()
    with serving.Client("http://server", "m", transport=server.transport) as client:
        assert client.ask_all([]) == []
        with pytest.raises(ValueError, match="k: got 0"):
            client.similar_items("a", k=0)
        with pytest.raises(ValueError, match="questions: got similar_items, start, expected one"):
            mixed: list[Any] = [Start(), QUESTION]
            client.ask_all(mixed[::-1])
    assert server.requests == []
    with pytest.raises(ValueError, match="label: got 'a' and version 1, expected one of them"):
        serving.Client("http://server", "m", version=1, label="a")
    with pytest.raises(ValueError, match="model: got no name"):
        serving.AsyncClient("http://server", "")


def test_methods_show_the_arguments_of_their_questions() -> None:
    for name in METHODS:
        method, other = getattr(serving.Client, name), getattr(serving.AsyncClient, name)
        assert inspect.getdoc(method) == inspect.getdoc(other)
        assert inspect.signature(method) == inspect.signature(other)
    shown = list(inspect.signature(serving.Client.update).parameters)
    assert shown == ["self", "state", "items", "times", "feedback", "event_types"]
    assert "Asks for a user's state" in str(inspect.getdoc(serving.Client.update))
    # The reference of the site knows only what the class itself tells of them.
    assert all(f"`{name}`" in str(inspect.getdoc(serving.Client)) for name in METHODS)


NODE = "\n\t [[{{node StatefulPartitionedCall/Assert}}]]"


def refused(is_async: bool, status: int, message: str) -> serving.ServingError:
    server = FakeServer(told(), httpx.Response(status, json={"error": message}))
    with pytest.raises(serving.ServingError) as caught:
        ask(is_async, server, QUESTION)
    return caught.value


def test_a_refusal_of_the_graph_is_told_in_words_and_kept_whole(is_async: bool) -> None:
    raw = f"assertion failed: [k: expected 1 or more, got] [0]{NODE}"
    error = refused(is_async, 400, raw)
    assert (error.message, error.raw) == ("k: expected 1 or more, got 0", raw)
    assert str(error) == "400: k: expected 1 or more, got 0"
    assert type(error) is serving.ServingError


@pytest.mark.parametrize(
    ("status", "words", "is_stale"),
    [
        (400, "[state_bytes: got the state of another model, expected one of 0123]", True),
        (400, "[state_bytes: expected format 1, got] [2]", True),
        (400, "[state_bytes: got a damaged state]", False),
        (500, "[state_bytes: got the state of another model, expected one of 0123]", False),
    ],
)
def test_a_stale_state_has_a_kind_of_its_own(
    is_async: bool, status: int, words: str, is_stale: bool
) -> None:
    error = refused(is_async, status, f"assertion failed: {words}{NODE}")
    assert isinstance(error, serving.StaleStateError) == is_stale
    assert error.status == status and error.message.startswith("state_bytes: ")
