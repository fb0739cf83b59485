"""TensorFlow's start-up chatter is held back, unless it is asked for or the start fails."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


def stderr_of(code: str, **environment: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


def test_a_command_says_nothing_on_standard_error_but_its_own() -> None:
    code = (
        "import sys; from tfhrnn.startup import start_tensorflow; start_tensorflow(); "
        "import tensorflow as tf; tf.zeros([2]); print('mine', file=sys.stderr)"
    )
    assert stderr_of(code, TF_CPP_MIN_LOG_LEVEL="2") == (0, "mine\n")


def test_a_failing_start_shows_what_was_held() -> None:
    code = (
        "import os, sys\n"
        "class Loud:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'tensorflow':\n"
        "            os.write(2, b'why it failed'); raise ImportError('no tensorflow')\n"
        "sys.meta_path.insert(0, Loud())\n"
        "from tfhrnn.startup import start_tensorflow\n"
        "start_tensorflow()\n"
    )
    status, shown = stderr_of(code, TF_CPP_MIN_LOG_LEVEL="2")
    assert status == 1 and "why it failed" in shown and "no tensorflow" in shown


@pytest.mark.parametrize("command", ["train --data nowhere --out run", "evaluate --run nowhere"])
def test_bad_input_is_one_line_on_standard_error(command: str) -> None:
    status, shown = stderr_of(
        f"import sys; from tfhrnn.cli import main; sys.exit(main({command.split()!r}))"
    )
    assert status == 2 and shown.count("\n") == 1 and "nowhere" in shown
