"""What a command of the project takes in a process of its own: seconds, and memory at its peak.

Linux counts pages of mapped files as resident, too, although it takes them back as soon as somebody
wants the memory. A process' own memory (RssAnon) is what it cannot do without; its peak is read
every hundredth of a second. What Linux noted itself, VmHWM, has the pages of files in it.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.memory import megabytes

THREADS: Final = 2  # of polars; each has memory of its own
_EVERY: Final = 0.01  # seconds


class Spent(NamedTuple):
    """What a command took.

    Attributes:
      seconds: from its start to its end.
      megabytes: of its own at the peak.
      with_files: the same with pages of mapped files, the libraries' code among them.
    """

    seconds: float
    megabytes: float
    with_files: float


def run_command(words: Sequence[str], cap: int | None = None) -> Spent:
    """Runs `python -m WORDS` to its end.

    Args:
      words: the module and its arguments.
      cap: megabytes of memory of its own that the system lets it ask for, used or not
        (RLIMIT_DATA).

    Raises:
      RuntimeError: it failed; what it wrote to standard error.
    """
    environment = {**os.environ, "POLARS_MAX_THREADS": str(THREADS)}
    own = with_files = 0.0
    started = time.perf_counter()
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", *words],
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env=environment,
        )
        if cap is not None:
            resource.prlimit(process.pid, resource.RLIMIT_DATA, (cap * 10**6, cap * 10**6))
        while process.poll() is None:
            status = Path(f"/proc/{process.pid}/status").read_text()
            if "VmHWM" in status:  # it has not ended meanwhile
                own = max(own, megabytes(status, "RssAnon"))
                with_files = max(with_files, megabytes(status, "VmHWM"))
            time.sleep(_EVERY)
        seconds = time.perf_counter() - started
        errors.seek(0)
        said = errors.read().decode(errors="replace")
    if process.returncode:
        raise RuntimeError(f"{' '.join(words)}: {process.returncode}: {said[-2000:].strip()}")
    return Spent(seconds, own, with_files)
