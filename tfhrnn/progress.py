"""What long work is at: told to the logger `tfhrnn.progress`, and shown by the command line.

A step that begins and a line that stays are INFO, how far a step is is DEBUG; nobody hears them
unless the logger's level is set. `Progress` shows them on standard error: a bar on a terminal,
elsewhere a plain line wherever it would otherwise be silent for long.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

LOGGER: Final = logging.getLogger("tfhrnn.progress")

_FIRST_SILENCE, _SILENCE = 10.0, 60.0  # seconds, before a step is told and told again


@dataclass(frozen=True)
class Step:
    """What is under way, and how much of it is done; nothing is, where it has no name."""

    name: str
    done: int = 0
    total: int = 0

    def __str__(self) -> str:
        return f"{self.name}, {self.done:,} of {self.total:,}" if self.total else self.name


@contextmanager
def step(name: str, total: int = 0) -> Iterator[Callable[[int], None]]:
    """Tells that a step is under way, as long as the block.

    Args:
      name: of the step, such as "building the model".
      total: how many parts it has, if that is known.

    Yields:
      What is told how many parts are done.
    """
    under_way(name, 0, total)
    try:
        yield lambda done: under_way(name, done, total)
    finally:
        _tell(Step(""), logging.DEBUG)


def under_way(name: str, done: int = 0, total: int = 0) -> None:
    """Tells what is under way within a `step`, or how far it is."""
    _tell(Step(name, done, total), logging.DEBUG if done else logging.INFO)


def told(line: str) -> None:
    """Tells a line that stays, such as an epoch's figures."""
    LOGGER.info("%s", line)


def _tell(now: Step, level: int) -> None:
    LOGGER.log(level, "%s", now, extra={"step": now})


def duration(seconds: float) -> str:
    """Seconds in a reader's units.

    >>> duration(7.4), duration(102), duration(7260)
    ('7 s', '1 min 42 s', '2 h 1 min')
    """
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


class Progress(logging.Handler):
    """Shows what is told, as long as its block.

    Args:
      console: where to; standard error, so that standard output holds results alone.
      clock: seconds, of any beginning.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(logging.DEBUG)
        self.console, self.clock = console, clock
        self._step, self._began = Step(""), clock()
        self._next_line = clock() + _FIRST_SILENCE
        self._bars: Bars | None = None
        self._bar = TaskID(0)
        self._ended = threading.Event()

    def __enter__(self) -> Progress:
        self._before = LOGGER.level, LOGGER.propagate
        LOGGER.setLevel(logging.DEBUG)
        LOGGER.propagate = False
        LOGGER.addHandler(self)
        if not self.console.is_terminal:
            threading.Thread(target=self._watch, daemon=True, name="progress").start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        LOGGER.removeHandler(self)
        level, LOGGER.propagate = self._before
        LOGGER.setLevel(level)
        self._hide()

    def emit(self, record: logging.LogRecord) -> None:
        """Shows one thing that is told."""
        now = getattr(record, "step", None)
        if now is None:
            self._print(record.getMessage())
            return
        begins = now.name != self._step.name
        if begins:
            self._began = self.clock()
            self._next_line = min(self._next_line, self._began + _FIRST_SILENCE)
        self._step = now
        if self.console.is_terminal:
            self._show(begins=begins)

    def line_if_silent(self) -> None:
        """Prints the step that is under way where nothing was printed for long."""
        self.acquire()
        try:
            if self._step.name and self.clock() >= self._next_line:
                self._print(f"{self._step} ({duration(self.clock() - self._began)})")
        finally:
            self.release()

    def _watch(self) -> None:
        while not self._ended.wait(1.0):
            self.line_if_silent()

    def _print(self, line: str) -> None:
        self.console.print(line, highlight=False, soft_wrap=True)
        self._next_line = self.clock() + _SILENCE

    def _show(self, *, begins: bool) -> None:
        """The bar of what is under way; it goes when nothing is, so that results have the screen.

        It begins with the first step, when TensorFlow's start no longer holds standard error.
        """
        if not self._step.name:
            self._hide()
            return
        if self._bars is None:
            self._bars = Bars(
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(20),
                TimeElapsedColumn(),
                console=self.console,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._bar = self._bars.add_task(str(self._step), total=self._step.total or None)
            self._bars.start()
        elif begins:
            self._bars.reset(self._bar)
        self._bars.update(
            self._bar,
            description=str(self._step),
            completed=self._step.done,
            total=self._step.total or None,
        )

    def _hide(self) -> None:
        if self._bars is not None:
            self._bars.stop()
            self._bars = None
