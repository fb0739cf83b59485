"""Trials in a process of their own, which may run out of memory without harm to the search.

What TensorFlow does not give back goes with that process: it is replaced after a few trials, so
that memory stays flat however many there are. Tasks go in as lines of JSON, epochs and records come
out likewise. A plain subprocess, since one of `multiprocessing` would run a script that searches
without `if __name__ == "__main__"` once more.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Any, Final

from tfhrnn.startup import start_tensorflow
from tuning.trial import OnEpoch, Record, Task, train_trial

TRIALS_EACH: Final = 8  # a start takes seconds; a process grows by tens of megabytes a trial


class TrialProcess:
    """Runs trials one after another in a child process; use it as a context.

    Args:
      trials_each: after how many the child is replaced.
    """

    def __init__(self, trials_each: int = TRIALS_EACH) -> None:
        self.trials_each = trials_each
        self._child: subprocess.Popen[str] | None = None
        self._done = 0

    def __enter__(self) -> TrialProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __call__(self, task: Task, on_epoch: OnEpoch | None = None) -> Record:
        """Trains a trial, as `train_trial`; where the child dies it has failed."""
        if self._child is not None and self._done >= self.trials_each:
            self.close()
        child = self._child = self._child or _start()
        assert child.stdin is not None and child.stdout is not None
        try:
            child.stdin.write(task.to_json() + "\n")
            child.stdin.flush()
            for line in child.stdout:
                told = json.loads(line)
                if "record" in told:
                    self._done += 1
                    record: Record = told["record"]
                    return record
                if on_epoch is not None:
                    on_epoch(told["epoch"], told["logs"])
        except BrokenPipeError:
            pass
        except BaseException:  # Ctrl-C: nobody waits for the trial any more
            self._kill()
            raise
        self.close()
        return {"failed": f"its process ended {_how(child.returncode)}"}

    @property
    def pid(self) -> int | None:
        """The child's process number, while there is one."""
        return None if self._child is None else self._child.pid

    def close(self) -> None:
        """Ends the child, which works on nothing or is dead."""
        child, self._child, self._done = self._child, None, 0
        if child is not None:
            assert child.stdin is not None and child.stdout is not None
            with contextlib.suppress(BrokenPipeError):  # a line that a dead one did not read
                child.stdin.close()
            child.wait()
            child.stdout.close()

    def _kill(self) -> None:
        if self._child is not None:
            self._child.kill()
        self.close()


def _start() -> subprocess.Popen[str]:
    places = [str(Path(__file__).resolve().parents[1]), os.environ.get("PYTHONPATH", "")]
    return subprocess.Popen(
        [sys.executable, "-m", "tuning.trial_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, places))},
        start_new_session=True,  # Ctrl-C is the search's; it ends the child itself
    )


def _how(status: int) -> str:
    """How a process ended, for people.

    >>> _how(-9), _how(1)
    ('by SIGKILL, as it does where memory runs out', 'with exit code 1')
    """
    if status >= 0:
        return f"with exit code {status}"
    name = signal.Signals(-status).name
    return f"by {name}, as it does where memory runs out" if name == "SIGKILL" else f"by {name}"


def main() -> None:
    """The child: a task a line from standard input, until that ends, however the parent ends."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever else prints does not disturb the lines
    tasks: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_read, args=(sys.stdin, tasks), daemon=True).start()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    start_tensorflow()

    def tell(**what: Any) -> None:
        out.write(json.dumps(what) + "\n")
        out.flush()

    while True:
        task = Task.from_json(tasks.get())
        tell(record=train_trial(task, lambda epoch, logs: tell(epoch=epoch, logs=logs)))


def _read(lines: IO[str], tasks: queue.Queue[str]) -> None:
    for line in lines:
        tasks.put(line)
    os._exit(0)  # the parent closed it or is gone; a trial at work has no one to tell


if __name__ == "__main__":
    main()
