"""Exchanges without a client: what is yielded, sent and returned."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from serving.client.answers import Similar
from serving.client.errors import ServingError
from serving.client.exchanges import Exchanges, Reply, Request
from serving.client.questions import SimilarItems
from serving.client.retries import Retries
from tests.serving.client.fake_server import metadata

QUESTIONS = [SimilarItems("a", k=2), SimilarItems("b", k=1)]
TOLD = Reply(200, metadata({"similar_items": ("items k", "items similarities")}).content)
OUTPUTS = {"items": [["b", "c"], ["a", ""]], "similarities": [[0.5, 0.25], [1.0, -1.0]]}
FOUND = Reply(200, json.dumps({"outputs": OUTPUTS}).encode())
ANSWERS = [Similar(("b", "c"), (0.5, 0.25)), Similar(("a",), (1.0,))]


def exchanges(number: int = 0) -> Exchanges:
    retries = Retries(number=number, first_seconds=0.0)
    return Exchanges("m", version=None, label=None, retries=retries)


def driven(one: Exchanges, replies: Iterable[Reply]) -> tuple[list[Request], Any]:
    """The requests of an exchange that is sent these replies, all of them, and its answers."""
    exchange, script = one.ask(QUESTIONS), iter(replies)
    requests = [next(exchange)]
    try:
        while True:
            requests.append(exchange.send(next(script)))
    except StopIteration as done:
        assert next(script, None) is None
        return requests, done.value


def test_several_questions_are_one_request_and_an_answer_each() -> None:
    (about, asked), answers = driven(exchanges(), [TOLD, FOUND])
    assert about == Request("/v1/models/m/metadata")
    assert asked.path == "/v1/models/m:predict" and asked.body is not None
    assert json.loads(asked.body)["inputs"] == {"items": ["a", "b"], "k": [2, 1]}
    assert answers == ANSWERS


def test_exchanges_of_one_model_share_what_it_reads() -> None:
    one = exchanges()
    driven(one, [TOLD, FOUND])
    requests, answers = driven(one, [FOUND])
    assert [request.path for request in requests] == ["/v1/models/m:predict"]
    assert answers == ANSWERS


def test_waiting_is_left_to_whoever_drives() -> None:
    refusal = Reply(503, b"", retry_after="7")
    requests, answers = driven(exchanges(number=1), [TOLD, refusal, FOUND])
    assert [request.wait_seconds for request in requests] == [0.0, 0.0, 7.0]
    assert requests[1].body == requests[2].body and answers == ANSWERS


def test_a_row_too_few_is_no_answer() -> None:
    short = {"items": [["b"]], "similarities": [[0.5]]}
    with pytest.raises(ServingError, match="expected 2 answers of similar_items"):
        driven(exchanges(), [TOLD, Reply(200, json.dumps({"outputs": short}).encode())])
