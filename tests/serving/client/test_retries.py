"""How long is waited before a question is asked again."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest

from serving.client.retries import Retries


def test_waits_double_up_to_the_most_and_end() -> None:
    retries = Retries(number=5, first_seconds=1.0, most_seconds=6.0)
    assert [retries.wait_seconds(n, draw=lambda: 1.0) for n in range(6)] == [1, 2, 4, 6, 6, None]


def test_the_lower_half_of_a_wait_is_certain() -> None:
    retries = Retries(first_seconds=1.0)
    assert retries.wait_seconds(1, draw=lambda: 0.0) == 1.0
    drawn = [retries.wait_seconds(1) for _ in range(50)]
    assert all(wait is not None and 1.0 <= wait <= 2.0 for wait in drawn)
    assert len(set(drawn)) > 1


def test_retry_after_is_waited_out_with_the_draw_on_top() -> None:
    retries = Retries(first_seconds=0.5, most_seconds=20.0)
    assert retries.wait_seconds(0, "7", draw=lambda: 1.0) == 7.5
    assert retries.wait_seconds(0, "20", draw=lambda: 1.0) == 20.0
    assert retries.wait_seconds(0, "21") is None


@pytest.mark.parametrize("text", ["soon", "", "-3", "1.5", None])
def test_a_header_that_cannot_be_read_counts_as_none(text: str | None) -> None:
    assert Retries(first_seconds=0.5).wait_seconds(0, text, draw=lambda: 1.0) == 0.5


def test_retry_after_may_be_a_date() -> None:
    retries = Retries(first_seconds=0.0, most_seconds=60.0)
    now = datetime.now(timezone.utc)
    found = retries.wait_seconds(0, format_datetime(now + timedelta(seconds=40), usegmt=True))
    assert found is not None and 20 < found <= 40
    past = format_datetime(now - timedelta(days=1), usegmt=True)
    assert retries.wait_seconds(0, past) == 0.0
    assert retries.wait_seconds(0, past.replace("GMT", "-0000")) == 0.0


def test_no_retries() -> None:
    assert Retries(number=0).wait_seconds(0, "1") is None


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="number: got -1"):
        Retries(number=-1)
    with pytest.raises(ValueError, match=r"first_seconds: got 3\.0, expected 0 to most_seconds"):
        Retries(first_seconds=3.0, most_seconds=2.0)
