"""A load on an HTTP server, and how long its answers took.

Connections are kept open; each sends its next request when the last one has been answered, or, at a
given rate, when its time has come. One event loop drives them all, so that the generator takes as
little of the machine as it can.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

_LOST = 0  # what stands for the status of a request that was never answered


@dataclass
class Outcome:
    """What became of a load's requests.

    Attributes:
      milliseconds: of every request that was answered, in the order of the answers.
      statuses: how often each HTTP status came; 0 counts requests that were never answered.
      seconds: from the first request to the last answer.
      bodies: distinct answers with how often they came, if they were asked for.
      cpu_seconds: what the answering process spent, where it was measured.
    """

    milliseconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    seconds: float = 0.0
    bodies: Counter[bytes] = field(default_factory=Counter)
    cpu_seconds: float = 0.0

    @property
    def failed(self) -> int:
        """Requests without an answer, or with another one than 200."""
        return sum(self.statuses.values()) - self.statuses[200]

    @property
    def per_second(self) -> float:
        """Answers a second."""
        return len(self.milliseconds) / self.seconds

    def percentile(self, percent: float) -> float:
        """Milliseconds that so many percent of the answers did not exceed."""
        return float(np.percentile(self.milliseconds, percent))

    def row(self, what: str, connections: int) -> dict[str, Any]:
        """A benchmark's row: how many requests and failures, milliseconds, and answers a second."""
        return {
            "what": what,
            "connections": connections,
            "requests": sum(self.statuses.values()),
            "failed": self.failed,
            "p50_ms": self.percentile(50),
            "p99_ms": self.percentile(99),
            "per_second": self.per_second,
        }


def post(path: str, body: bytes) -> bytes:
    """A POST request as it goes over the wire."""
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def drive(
    port: int,
    requests: Sequence[bytes],
    connections: int,
    seconds: float,
    *,
    rate: float | None = None,
    keep_bodies: bool = False,
    meanwhile: Callable[[], None] | None = None,
) -> Outcome:
    """Sends requests, one after another and over again, for a while.

    Args:
      port: the server's, on this machine.
      requests: as they go over the wire.
      connections: how many.
      seconds: after which no more are sent; those under way are waited for.
      rate: requests a second over all connections; None sends as fast as answers come.
      keep_bodies: whether the answers' bodies are counted.
      meanwhile: runs in a thread beside the load, which is not over before it has returned.
    """
    return asyncio.run(
        _drive(_Load(port, requests, keep_bodies), connections, seconds, rate, meanwhile)
    )


class _Load:
    """What the connections of a load share."""

    def __init__(self, port: int, requests: Sequence[bytes], keep_bodies: bool) -> None:
        self.port = port
        self.requests = itertools.cycle(requests)
        self.keep_bodies = keep_bodies
        self.outcome = Outcome()
        self.ends = 0.0


async def _drive(
    load: _Load,
    connections: int,
    seconds: float,
    rate: float | None,
    meanwhile: Callable[[], None] | None,
) -> Outcome:
    started = time.perf_counter()
    load.ends = started + seconds
    pause = None if rate is None else connections / rate
    workers = [
        _Connection(load).work(started + (pause or 0) * number / connections, pause)
        for number in range(connections)
    ]
    if meanwhile is not None:
        workers.append(asyncio.to_thread(meanwhile))
    await asyncio.gather(*workers)
    load.outcome.seconds = time.perf_counter() - started
    return load.outcome


class _Connection(asyncio.Protocol):
    """One connection, which is made anew when it is lost."""

    def __init__(self, load: _Load) -> None:
        self._load = load
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._needed = 0
        self._answered: asyncio.Future[int] | None = None

    async def work(self, next_at: float, pause: float | None) -> None:
        """Sends requests until the load's time is over."""
        outcome = self._load.outcome
        while time.perf_counter() < self._load.ends:
            if pause is not None:
                await asyncio.sleep(max(0.0, next_at - time.perf_counter()))
                next_at += pause
            started = time.perf_counter()
            try:
                status = await asyncio.wait_for(self._ask(next(self._load.requests)), 60)
            except (OSError, asyncio.TimeoutError):
                self._drop()
                outcome.statuses[_LOST] += 1
                await asyncio.sleep(0.01)
                continue
            outcome.milliseconds.append(1000 * (time.perf_counter() - started))
            outcome.statuses[status] += 1
        self._drop()

    async def _ask(self, request: bytes) -> int:
        loop = asyncio.get_running_loop()
        if self._transport is None:
            await loop.create_connection(lambda: self, "127.0.0.1", self._load.port)
        assert self._transport is not None, "a connection that was made has a transport"
        self._received, self._needed = b"", 0
        self._answered = loop.create_future()
        self._transport.write(request)
        return await self._answered

    def _drop(self) -> None:
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Takes the connection."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Gives up the request that is under way."""
        self._transport = None
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(ConnectionResetError("the server hung up"))

    def data_received(self, data: bytes) -> None:
        """Reads an answer, which may come in parts."""
        self._received += data
        if not self._needed:
            head, found, _ = self._received.partition(b"\r\n\r\n")
            if not found:
                return
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            self._needed = len(head) + 4 + int(length)
        if len(self._received) < self._needed or self._answered is None or self._answered.done():
            return
        if self._load.keep_bodies:
            self._load.outcome.bodies[self._received.partition(b"\r\n\r\n")[2]] += 1
        self._answered.set_result(int(self._received[9:12]))
