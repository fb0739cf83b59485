import pytest

from serving.errors import ApiError
from serving.limits import Gate, Limits, out_of_time


def test_the_gate_lets_in_as_many_as_work_and_wait() -> None:
    gate = Gate(Limits(num_threads=2, max_waiting=1))
    for _ in range(3):
        gate.enter()
    with pytest.raises(ApiError, match="The server is full: 3 requests are in it") as raised:
        gate.enter()
    assert raised.value.http_status == 503
    gate.leave()
    gate.enter()
    assert gate.num_inside == 3


def test_a_request_that_took_too_long_is_a_504() -> None:
    error = out_of_time(Limits(timeout_seconds=0.25))
    assert (error.http_status, error.message) == (504, "Timed out after 250 ms")
