"""A graph's refusals in a user's words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import tensorflow as tf

from tfhrnn.errors import ConfigError

_ASSERTION = re.compile(r"assertion failed: \[(?P<told>[^\]]*)\](?: \[(?P<got>.*)\]\s*$)?", re.M)


def refusal(message: str) -> str:
    """What an assertion in the graph says, without the graph.

    >>> refusal("2 root errors: assertion failed: [k: expected 1 or more, got] [0]")
    'k: expected 1 or more, got 0'
    >>> refusal("slice index 1 out of bounds")
    'slice index 1 out of bounds'
    """
    found = _ASSERTION.search(message)
    if found is None:
        return " ".join(message.split())
    got = found["got"]
    return found["told"] if got is None else f"{found['told']} {got.partition('] [')[0]}"


@contextmanager
def in_words() -> Iterator[None]:
    """Makes a graph's refusal of its inputs an error that a caller can mend.

    Raises:
      ConfigError: the graph refused its inputs.
    """
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        raise ConfigError(refusal(error.message)) from None
