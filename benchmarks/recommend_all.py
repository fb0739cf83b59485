"""What `recommend-all` needs of memory as users become more, and how fast it answers them.

Few and forty times as many simulated users, all of whose histories are read from an event log, by
one model of eight units, trained for an epoch on the few. Each row is the whole command in a
process of its own, the start of TensorFlow included.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from benchmarks.command import Spent, run_command

USERS: Final = 200_000
TIMES_FEWER: Final = 40
EVENTS: Final = 30  # a user, on average
ITEMS: Final = 500
_SETTINGS: Final = {"units": 8, "epochs": 1}


def run(
    rounds: int, users: int = USERS, settings: dict[str, Any] | None = None
) -> list[dict[str, Any]]:
    """A row a number of users; `rounds` has no say.

    `megabytes` are the process' own at the peak, `ratio` theirs to the first row's, `with files`
    has pages of mapped files too.

    Args:
      rounds: not read.
      users: of the last row.
      settings: of the model, on top of the preset `hrnn`.
    """
    from tfhrnn.data.event_log import write_event_log
    from tfhrnn.data.simulate_bursts import simulate_bursts
    from tfhrnn.recommender import HRNNRecommender

    rows: list[dict[str, Any]] = []
    first: Spent | None = None
    with TemporaryDirectory() as name:
        folder = Path(name)
        for count in (max(10, users // TIMES_FEWER), users):
            events = simulate_bursts(
                users=count, items=ITEMS, index_space=ITEMS, events=EVENTS * count
            )
            log = write_event_log(events, folder / f"{count}", name="simulated")
            if not rows:
                recommender = HRNNRecommender("hrnn", **{**_SETTINGS, **(settings or {})})
                recommender.fit(log, run=folder / "run", verbose=0)
            words = ["tfhrnn", "recommend-all", "--run", str(folder / "run")]
            words += ["--data", str(log.directory), "--users", "all", "-k", "10"]
            spent = run_command([*words, "--out", str(folder / f"{count}.parquet")])
            first = first or spent
            rows.append(
                {
                    "what": f"{count:,} users",
                    "seconds": spent.seconds,
                    "a second": round(count / spent.seconds),
                    "megabytes": round(spent.megabytes),
                    "ratio": spent.megabytes / first.megabytes,
                    "with files": round(spent.with_files),
                }
            )
    return rows
