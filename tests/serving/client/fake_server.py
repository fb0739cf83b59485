"""A server without a network: it answers from a script and keeps what it was asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import httpx

Script: TypeAlias = Sequence[httpx.Response | type[httpx.RequestError]]

_RANKS = {"times": 2, "feedback": 2}
_DTYPES = {"k": "DT_INT32", "rows": "DT_INT32", "times": "DT_INT64", "feedback": "DT_FLOAT"}


def metadata(signatures: dict[str, tuple[str, str]]) -> httpx.Response:
    """What a model says of itself: the names of a signature's inputs and outputs, by space."""

    def tensor(name: str, rank: int) -> dict[str, Any]:
        dim = [{"size": "-1", "name": ""}] * rank
        dtype = _DTYPES.get(name, "DT_STRING")
        return {"dtype": dtype, "tensor_shape": {"dim": dim, "unknown_rank": False}, "name": "x:0"}

    definitions = {
        name: {
            "inputs": {key: tensor(key, _RANKS.get(key, 1)) for key in inputs.split()},
            "outputs": {key: tensor(key, 1) for key in outputs.split()},
        }
        for name, (inputs, outputs) in signatures.items()
    }
    return httpx.Response(200, json={"metadata": {"signature_def": {"signature_def": definitions}}})


class FakeServer:
    """Answers requests in turn.

    Attributes:
      requests: what came, in order.
      transport: for a client, sync or async.
    """

    def __init__(self, *script: httpx.Response | type[httpx.RequestError]) -> None:
        self._script = list(script)
        self.requests: list[httpx.Request] = []
        self.transport = httpx.MockTransport(self._answer)

    @property
    def bodies(self) -> list[Any]:
        """The JSON of requests that had some."""
        return [json.loads(request.content) for request in self.requests if request.content]

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._script.pop(0)
        if isinstance(answer, httpx.Response):
            return answer
        make: Callable[..., httpx.RequestError] = answer
        raise make("it is so", request=request)
