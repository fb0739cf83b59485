"""What every command line here has in common: how it ends.

Bad input is one line on standard error and exit code 2; Ctrl-C is 130 with what was done kept;
success is 0, with a line on standard error for what may be a mistake.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn, TextIO

from rich.console import Console

from tfhrnn.errors import TfhrnnError, UnmetValueWarning


class Parser(argparse.ArgumentParser):
    """A parser that says what is wrong in one line, like every other error here."""

    def error(self, message: str) -> NoReturn:
        """Prints the message and leaves with exit code 2."""
        command = self.prog.removeprefix("python -m ")
        self.exit(2, f"{command}: {_one_line(message)}; see python -m {command} --help\n")


def exit_code(name: str, work: Callable[[], None], further: str = "") -> int:
    """Does some work and says how it ended.

    Args:
      name: of the command, which error lines begin with.
      work: what it does.
      further: how to go on after Ctrl-C, such as "; go on with --resume".

    Returns:
      0, 2 for bad input or where disk or memory ran out, 130 for Ctrl-C.
    """
    try:
        work()
    except TfhrnnError as error:
        print(f"{name}: {_one_line(str(error))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"\n{name}: stopped; finished epochs and files are kept{further}", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader (head, less) has gone; there is no one left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        reason = f"{error.filename or 'a file'}: {error.strerror or error}"
        print(f"{name}: {_one_line(reason)}", file=sys.stderr)
        return 2
    except MemoryError as error:
        print(
            f"{name}: out of memory: {_one_line(str(error) or 'no more is given')}", file=sys.stderr
        )
        return 2
    return 0


@contextmanager
def warnings_as_lines(name: str, console: Console) -> Iterator[None]:
    """Shows our own warnings as a line each, and others as ever.

    Args:
      name: of the command, which the lines begin with.
      console: where to.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("always", UnmetValueWarning)
        as_ever = warnings.showwarning

        def show(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            if not issubclass(category, UnmetValueWarning):
                as_ever(message, category, filename, lineno, file, line)
                return
            text = f"{name}: warning: {_one_line(str(message))}"
            console.print(text, highlight=False, soft_wrap=True)

        warnings.showwarning = show
        yield


def _one_line(text: str) -> str:
    return " ".join(text.split())
