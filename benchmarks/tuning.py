"""What a search needs of memory as its trials go by: megabytes after the first few, and at the end.

200 trials of a tiny model on simulated sessions, random search. Once with the trials in a process
of their own, which is replaced every few trials, and once all in the searching process. A row's
figures are of the process that grows: resident megabytes of the searching process and, where there
is one, of the trials' at its largest.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.memory import megabytes

TRIALS = 200
WARM = 8  # trials until everything that is loaded once is loaded
WAYS = {"a process of the trials' own": False, "all in one process": True}


def run(
    rounds: int, ways: Sequence[str] = tuple(WAYS), trials: int = TRIALS, warm: int = WARM
) -> list[dict[str, Any]]:
    """A row a way; `rounds` has no say."""
    rows = []
    for name in ways:
        words = [str(int(WAYS[name])), str(trials), str(warm)]
        command = [sys.executable, "-m", "benchmarks.tuning", *words]
        found = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        rows.append({"what": name, "trials": trials, **json.loads(found.stdout.splitlines()[-1])})
    return rows


def measure(in_process: bool, trials: int, warm: int) -> dict[str, float]:
    """Searches in this process, and looks at memory after each trial."""
    import polars as pl

    from tfhrnn.data.event_log import write_event_log
    from tuning.asked import Asked
    from tuning.search import run_search
    from tuning.trial import Record
    from tuning.tuner import Watcher

    own: list[float] = []
    children: list[float] = []

    class Scales(Watcher):
        """Weighs this process and its child after each trial."""

        def ends(self, name: str, record: Record) -> None:
            if name == "best":
                return
            if "failed" in record:
                raise RuntimeError(record["failed"])
            own.append(_resident("self"))
            task = Path("/proc/self/task")
            pids = [p for t in task.iterdir() for p in (t / "children").read_text().split()]
            children.append(sum(map(_resident, pids)))
            print(f"trial {name}: {own[-1]:.0f} MB, {children[-1]:.0f} MB", file=sys.stderr)

    with TemporaryDirectory() as folder:
        rows = [(f"u{n % 40}", f"i{n * n % 23}", 1_000_000_000 + 77 * n) for n in range(800)]
        frame = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
        write_event_log(frame, Path(folder) / "log", name="tiny", keep_duplicates=True)
        fix = {"units": 4, "epochs": 1, "batch_size": 8, "bptt": 8}
        asked = Asked(
            str(Path(folder) / "log"),
            max_trials=trials,
            preset="hrnn",
            fix=fix,
            only=["output_dropout", "learning_rate"],
            retrain=False,
            in_process=in_process,
        )
        run_search(asked, Path(folder) / "out", Scales())
    return {
        "megabytes": own[min(warm, trials) - 1],
        "at the end": own[-1],
        "a trial": (own[-1] - own[min(warm, trials) - 1]) / max(1, trials - warm),
        "trials' process": max(children[:warm]),
        "its largest later": max(children[warm:], default=0.0),
    }


def _resident(pid: str) -> float:
    try:
        return megabytes(Path(f"/proc/{pid}/status").read_text(), "VmRSS")
    except FileNotFoundError:  # it has just ended
        return 0.0


if __name__ == "__main__":
    own_process, *counts = map(int, sys.argv[1:])
    print(json.dumps(measure(bool(own_process), *counts)))
