"""What one server takes on at a time, and for how long."""

import os
from dataclasses import dataclass, field

from serving.errors import ApiError, Code

MAX_BODY_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Limits:
    """The limits of a server.

    Attributes:
      max_body_bytes: the longest body taken, before and after decompression; longer ones get 413.
      timeout_seconds: how long a request may take from its first line to its answer.
      num_threads: how many requests are worked on at a time; as many as TensorFlow Serving's.
      max_waiting: how many more wait for a thread or a batch; what comes then gets 503.
    """

    max_body_bytes: int = MAX_BODY_BYTES
    timeout_seconds: float = 30.0
    num_threads: int = field(default_factory=lambda: 4 * (os.cpu_count() or 1))
    max_waiting: int = 256


class Gate:
    """Counts the requests in a server; to be used in one thread, the event loop's."""

    def __init__(self, limits: Limits) -> None:
        self._most = limits.num_threads + limits.max_waiting
        self.num_inside = 0

    def enter(self) -> None:
        """Lets a request in.

        Raises:
          ApiError: the server is full.
        """
        if self.num_inside >= self._most:
            raise ApiError(
                Code.UNAVAILABLE, f"The server is full: {self._most} requests are in it; try again"
            )
        self.num_inside += 1

    def leave(self) -> None:
        """Notes that a request has been answered."""
        self.num_inside -= 1


def out_of_time(limits: Limits) -> ApiError:
    """The refusal of a request that took too long (504)."""
    return ApiError(
        Code.DEADLINE_EXCEEDED, f"Timed out after {1000 * limits.timeout_seconds:.0f} ms"
    )
