import asyncio
import gzip
import json
from collections.abc import AsyncIterator

import httpx
import pytest

from serving.app import RestApp
from serving.errors import Reply
from serving.models import Models
from serving.rest_api import RestApi


class Mirror(RestApi):
    """Answers with what it was asked."""

    def __init__(self) -> None:
        super().__init__(Models([]))

    def answer(self, method: str, path: str, body: bytes) -> Reply:
        return Reply(200, json.dumps([method, path, body.decode()]).encode())


def _send(
    method: str,
    path: str,
    content: bytes | AsyncIterator[bytes] | None = None,
    headers: dict[str, str] | None = None,
) -> httpx.Response:
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(RestApp(Mirror(), max_body_bytes=100))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, path, content=content, headers=headers)

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


@pytest.mark.parametrize("path", ["/", "/v1", "/v2/models/m", "/monitoring/prometheus/metrics"])
def test_other_paths_are_an_html_404(path: str) -> None:
    response = _send("GET", path)
    assert response.status_code == 404
    assert response.headers["content-type"].startswith("text/html")
    assert "<H1>Not Found</H1>" in response.text


def test_unknown_methods_are_an_html_501() -> None:
    response = _send("FOO", "/v1/models/m")
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
