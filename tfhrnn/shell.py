"""What every command line here has in common: how it ends.

Bad input is one line on standard error and exit code 2; Ctrl-C is 130 with what was done kept;
success is 0.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from typing import NoReturn

from tfhrnn.errors import TfhrnnError


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
      0, 2 for bad input, 130 for Ctrl-C.
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
    return 0


def _one_line(text: str) -> str:
    return " ".join(text.split())
