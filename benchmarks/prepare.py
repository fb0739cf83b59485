"""What `prepare` needs of memory as events become more: sorting them is done on the disk.

Simulated events in Parquet files of five million each (a tenth of all where those are fewer), each
written before the next is drawn; the command reads them by a pattern. It runs in a process of its
own, whose memory the system caps at the same number of megabytes for both sizes.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from benchmarks.command import run_command

EVENTS: Final = 50_000_000
TIMES_FEWER: Final = 10
FILE_EVENTS: Final = 5_000_000
ITEMS: Final = 26_744  # ml-20m's, as are events a user
_EVENTS_A_USER: Final = 144
CAP: Final = 2_000  # megabytes; what is asked for without ever being used counts


def run(rounds: int, events: int = EVENTS, cap: int = CAP) -> list[dict[str, Any]]:
    """A row a number of events; `rounds` has no say.

    `input` and `log` are megabytes of the Parquet files and of the event log made of them;
    `megabytes` are the process' own at the peak, `ratio` theirs to the first row's, `with files`
    has pages of mapped files too; `cap` is how many megabytes the system granted.

    Args:
      rounds: not read.
      events: of the last row.
      cap: megabytes that the command may ask for.
    """
    rows, first = [], 0.0
    with TemporaryDirectory() as name:
        tables, log = Path(name) / "tables", Path(name) / "log"
        tables.mkdir()
        for count in (max(1000, events // TIMES_FEWER), events):
            written = write_events(tables, count)
            words = ["tfhrnn", "prepare", "--interactions", str(tables / "*.parquet")]
            spent = run_command([*words, "--keep-duplicates", "--out", str(log)], cap)
            rows.append(
                {
                    "what": f"{count:,} events",
                    "input": round(written),
                    "log": round(_size(log)),
                    "seconds": spent.seconds,
                    "a second": round(count / spent.seconds),
                    "megabytes": round(spent.megabytes),
                    "ratio": spent.megabytes / (first := first or spent.megabytes),
                    "with files": round(spent.with_files),
                    "cap": cap,
                }
            )
    return rows


def write_events(folder: Path, events: int, file_events: int = FILE_EVENTS) -> float:
    """Writes simulated events as the only tables of a folder.

    Args:
      folder: exists.
      events: of all files; each has users of its own, and the same items.
      file_events: of a file at most.

    Returns:
      Megabytes of the files.
    """
    import polars as pl

    from tfhrnn.data.simulate_bursts import simulate_bursts

    for old in folder.iterdir():
        old.unlink()
    first = 0
    for number, begin in enumerate(range(0, events, file_events)):
        count = min(file_events, events - begin)
        users = max(2, count // _EVENTS_A_USER)
        drawn = simulate_bursts(
            users=users, items=ITEMS, index_space=ITEMS, events=count, seed=number
        )
        drawn = drawn.with_columns(pl.col("user_id") + first)
        drawn.write_parquet(folder / f"{number:04}.parquet")
        first += users
    return _size(folder)


def _size(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.iterdir()) / 1e6
