"""When to ask again: after 503, which says that the server is there and has no room just now.

Nothing else is repeated. A question changes nothing on the server, so that repeating it is safe.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime


@dataclass(frozen=True)
class Retries:
    """How often, and how long to wait before each.

    The n-th wait, from 0, is drawn evenly from the upper half of `first_seconds` · 2ⁿ, so that
    callers who were refused together do not come back together. Where the server says when to come
    back (Retry-After), that time is waited out and the draw is added to it.

    Attributes:
      number: at most; 0 for none.
      first_seconds: of the first wait.
      most_seconds: of any wait; a server that asks for more is not asked again.
    """

    number: int = 3
    first_seconds: float = 0.1
    most_seconds: float = 30.0

    def __post_init__(self) -> None:
        if self.number < 0:
            raise ValueError(f"number: got {self.number}, expected 0 or more")
        if not 0 <= self.first_seconds <= self.most_seconds:
            raise ValueError(
                f"first_seconds: got {self.first_seconds}, expected 0 to most_seconds, "
                f"{self.most_seconds}"
            )

    def wait_seconds(
        self,
        retry: int,
        retry_after: str | None = None,
        *,
        draw: Callable[[], float] = random.random,
    ) -> float | None:
        """How long to wait before asking again.

        Args:
          retry: how many there were before, for the same question.
          retry_after: the reply's header of that name.
          draw: a number from 0 to 1.

        Returns:
          Seconds, or None to give up.
        """
        if retry >= self.number:
            return None
        backoff = min(self.first_seconds * 2.0**retry, self.most_seconds) * (1 + draw()) / 2
        asked = _seconds(retry_after)
        if asked > self.most_seconds:
            return None
        return min(asked + backoff, self.most_seconds)


def _seconds(retry_after: str | None) -> float:
    """A Retry-After header, seconds or a date (RFC 9110, 10.2.3); 0 for none that can be read."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        then = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    if then.tzinfo is None:  # "-0000", which says nothing of a zone
        then = then.replace(tzinfo=timezone.utc)
    return max((then - datetime.now(timezone.utc)).total_seconds(), 0.0)
