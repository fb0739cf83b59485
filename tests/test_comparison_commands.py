"""Commands that put two systems beside each other: what they refuse before any work.

What they print and write: `tests/experiments/test_peers.py`.
"""

from __future__ import annotations

from typing import Any

import pytest

from tfhrnn import cli


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["compare", "--run", "a"], "--run: got 1, expected two to compare"),
        (["compare", "--run", "a", "--run", "b"], "a: got no run.json"),
        (["compare", "--run", "a", "--run", "b", "--samples", "9"], "--samples: got 9, expected"),
        (["compare", "--run", "a", "--run", "b", "--draw-seed", "-1"], "--draw-seed: got -1"),
        (["experiment", "peers", "--lists", "x"], "--run: got none, expected one beside peers"),
        (["experiment", "peers", "--run", "x"], "--lists: got none, expected one beside peers"),
        (["experiment", "mix", "--lists", "x"], "--lists: the experiment mix has no such choice"),
    ],
)
def test_what_cannot_be_compared_is_one_line(words: list[str], message: str, capsys: Any) -> None:
    assert cli.main(words) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
