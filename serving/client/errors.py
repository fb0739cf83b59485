"""What a client raises when there is no answer."""


class ServingError(Exception):
    """A request that was not answered.

    A `ValueError` is raised instead where a question cannot be asked at all: nothing was sent.

    Attributes:
      status: of the reply, such as 400 for a mistake in the request; None if there was no reply.
      message: the server's.
    """

    def __init__(self, status: int | None, message: str) -> None:
        super().__init__(message if status is None else f"{status}: {message}")
        self.status = status
        self.message = message


class ServingConnectionError(ServingError):
    """The server could not be reached, or the connection broke."""


class ServingTimeoutError(ServingError):
    """The server did not answer in time."""
