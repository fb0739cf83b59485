import asyncio
import gzip
import json
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from serving.app import Options, RestApp
from serving.batch_config import BatchConfig
from serving.errors import Reply
from serving.limits import Limits
from serving.metrics import Metrics
from serving.model_config import ModelConfig
from serving.models import Models
from serving.probes import Probes
from serving.rest_api import RestApi


class Mirror(RestApi):
    """Answers with what it was asked, when it may."""

    def __init__(self) -> None:
        super().__init__(Models([]))
        self.may_answer = threading.Event()
        self.may_answer.set()

    def begin(self, method: str, path: str, body: bytes) -> Reply:
        self.may_answer.wait(20)
        return Reply(200, json.dumps([method, path, body.decode()]).encode())


def _app(api: RestApi, options: Options) -> RestApp:
    return RestApp(api, Probes(Models([])), Metrics(), options)


def _client(app: RestApp) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


def _send(
    method: str,
    path: str,
    content: bytes | AsyncIterator[bytes] | None = None,
    headers: dict[str, str] | None = None,
    options: Options | None = None,
) -> httpx.Response:
    app = _app(Mirror(), options or Options(Limits(max_body_bytes=100)))

    async def send() -> httpx.Response:
        async with _client(app) as client:
            return await client.request(method, path, content=content, headers=headers)

    with app:
        return asyncio.run(send())


async def _chunks(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


@pytest.mark.parametrize(
    "path",
    [
        "/v1/models/m:predict",
        "/v1/models/m:predict?x=1&y",
        "/v1/models/d%65n%2Fse:predict",
        "/V1/models",
    ],
)
def test_paths_are_passed_on_as_they_were_sent(path: str) -> None:
    response = _send("POST", path, b"{}")
    assert response.json() == ["POST", path, "{}"]
    assert response.headers["content-type"] == "application/json"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "HEAD"])
def test_methods_are_passed_on(method: str) -> None:
    assert _send(method, "/v1/x").status_code == 200


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v2/models/m", "/monitoring/prometheus/metrics", "/healthz/"]
)
def test_other_paths_are_an_html_404(path: str) -> None:
    response = _send("GET", path)
    assert response.status_code == 404
    assert response.headers["content-type"].startswith("text/html")
    assert "<H1>Not Found</H1>" in response.text


def test_unknown_methods_are_an_html_501() -> None:
    response = _send("PATCH", "/v1/models/m")
    assert response.status_code == 501
    assert "<H1>Not Implemented</H1>" in response.text


@pytest.mark.parametrize(
    ("headers", "status"), [({}, 400), ({"Origin": "http://page"}, 200), ({"Origin": "null"}, 400)]
)
def test_options_ask_for_an_origin(headers: dict[str, str], status: int) -> None:
    response = _send("OPTIONS", "/v1/models/m:predict", headers=headers)
    assert (response.status_code, response.content) == (status, b"")


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_the_content_type_makes_no_difference(content_type: str) -> None:
    response = _send("POST", "/v1/x", b"{}", {"Content-Type": content_type})
    assert response.json()[2] == "{}"


def test_bodies_may_come_in_chunks() -> None:
    assert _send("POST", "/v1/x", _chunks(b"{", b"}")).json()[2] == "{}"


def test_bodies_may_be_compressed() -> None:
    response = _send("POST", "/v1/x", gzip.compress(b"{}", mtime=0), {"Content-Encoding": "gzip"})
    assert response.json()[2] == "{}"


@pytest.mark.parametrize("body", [b"no gzip", gzip.compress(b"{}", mtime=0)[:-9]])
def test_compressed_bodies_have_to_be_whole(body: bytes) -> None:
    response = _send("POST", "/v1/x", body, {"Content-Encoding": "gzip"})
    assert response.status_code == 400
    assert response.json()["error"].startswith("Cannot decompress the gzip body: ")


def test_a_body_as_long_as_the_limit_is_taken() -> None:
    assert _send("POST", "/v1/x", b" " * 100).status_code == 200
    packed = gzip.compress(b" " * 100)
    assert _send("POST", "/v1/x", packed, {"Content-Encoding": "gzip"}).status_code == 200


def test_longer_bodies_are_refused_however_they_are_sent() -> None:
    packed = gzip.compress(b" " * 101)
    assert len(packed) < 100
    for response in (
        _send("POST", "/v1/x", b" " * 101),
        _send("POST", "/v1/x", _chunks(b" " * 60, b" " * 60)),
        _send("POST", "/v1/x", packed, {"Content-Encoding": "gzip"}),
    ):
        assert response.status_code == 413
        assert response.json() == {"error": "Request body is larger than the limit of 100 bytes"}


def test_answers_are_packed_for_those_who_take_gzip() -> None:
    options = Options(Limits(max_body_bytes=10_000))
    long = b"a" * 5000
    response = _send("POST", "/v1/x", long, {"Accept-Encoding": "gzip"}, options)
    assert response.headers["content-encoding"] == "gzip"
    assert response.headers["vary"] == "Accept-Encoding"
    assert int(response.headers["content-length"]) < 1000
    assert response.json()[2] == long.decode()
    plain = _send("POST", "/v1/x", long, {"Accept-Encoding": "identity"}, options)
    assert "content-encoding" not in plain.headers


def test_a_full_server_refuses_and_says_when_to_come_again() -> None:
    api = Mirror()
    api.may_answer.clear()
    app = _app(api, Options(Limits(num_threads=1, max_waiting=1)))

    async def crowd() -> list[httpx.Response]:
        async with _client(app) as client:
            asked = [asyncio.create_task(client.post("/v1/x")) for _ in range(3)]
            done, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
            assert len(done) == 1
            api.may_answer.set()
            return await asyncio.gather(*asked)

    with app:
        responses = asyncio.run(crowd())
    assert sorted(response.status_code for response in responses) == [200, 200, 503]
    (full,) = [response for response in responses if response.status_code == 503]
    assert full.headers["retry-after"] == "1"
    assert full.json()["error"].startswith("The server is full")
    assert "serving_requests_in_flight 0.0" in app._metrics.page().decode()


def test_slow_senders_take_no_place_away() -> None:
    app = _app(Mirror(), Options(Limits(num_threads=1, max_waiting=1)))

    async def ask() -> list[int]:
        is_over = asyncio.Event()

        async def dribble() -> AsyncIterator[bytes]:
            yield b"{"
            await is_over.wait()
            yield b"}"

        async with _client(app) as client:
            slow = [asyncio.create_task(client.post("/v1/x", content=dribble())) for _ in range(5)]
            await asyncio.sleep(0.05)
            quick = await client.post("/v1/x", content=b"{}")
            for one in slow:
                one.cancel()
            is_over.set()
            await asyncio.gather(*slow, return_exceptions=True)
            return [quick.status_code]

    with app:
        assert asyncio.run(ask()) == [200]


def test_a_request_that_found_no_thread_in_time_is_a_504() -> None:
    api = Mirror()
    api.may_answer.clear()
    app = _app(api, Options(Limits(num_threads=1, timeout_seconds=0.05)))

    async def ask() -> list[httpx.Response]:
        async with _client(app) as client:
            asked = [asyncio.create_task(client.post("/v1/x")) for _ in range(2)]
            await asyncio.sleep(0.2)
            api.may_answer.set()
            return await asyncio.gather(*asked)

    with app:
        responses = asyncio.run(ask())
    assert sorted(response.status_code for response in responses) == [200, 504]


def test_a_body_that_does_not_arrive_in_time_is_a_408() -> None:
    async def dribble() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(5)
        yield b"}"

    options = Options(Limits(timeout_seconds=0.05))
    response = _send("POST", "/v1/x", dribble(), options=options)
    assert response.status_code == 408
    assert response.json() == {"error": "The body did not arrive within 0.05 seconds"}


def test_probes_and_metrics_stand_beside_the_api() -> None:
    options = Options(metrics_path="/m")
    assert _send("GET", "/healthz", options=options).json() == {"status": "ok"}
    assert _send("GET", "/readyz", options=options).json() == {"status": "ready"}
    response = _send("GET", "/m", options=options)
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "serving_requests_in_flight 0.0" in response.text
    for method, path in (("POST", "/healthz"), ("POST", "/m"), ("GET", "/m/")):
        assert _send(method, path, options=options).status_code == 404


def test_every_request_is_logged_and_counted() -> None:
    lines: list[dict[str, object]] = []
    app = _app(RestApi(Models([])), Options(log=lines.append))

    async def ask() -> None:
        async with _client(app) as client:
            await client.post("/v1/models/m:predict?x", content=b"{}")
            await client.get("/healthz")

    with app:
        asyncio.run(ask())
    (line,) = lines
    assert line.pop("milliseconds") != 0
    sent = line.pop("bytes_out")
    assert isinstance(sent, int)
    assert line == {
        "client": "127.0.0.1",
        "method": "POST",
        "path": "/v1/models/m:predict?x",
        "model": "",
        "verb": "",
        "status": 400,
        "code": "INVALID_ARGUMENT",
        "bytes_in": 2,
    }
    page = app._metrics.page().decode()
    count = ':tensorflow:serving:request_count{model_name="",status="INVALID_ARGUMENT"} 1.0'
    assert count in page


def test_batched_requests_are_answered_as_others_are(exports: Path) -> None:
    models = Models([ModelConfig("scale", exports / "scale")], poll_seconds=0)
    models.poll()
    app = _app(RestApi(models), Options(batching=BatchConfig(timeout_seconds=0.01)))
    long = {"instances": [[float(number), 0.5] for number in range(900)]}  # over a thread
    broken = {"instances": [[1, "x"]]}
    too_many = {"instances": [[0, 0]] * 1001}

    async def ask() -> list[httpx.Response]:
        async with _client(app) as client:
            return await asyncio.gather(
                *[
                    client.post("/v1/models/scale:predict", json={"instances": [[number, 0]]})
                    for number in range(20)
                ],
                client.post("/v1/models/scale:predict", json=long),
                client.post("/v1/models/scale:predict", json=broken),
                client.post("/v1/models/scale:predict", json=too_many),
                client.get("/v1/models/scale"),
            )

    with app:
        *answers, all_rows, refused, larger, status = asyncio.run(ask())
    models.close()
    assert [response.json()["predictions"] for response in answers] == [
        [[2.0 * number, 0.0]] for number in range(20)
    ]
    assert all_rows.json()["predictions"][-1] == [1798.0, 1.0]
    assert [r.status_code for r in (refused, larger, status)] == [400, 400, 200]
    assert "Task size 1001 is larger" in larger.json()["error"]
