import threading
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from serving.batch_config import BatchConfig
from serving.batching import Batcher, Task
from serving.bundle import Signature
from serving.dtypes import Array, Dtype
from serving.errors import ApiError, Code, Reply, invalid
from serving.metrics import Metrics
from serving.predict import Question
from serving.rest_api import Pending
from serving.routes import Route

_SIGNATURE = Signature({"x": "x:0"}, {"y": "y:0"}, {"x": Dtype("int64")})
_LATE = ApiError(Code.DEADLINE_EXCEEDED, "late")


class Doubler:
    """A model in memory that answers y = 2 x, notes its runs, and refuses a 13."""

    metadata: dict[str, Any]

    def __init__(self) -> None:
        self.runs: list[list[Any]] = []
        self.may_run = threading.Event()
        self.may_run.set()

    def signature(self, key: str) -> Signature:
        return _SIGNATURE

    def run(self, signature: Signature, arrays: Mapping[str, Array]) -> dict[str, Array]:
        self.may_run.wait(20)
        self.runs.append(arrays["x"].tolist())
        if 13 in arrays["x"]:
            raise invalid("13")
        return {"y": 2 * arrays["x"]}

    def close(self) -> None:
        """There is nothing to free."""


class Asked:
    """One request and what became of it."""

    def __init__(self, model: Doubler, x: object, deadline: float | None = None) -> None:
        self._replied = threading.Event()
        self._reply: Reply | None = None
        self.num_given_back = 0
        question = Question(model, _SIGNATURE, {"x": np.asarray(x)}, "columns")
        pending = Pending(question, Route("predict", "m"), Metrics(), self._give_back)
        ends = time.monotonic() + 20 if deadline is None else deadline
        self.task = Task(pending, ends, _LATE, self._done)

    def _give_back(self) -> None:
        self.num_given_back += 1

    def _done(self, reply: Reply) -> None:
        self._reply = reply
        self._replied.set()

    def answer(self) -> tuple[int, str]:
        assert self._replied.wait(20)
        assert self._reply is not None
        assert self.num_given_back == 1
        return self._reply.status, self._reply.body.decode()


def _batcher(**limits: Any) -> Batcher:
    return Batcher(BatchConfig(num_threads=1, **limits), Metrics())


def _asked_together(model: Doubler, batcher: Batcher, *values: object) -> list[tuple[int, str]]:
    """Submits while the only thread is busy with another request, so that all wait together."""
    first = Asked(model, [0])
    model.may_run.clear()
    batcher.submit(first.task)
    while batcher._queues:
        time.sleep(0.001)
    asked = [Asked(model, value) for value in values]
    for one in asked:
        batcher.submit(one.task)
    model.may_run.set()
    assert first.answer() == (200, '{"outputs":[0]}')
    return [one.answer() for one in asked]


def test_requests_that_wait_together_share_a_run_and_get_their_own_rows() -> None:
    model = Doubler()
    with _batcher() as batcher:
        answers = _asked_together(model, batcher, [1], [2, 3], [4])
    assert answers == [(200, f'{{"outputs":{x}}}') for x in ("[2]", "[4,6]", "[8]")]
    assert model.runs == [[0], [1, 2, 3, 4]]


def test_a_batch_holds_no_more_rows_than_it_may() -> None:
    model = Doubler()
    with _batcher(max_rows=3) as batcher:
        answers = _asked_together(model, batcher, [1], [2, 3], [4])
    assert [status for status, _ in answers] == [200] * 3
    assert model.runs == [[0], [1, 2, 3], [4]]


def test_a_request_alone_waits_no_longer_than_the_timeout() -> None:
    model = Doubler()
    with _batcher(timeout_seconds=0.01) as batcher:
        asked = Asked(model, [1])
        batcher.submit(asked.task)
        assert asked.answer() == (200, '{"outputs":[2]}')


def test_a_full_batch_does_not_wait() -> None:
    model = Doubler()
    with _batcher(timeout_seconds=3600, max_rows=2) as batcher:
        asked = [Asked(model, [1]), Asked(model, [2])]
        for one in asked:
            batcher.submit(one.task)
        assert [one.answer()[0] for one in asked] == [200, 200]
    assert model.runs == [[1, 2]]


def test_what_one_request_did_wrong_is_its_own_affair() -> None:
    model = Doubler()
    with _batcher() as batcher:
        answers = _asked_together(model, batcher, [1], [13], [4])
    assert [status for status, _ in answers] == [200, 400, 200]
    assert model.runs == [[0], [1, 13, 4], [1], [13], [4]]


def test_only_inputs_of_one_shape_and_model_share_a_run() -> None:
    model, other = Doubler(), Doubler()
    with _batcher() as batcher:
        model.may_run.clear()
        asked = [Asked(model, [[0]])]
        batcher.submit(asked[0].task)
        while batcher._queues:
            time.sleep(0.001)
        for owner, value in (
            (model, [[1]]),
            (model, [[2, 3]]),
            (model, [[4]]),
            (model, [5]),
            (other, [[6]]),
        ):
            asked.append(Asked(owner, value))
            batcher.submit(asked[-1].task)
        model.may_run.set()
        assert [one.answer()[0] for one in asked] == [200] * 6
    assert model.runs == [[[0]], [[1], [4]], [[2, 3]], [5]]
    assert other.runs == [[[6]]]


def test_with_padding_inputs_of_different_lengths_share_a_run() -> None:
    model = Doubler()
    with _batcher(pads=True) as batcher:
        answers = _asked_together(model, batcher, [[1, 2, 3]], [[7]])
    # Padded with the tensor's first element, and not cut again, as TensorFlow Serving does it.
    assert model.runs == [[0], [[1, 2, 3], [7, 7, 7]]]
    assert answers[1] == (200, '{"outputs":[[14,14,14]]}')


def test_with_padding_a_tensor_without_elements_runs_alone() -> None:
    model = Doubler()
    with _batcher(pads=True) as batcher:
        answers = _asked_together(model, batcher, [[1, 2]], [[]])
    assert [status for status, _ in answers] == [200, 200]


@pytest.mark.parametrize("value", [5, []])
def test_what_has_no_rows_runs_alone(value: object) -> None:
    model = Doubler()
    with _batcher() as batcher:
        answers = _asked_together(model, batcher, value, value)
    assert [status for status, _ in answers] == [200, 200]
    assert model.runs == [[0], value, value]


def test_outputs_that_are_no_rows_are_asked_for_one_by_one() -> None:
    class Summing(Doubler):
        def run(self, signature: Signature, arrays: Mapping[str, Array]) -> dict[str, Array]:
            return {"y": super().run(signature, arrays)["y"].sum(keepdims=True)}

    model = Summing()
    with _batcher() as batcher:
        answers = _asked_together(model, batcher, [1, 2], [3, 4])
    assert answers == [(200, '{"outputs":[6]}'), (200, '{"outputs":[14]}')]


def test_a_request_that_waited_too_long_is_refused_without_a_run() -> None:
    model = Doubler()
    with _batcher() as batcher:
        asked = Asked(model, [1], deadline=time.monotonic() - 1)
        batcher.submit(asked.task)
        assert asked.answer()[0] == 504
    assert model.runs == []


def test_a_full_queue_refuses() -> None:
    model = Doubler()
    with _batcher(max_rows=2, max_waiting_batches=1) as batcher:
        model.may_run.clear()
        busy = Asked(model, [[0]])
        batcher.submit(busy.task)
        while batcher._queues:
            time.sleep(0.001)
        waiting = Asked(model, [1, 2])
        batcher.submit(waiting.task)
        with pytest.raises(ApiError, match=r"queue .* is full; it holds 2 rows") as raised:
            batcher.submit(Asked(model, [3]).task)
        assert raised.value.http_status == 503
        model.may_run.set()
        assert waiting.answer()[0] == busy.answer()[0] == 200


def test_a_request_larger_than_a_batch_is_refused() -> None:
    with (
        _batcher(max_rows=2) as batcher,
        pytest.raises(ApiError, match="Task size 3 is larger than maximum input batch size 2"),
    ):
        batcher.submit(Asked(Doubler(), [1, 2, 3]).task)


def test_what_waits_is_answered_when_the_block_ends() -> None:
    model = Doubler()
    with _batcher(timeout_seconds=3600) as batcher:
        asked = Asked(model, [1])
        batcher.submit(asked.task)
    assert asked.answer()[0] == 200


def test_a_failure_nobody_foresaw_is_answered_too(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Doubler):
        def run(self, signature: Signature, arrays: Mapping[str, Array]) -> dict[str, Array]:
            raise RuntimeError("a bug")

    with _batcher() as batcher:
        asked = Asked(Broken(), [1])
        batcher.submit(asked.task)
        assert asked.answer() == (500, '{\n  "error": "RuntimeError: a bug"\n}')
    assert "Traceback" in caplog.text
