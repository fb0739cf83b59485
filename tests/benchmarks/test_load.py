"""The load generator counts what it sent and notes what came back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from benchmarks.load import Outcome, drive, post


class Handler(BaseHTTPRequestHandler):
    """Answers with the body; hangs up on `hang`, refuses `bad`."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if body == b"hang":
            self.close_connection = True
            return
        self.send_response(400 if body == b"bad" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


def test_every_answer_is_noted(port: int) -> None:
    requests = [post("/", body) for body in (b"a", b"b" * 100_000, b"bad")]
    outcome = drive(port, requests, 3, 0.3, keep_bodies=True)
    count = len(outcome.milliseconds)
    assert sum(outcome.statuses.values()) == sum(outcome.bodies.values()) == count
    assert set(outcome.bodies) == {b"a", b"b" * 100_000, b"bad"}
    assert outcome.failed == outcome.statuses[400] == outcome.bodies[b"bad"]
    assert outcome.per_second == count / outcome.seconds


def test_a_rate_is_kept_over_all_connections(port: int) -> None:
    outcome = drive(port, [post("/", b"a")], 4, 1.0, rate=40)
    assert 20 <= outcome.statuses[200] <= 44


def test_a_lost_connection_is_a_failure_and_is_made_anew(port: int) -> None:
    outcome = drive(port, [post("/", b"hang"), post("/", b"a")], 1, 0.3)
    assert outcome.statuses[0] == outcome.failed > 0
    assert outcome.statuses[200] > 0


def test_what_happens_meanwhile_is_waited_for(port: int) -> None:
    happened = []
    drive(port, [post("/", b"a")], 1, 0.05, meanwhile=lambda: happened.append(1))
    assert happened == [1]


def test_percentiles_are_of_the_answers() -> None:
    outcome = Outcome(milliseconds=[float(n) for n in range(101)])
    assert (outcome.percentile(50), outcome.percentile(99)) == (50.0, 99.0)
