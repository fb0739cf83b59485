"""What the terminal shows of a search."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

from rich.console import Console

from tests.tuning.test_trials import row
from tfhrnn.config import Config
from tfhrnn.data.event_log import EventLog
from tuning.found import Found
from tuning.narrowing import dimensions
from tuning.progress import Progress, print_found
from tuning.space import search_space


def console(*, terminal: bool = False) -> Console:
    screen: dict[str, Any] = {"file": StringIO(), "width": 300, "force_terminal": terminal}
    return Console(markup=False, emoji=False, **screen)


def printed(screen: Console) -> str:
    assert isinstance(screen.file, StringIO)
    return screen.file.getvalue()


def test_a_line_a_trial_and_none_for_the_best_trained_anew() -> None:
    screen = console()
    with Progress(screen, "val_perplexity", 3) as progress:
        progress.begins("0", {"units": 8, "tied": True, "tuner/epochs": 2}, 2)
        progress.epoch("0", 1, {"val_perplexity": 31.25})
        progress.ends("0", {"val_perplexity": 30.0})
        progress.begins("1", {"units": 8, "learning_rate": 0.012345}, 2)
        progress.ends("1", {"failed": "out of [memory]"})
        progress.begins("best", {}, 2)
        progress.ends("best", {})
    assert printed(screen).splitlines() == [
        "trial 0: val_perplexity 30.0 (units 8, tied yes)",
        "trial 1: failed: out of [memory] (units 8, learning_rate 0.0123)",
    ]
    assert progress.ended == 2


def test_a_terminal_shows_the_epoch_that_was_reached() -> None:
    screen = console(terminal=True)
    with Progress(screen, "val_ndcg", 3) as progress:
        progress.begins("2", {}, 5)
        progress.epoch("2", 4, {"val_ndcg": 0.12345})
    assert "trial 2: epoch 4 of 5, 0.1235" in printed(screen)


def test_the_table_says_what_each_was_judged_on(tiny_base: Config, tiny_log: EventLog) -> None:
    space = search_space(tiny_base, tiny_log, only=[], narrowed=dimensions(["units=4,8"]))
    rows = [
        row("1", 20.0, settings={"units": 8}, judged_on="validation: 3 users, 28 targets"),
        row("0", 21.0, settings={"units": 4}, is_base=True, judged_on="validation: 3 users"),
        row("2", None, settings={"units": 4}, status="failed", reason="no memory"),
    ]
    asked = {"data": "data", "preset": "hrnn", "fixed": {}, "seed": 0}
    result: dict[str, Any] = {"perplexity": {"popularity": 30.0, "hrnn": 19.5}}
    result["protocol"] = {"test_users": 8, "test_targets": 112, "hash": "cafe"}
    screen = console()
    found = Found(Path("out"), "val_perplexity", rows, space, asked)
    print_found(found, screen)
    assert "train it: python -m tfhrnn train --data data --preset hrnn --set units=8" in (
        printed(screen)
    )
    with_best = Found(
        Path("out"), "val_perplexity", rows, space, asked, result, Path("out/model/1")
    )
    print_found(with_best, screen)
    text = printed(screen)
    for words in ("test: 8 users, 112 targets, protocol cafe", "perplexity 19.5 there"):
        assert words in text
    for words in (
        "the preset",
        "units 8",
        "no memory",
        "failed",
        "validation: 3 users, 28 targets",
    ):
        assert words in text
    assert "run: out/best; version: out/model/1" in text
