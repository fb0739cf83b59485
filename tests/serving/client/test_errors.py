"""What a client raises: one family, with the status of the reply where there was one."""

from __future__ import annotations

import pytest

import serving
from serving.client.errors import (
    ServingConnectionError,
    ServingError,
    ServingTimeoutError,
)


def test_a_reply_is_told_by_its_status_and_the_servers_words() -> None:
    error = ServingError(404, "no model named films")
    assert (error.status, error.message) == (404, "no model named films")
    assert str(error) == "404: no model named films"


@pytest.mark.parametrize("kind", [ServingError, ServingConnectionError, ServingTimeoutError])
def test_without_a_reply_there_are_words_alone(kind: type[ServingError]) -> None:
    error = kind(None, "refused")
    assert error.status is None and str(error) == error.message == "refused"
    with pytest.raises(ServingError, match=r"^refused$"):
        raise error


def test_who_catches_the_family_catches_all_and_no_mistake_of_the_caller() -> None:
    for kind in (ServingConnectionError, ServingTimeoutError):
        assert issubclass(kind, ServingError) and kind is not ServingError
    assert not issubclass(ServingConnectionError, ServingTimeoutError)
    # A question that cannot be asked is a ValueError, which is caught apart.
    assert not issubclass(ServingError, ValueError)


def test_they_are_found_where_the_client_is() -> None:
    assert serving.ServingError is ServingError
    assert serving.Client.__module__.startswith("serving.client")


def test_a_status_of_zero_is_one() -> None:
    assert str(ServingError(0, "odd")) == "0: odd"
