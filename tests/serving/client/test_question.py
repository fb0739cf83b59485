"""Every question names a signature of its own, and makes its inputs and answer itself."""

from __future__ import annotations

from typing import Any

import pytest

from serving.client import catalogue_questions, questions
from serving.client.columns import Row
from serving.client.question import Question


def kinds() -> list[type[Question[Any]]]:
    """All questions of the client."""
    return [
        found
        for module in (questions, catalogue_questions)
        for name, found in vars(module).items()
        if isinstance(found, type) and issubclass(found, Question) and not name.startswith("_")
        if found is not Question
    ]


def test_there_is_a_question_for_each_signature_and_none_twice() -> None:
    asked = [kind.signature for kind in dict.fromkeys(kinds())]
    assert len(set(asked)) == len(asked)
    assert {"recommend", "recommend_from_state", "rank", "start", "update"} <= set(asked)
    assert {"similar_items", "describe_items", "search_items", "model_info"} <= set(asked)


@pytest.mark.parametrize("missing", ["inputs", "answer"])
def test_half_a_question_cannot_be_made(missing: str) -> None:
    parts: dict[str, Any] = {"inputs": lambda self: {}, "answer": lambda self, row: row}
    del parts[missing]
    half = type("Half", (Question,), {"signature": "half", **parts})
    with pytest.raises(TypeError, match=missing):
        half()


def test_an_own_question_needs_a_signature_inputs_and_an_answer() -> None:
    class Twice(Question[int]):
        signature = "twice"

        def __init__(self, x: int) -> None:
            self.x = x

        def inputs(self) -> dict[str, Any]:
            return {"x": self.x}

        def answer(self, row: Row) -> int:
            return int(row["y"])

    asked = Twice(3)
    assert (asked.signature, asked.inputs(), asked.answer({"y": 6.0})) == ("twice", {"x": 3}, 6)
