"""Exports a run, and kills itself with SIGKILL at a given step: `RUN MODEL_BASE_PATH STEP`.

A step is a call below the base path that Python makes to the file system to open, make, rename or
remove something, or the writing of the SavedModel; the process dies before the step. It ends with 0
if the export takes fewer steps than that.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

_EVENTS = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree")


def die_at(step: int, folder: str) -> None:
    """Makes this process kill itself before its so-manieth step below a folder."""
    left = step

    def count(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        if event in _EVENTS and folder in str(arguments[0]):
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)


def main(run: str, base_path: str, step: str) -> None:
    """Exports, and dies if it takes that many steps."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from tfhrnn import HRNNRecommender

    recommender = HRNNRecommender.load(run)
    die_at(int(step), os.path.abspath(base_path))
    recommender.export(base_path)


if __name__ == "__main__":
    main(*sys.argv[1:])
