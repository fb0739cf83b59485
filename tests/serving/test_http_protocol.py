"""What a raw connection gets."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

import serving
from serving import http_protocol


@pytest.fixture(scope="module")
def address(exports: Path) -> Iterator[tuple[str, int]]:
    with serving.running("scale", exports / "scale", poll_seconds=0.1) as url:
        host, _, port = url.removeprefix("http://").partition(":")
        yield host, int(port)


def _talk(address: tuple[str, int], *parts: bytes) -> bytes:
    """Sends parts one by one, then reads to the end of the connection."""
    received = b""
    with socket.create_connection(address, timeout=20) as connection:
        try:
            for part in parts:
                connection.sendall(part)
            while chunk := connection.recv(65536):
                received += chunk
        except ConnectionError:
            pass  # the server hung up on what was still on its way
    return received


def test_an_unknown_method_is_an_html_501(address: tuple[str, int]) -> None:
    answer = _talk(address, b"FOO /v1/models/scale HTTP/1.1\r\nHost: a\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 501 Not Implemented\r\n")
    assert b"<H1>Not Implemented</H1>" in answer


@pytest.mark.parametrize(
    "request_",
    [b"nonsense\r\n\r\n", b"GET /v1/models\x80 HTTP/1.1\r\n\r\n", b"GET * HTTP/9\r\n\r\n"],
)
def test_what_is_no_http_is_a_400(address: tuple[str, int], request_: bytes) -> None:
    assert _talk(address, request_).startswith(b"HTTP/1.1 400 ")


def test_a_head_without_end_is_refused(address: tuple[str, int]) -> None:
    line = b"X-Long: " + b"a" * 8192 + b"\r\n"
    answer = _talk(address, b"GET /v1/models/scale HTTP/1.1\r\n", *[line] * 64)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")


def test_one_header_without_end_is_refused(address: tuple[str, int]) -> None:
    head = b"GET /v1/models/scale HTTP/1.1\r\nX-Long: "
    answer = _talk(address, head, *[b"a" * 65536] * 16)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")


def test_a_head_may_come_in_pieces(address: tuple[str, int]) -> None:
    whole = b"GET /v1/models/scale HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    answer = _talk(address, *[whole[at : at + 7] for at in range(0, len(whole), 7)])
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_head_that_does_not_arrive_ends_the_connection(
    exports: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_SECONDS", 0.05)
    with serving.running("scale", exports / "scale", poll_seconds=0.1) as url:
        host, _, port = url.removeprefix("http://").partition(":")
        assert _talk((host, int(port))) == b""
        assert _talk((host, int(port)), b"GET /v1/models/scale HT") == b""


def test_requests_may_be_sent_ahead_of_answers(address: tuple[str, int]) -> None:
    one = b"GET /v1/models/scale HTTP/1.1\r\nHost: a\r\n\r\n"
    last = one.replace(b"Host: a", b"Connection: close")
    answer = _talk(address, one * 3 + last)
    assert answer.count(b"HTTP/1.1 200 OK\r\n") == 4
