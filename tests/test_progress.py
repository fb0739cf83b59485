"""What long work is at: shown on standard error, and told to nobody else unasked."""

from __future__ import annotations

import logging
import threading
from io import StringIO

import pytest
from rich.console import Console

from tfhrnn.progress import LOGGER, Progress, duration, step, told, under_way

WATCH = Progress._watch  # which other tests go without


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def shown_by(*, terminal: bool) -> tuple[Progress, StringIO, Clock]:
    screen, clock = StringIO(), Clock()
    console = Console(file=screen, width=100, force_terminal=terminal, markup=False)
    return Progress(console, clock), screen, clock


def test_a_plain_line_comes_only_where_it_would_be_silent_for_long() -> None:
    progress, screen, clock = shown_by(terminal=False)
    with progress:
        with step("building the [model]"):
            progress.line_if_silent()
            clock.now += 9
            progress.line_if_silent()
            assert screen.getvalue() == ""  # a short command says nothing of its own
            clock.now += 3
            progress.line_if_silent()
            assert screen.getvalue() == "building the [model] (12 s)\n"
            clock.now += 59
            progress.line_if_silent()
            assert screen.getvalue().count("\n") == 1
            clock.now += 1
            progress.line_if_silent()
        with step("judging", 1200) as done:
            clock.now += 10
            done(30)
            progress.line_if_silent()
        clock.now += 1000
        progress.line_if_silent()  # nothing is under way
    assert screen.getvalue().splitlines() == [
        "building the [model] (12 s)",
        "building the [model] (1 min 12 s)",
        "judging, 30 of 1,200 (10 s)",
    ]


def test_silence_is_looked_for_as_long_as_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = threading.Event()
    monkeypatch.setattr(Progress, "_watch", WATCH)
    monkeypatch.setattr(Progress, "line_if_silent", lambda self: looked.set())
    progress = shown_by(terminal=False)[0]
    with progress:
        assert looked.wait(60)
    assert progress._ended.is_set()


def test_lines_stay_and_put_off_the_next_one() -> None:
    progress, screen, clock = shown_by(terminal=False)
    with progress, step("epoch 1 of 2"):
        clock.now += 9
        told("epoch 1 of 2: loss 5.1")
        clock.now += 9
        progress.line_if_silent()
    assert screen.getvalue() == "epoch 1 of 2: loss 5.1\n"


def test_a_terminal_has_a_bar_that_is_gone_when_the_step_ends() -> None:
    progress, screen, _ = shown_by(terminal=True)
    with progress:
        with step("judging", 40) as done:
            done(30)
            under_way("judging", 31, 40)
        assert "judging, 31 of 40" in screen.getvalue()
        begun = len(screen.getvalue())
        told("a line")
        # Nothing draws any more: results that follow have the screen for themselves.
        assert screen.getvalue()[begun:] == "a line\n"


def test_the_bar_goes_with_an_error_too() -> None:
    progress, screen, _ = shown_by(terminal=True)
    with pytest.raises(KeyboardInterrupt), progress, step("judging"):
        raise KeyboardInterrupt
    assert screen.getvalue().endswith("\x1b[2K")  # the bar's line is erased


def test_nobody_hears_of_steps_unless_they_ask(caplog: pytest.LogCaptureFixture) -> None:
    def work() -> None:
        with step("judging", 2) as done:
            done(1)
            told("a line")

    work()
    assert caplog.messages == []
    with shown_by(terminal=False)[0]:
        work()
    assert caplog.messages == []  # the command line does not show it twice
    assert (LOGGER.level, LOGGER.propagate, LOGGER.handlers) == (logging.NOTSET, True, [])
    with caplog.at_level(logging.INFO, LOGGER.name):
        work()
    assert caplog.messages == ["judging, 0 of 2", "a line"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.6, "1 min 0 s"), (3599, "59 min 59 s"), (3600, "1 h 0 min")],
)
def test_durations_carry_over(seconds: float, text: str) -> None:
    assert duration(seconds) == text
