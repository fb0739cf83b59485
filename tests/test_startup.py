"""TensorFlow's start-up chatter is held back, unless it is asked for or the start fails."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

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


def test_what_comes_first_is_returned_and_its_one_line_alone_is_shown() -> None:
    code = (
        "import os, sys\n"
        "from tfhrnn.errors import TfhrnnError\n"
        "from tfhrnn.startup import start_tensorflow\n"
        "assert start_tensorflow(lambda: 'joined') == 'joined'\n"
        "def refuse():\n"
        "    os.write(2, b'chatter')\n"
        "    raise TfhrnnError('no cluster')\n"
        "try:\n"
        "    start_tensorflow(refuse)\n"
        "except TfhrnnError as error:\n"
        "    print(error, file=sys.stderr)\n"
    )
    for level, shown in (("2", "no cluster\n"), ("1", "chatterno cluster\n")):
        status, found = stderr_of(code, TF_CPP_MIN_LOG_LEVEL=level)
        assert status == 0 and found.endswith(shown)
        assert level == "1" or found == shown


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


def test_a_worker_ends_with_its_parent(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "import multiprocessing, time\n"
        "from tfhrnn.startup import end_with\n"
        "def work():\n"
        "    end_with(multiprocessing.parent_process())\n"
        "    time.sleep(60)\n"
        "if __name__ == '__main__':\n"
        "    worker = multiprocessing.get_context('spawn').Process(target=work)\n"
        "    worker.start()\n"
        "    print(worker.pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    path = os.pathsep.join(part for part in sys.path if part)
    parent = subprocess.Popen(
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    with parent.stdout:
        parent.kill()
        parent.wait()
        # The pipe's other end is the worker's too: reading ends when it has gone.
        parent.stdout.read()
    with pytest.raises(ProcessLookupError):
        for _ in range(100):  # until it has been collected
            os.kill(worker, 0)
            time.sleep(0.05)
