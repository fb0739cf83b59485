"""Who says what next between a client and a server, without I/O.

An exchange is a generator: it yields a `Request`, is sent the `Reply`, and returns the answers in
the end. Whoever drives it does nothing but send, wait and receive, so that all ways to do so share
the rest.
"""

import base64
import json
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, TypeVar
from urllib.parse import quote

from serving.client.columns import Signature, columns, signatures_of
from serving.client.errors import ServingError, refusal
from serving.client.question import Question
from serving.client.retries import Retries

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Request:
    """What is sent: JSON by POST, or a GET without a body."""

    path: str
    body: bytes | None = None
    wait_seconds: float = 0.0  # before it is sent


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    body: bytes
    retry_after: str | None = None


Exchange: TypeAlias = Generator[Request, Reply, Answer]


class Exchanges:
    """Exchanges about one model, whose metadata is asked for once.

    Args:
      model: its name.
      version: one of its versions; the server's choice, mostly the newest, if left out.
      label: of a version, instead.
      retries: of requests that are refused with 503.

    Raises:
      ValueError: both a version and a label, or no name.
    """

    def __init__(
        self, model: str, *, version: int | None, label: str | None, retries: Retries
    ) -> None:
        if not model:
            raise ValueError("model: got no name, expected the one it is served under")
        if version is not None and label is not None:
            raise ValueError(f"label: got {label!r} and version {version}, expected one of them")
        self._path = f"/v1/models/{quote(model, safe='')}"
        if version is not None:
            self._path += f"/versions/{version}"
        if label is not None:
            self._path += f"/labels/{quote(label, safe='')}"
        self._retries = retries
        self._signatures: dict[str, Signature] | None = None

    def ask(self, questions: Sequence[Question[Answer]]) -> Exchange[list[Answer]]:
        """Asks questions of one kind in one request.

        Where a request is refused as a mistake and the model has meanwhile changed its inputs, it
        is made anew and sent once more.

        Returns:
          An answer a question, in their order.

        Raises:
          ServingError: there is no answer.
          ValueError: a question makes no sense, or the model has no such signature or input.
        """
        if not questions:
            return []
        names = {question.signature for question in questions}
        if len(names) > 1:
            raise ValueError(f"questions: got {', '.join(sorted(names))}, expected one kind")
        (name,) = names
        rows = [question.inputs() for question in questions]
        is_fresh = self._signatures is None
        signature = yield from self._signature(name)
        try:
            reply = yield from self._answered(self._predict(name, rows, signature))
        except ServingError as error:
            if error.status != 400 or is_fresh:
                raise
            self._signatures = None
            now = yield from self._signature(name)
            if now == signature:
                raise
            signature = now
            reply = yield from self._answered(self._predict(name, rows, signature))
        try:
            found = _rows(reply.body, signature, len(rows))
            return [question.answer(row) for question, row in zip(questions, found, strict=True)]
        except (KeyError, TypeError, ValueError) as error:
            text = reply.body[:200].decode(errors="replace")
            raise ServingError(
                reply.status, f"got {text!r}, expected {len(rows)} answers of {name}"
            ) from error

    def _signature(self, name: str) -> Exchange[Signature]:
        if self._signatures is None:
            reply = yield from self._answered(Request(f"{self._path}/metadata"))
            try:
                self._signatures = signatures_of(reply.body)
            except ValueError as error:
                raise ServingError(reply.status, str(error)) from None
        if name not in self._signatures:
            found = ", ".join(sorted(self._signatures))
            raise ValueError(f"{name}: got a model without that signature, it has {found}")
        return self._signatures[name]

    def _predict(
        self, name: str, rows: Sequence[Mapping[str, Any]], signature: Signature
    ) -> Request:
        body = {"signature_name": name, "inputs": columns(rows, signature)}
        return Request(f"{self._path}:predict", json.dumps(body, ensure_ascii=False).encode())

    def _answered(self, request: Request) -> Exchange[Reply]:
        """Sends a request, again after 503."""
        retry, wait = 0, 0.0
        while True:
            reply = yield replace(request, wait_seconds=wait)
            if reply.status == 200:
                return reply
            again = None
            if reply.status == 503:
                again = self._retries.wait_seconds(retry, reply.retry_after)
            if again is None:
                raise refusal(reply.status, _message(reply.body))
            retry, wait = retry + 1, again


def _message(body: bytes) -> str:
    """The message of a refusal: the server's JSON, or whatever a proxy said."""
    try:
        return str(json.loads(body)["error"])
    except (KeyError, TypeError, ValueError):
        return body[:500].decode(errors="replace").strip() or "got no message"


def _rows(body: bytes, signature: Signature, count: int) -> list[dict[str, Any]]:
    """A reply's outputs by row; a signature with one output answers it without its name."""
    outputs = json.loads(body)["outputs"]
    if len(signature.outputs) == 1:
        outputs = {signature.outputs[0]: outputs}
    for name, column in outputs.items():
        if len(column) != count:
            raise ValueError(f"{name}: got {len(column)} rows, expected {count}")
    return [{name: _value(column[row]) for name, column in outputs.items()} for row in range(count)]


def _value(value: Any) -> Any:
    """A value, with its bytes read."""
    return base64.b64decode(value["b64"]) if isinstance(value, dict) else value
