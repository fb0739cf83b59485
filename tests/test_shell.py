"""How command lines end: exit codes, and one line on standard error."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable

import pytest
from rich.console import Console

from tfhrnn.errors import DataError, TfhrnnError, UnmetValueWarning
from tfhrnn.shell import Parser, exit_code, warnings_as_lines


def raising(error: BaseException) -> Callable[[], None]:
    def work() -> None:
        raise error

    return work


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (TfhrnnError("two\nlines   here"), 2, "tool: two lines here\n"),
        (DataError("a.csv", found="1", expected="2"), 2, "tool: a.csv: got 1, expected 2\n"),
        (
            OSError(28, "No space left on device", "out/x"),
            2,
            "tool: out/x: No space left on device\n",
        ),
        (OSError("odd"), 2, "tool: a file: odd\n"),
        (MemoryError("Unable to\nallocate"), 2, "tool: out of memory: Unable to allocate\n"),
        (MemoryError(), 2, "tool: out of memory: no more is given\n"),
        (KeyboardInterrupt(), 130, "\ntool: stopped; finished epochs and files are kept; more\n"),
    ],
)
def test_an_error_is_one_line_and_a_code(
    error: BaseException, code: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code("tool", raising(error), "; more") == code
    assert capsys.readouterr().err == line


def test_work_that_is_done_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("tool", lambda: None) == 0
    assert capsys.readouterr() == ("", "")


def test_our_own_mistakes_are_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        exit_code("tool", raising(ZeroDivisionError()))


def test_a_parser_says_where_help_is(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        Parser(prog="python -m tool").parse_args(["--no"])
    assert left.value.code == 2
    error = capsys.readouterr().err
    assert error == "tool: unrecognized arguments: --no; see python -m tool --help\n"


def test_our_warnings_are_lines_each_time_and_others_as_ever() -> None:
    shown = io.StringIO()
    with pytest.warns(UserWarning, match="^another's$") as others:
        with warnings_as_lines("tool", Console(file=shown, width=20, markup=False)):
            for _ in range(2):
                warnings.warn("got [b]mug[/b],\nperhaps mugs", UnmetValueWarning, stacklevel=1)
            warnings.warn("another's", UserWarning, stacklevel=1)
    assert shown.getvalue() == "tool: warning: got [b]mug[/b], perhaps mugs\n" * 2
    assert len(others) == 1
