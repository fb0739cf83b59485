"""A server in a process of its own, and a process that may be killed at any time."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.memory import megabytes

NAME = "model"


class ServedProcess:
    """`python -m serving` for one model.

    Args:
      base_path: the folder of its version folders.
      flags: more flags.

    Attributes:
      port: where it listens.
    """

    def __init__(self, base_path: Path, *flags: str) -> None:
        command = [sys.executable, "-m", "serving", f"--model_name={NAME}"]
        command += [f"--model_base_path={base_path}", "--rest_api_port=0", *flags]
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self._process.stdout is not None
        line = ""
        while not line.startswith("Serving"):
            line = self._process.stdout.readline()
            if not line:
                self._process.stdout.close()
                raise RuntimeError(f"the server ended with code {self._process.wait()}")
        found = re.search(r":(\d+)/", line)
        assert found is not None, f"no port in {line!r}"
        self.port = int(found[1])
        self._reader = threading.Thread(target=self._read_on, daemon=True)
        self._reader.start()

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def resident_megabytes(self) -> float:
        """The memory the process holds now."""
        return megabytes(Path(f"/proc/{self._process.pid}/status").read_text(), "VmRSS")

    def cpu_seconds(self) -> float:
        """What the process has spent since it began, in all its threads."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def kill(self) -> None:
        """Ends the process at once, as `kill -9` does."""
        self._process.kill()
        self._process.wait()
        self._reader.join()

    def _read_on(self) -> None:
        """Takes what the server prints, which would otherwise wait for a reader."""
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for _ in lines:
                pass


@contextmanager
def served(base_path: Path, *flags: str) -> Iterator[ServedProcess]:
    """A server that runs as long as the `with` block."""
    process = ServedProcess(base_path, *flags)
    try:
        yield process
    finally:
        process.kill()
