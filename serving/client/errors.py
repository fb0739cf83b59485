"""What a client raises when there is no answer."""

import re

from serving.client.refusals import readable

_STALE = re.compile("state_bytes: (got the state of another model|expected format )")


class ServingError(Exception):
    """A request that was not answered.

    A `ValueError` is raised instead where a question cannot be asked at all: nothing was sent.

    Attributes:
      status: of the reply, such as 400 for a mistake in the request; None if there was no reply.
      message: what the server says, without the names of a graph's nodes.
      raw: the server's message, whole.
    """

    def __init__(self, status: int | None, message: str) -> None:
        self.raw, self.message = message, readable(message)
        super().__init__(self.message if status is None else f"{status}: {self.message}")
        self.status = status


class ServingConnectionError(ServingError):
    """The server could not be reached, or the connection broke."""


class ServingTimeoutError(ServingError):
    """The server did not answer in time."""


class StaleStateError(ServingError):
    """The state is of another model than the one that was asked, or of another format.

    A model that was trained anew does not know the old one's states: make a new one, by `start` and
    `update`, of the events that were kept.
    """


def refusal(status: int, message: str) -> ServingError:
    """A server's refusal, as the kind of error that it is."""
    kind = StaleStateError if status == 400 and _STALE.search(message) else ServingError
    return kind(status, message)
