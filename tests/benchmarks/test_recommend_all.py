"""The benchmark of answers for all users asks the real command, and sets sizes side by side."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import pytest

from benchmarks import recommend_all
from benchmarks.command import Spent
from tfhrnn import cli


def test_a_row_a_number_of_users_that_the_command_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    answered: list[int] = []

    def here(words: Sequence[str]) -> Spent:
        """The command in this process, where TensorFlow has been started."""
        assert words[0] == "tfhrnn" and cli.main([*words[1:]]) == 0
        answered.append(pl.read_parquet(words[words.index("--out") + 1]).height)
        return Spent(4.0, 300.0 + answered[-1] / 10, 800.0)

    monkeypatch.setattr(recommend_all, "run_command", here)
    few, many = recommend_all.run(1, users=400, settings={"units": 2})
    assert answered == [10, 400]
    assert [row["what"] for row in (few, many)] == ["10 users", "400 users"]
    assert [row["a second"] for row in (few, many)] == [2, 100]
    assert (few["ratio"], many["megabytes"], many["ratio"]) == (1, 340, 340 / 301)
