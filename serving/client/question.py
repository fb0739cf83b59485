"""The form of all questions: a class a signature, each object a question about one user or item.

A question names only what the caller knows. `inputs` says that by the names of the signature's
inputs, and `answer` makes a record of a row of outputs; filling in the rest, and the bodies of
requests, are left to `serving.client.columns` and `exchanges`.
"""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Generic, TypeVar

from serving.client.columns import Row

Answer = TypeVar("Answer")


class Question(ABC, Generic[Answer]):
    """A question that has an answer of a certain kind."""

    signature: ClassVar[str]

    @abstractmethod
    def inputs(self) -> dict[str, Any]:
        """What is known, by the names of the signature's inputs.

        Raises:
          ValueError: the question makes no sense.
        """

    @abstractmethod
    def answer(self, row: Row) -> Answer:
        """The answer, of a row of the signature's outputs."""
