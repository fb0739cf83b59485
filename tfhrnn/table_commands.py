"""The command that writes tables for other libraries: an event log's, or those of ranked lists."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from rich.console import Console

from tfhrnn.data.event_log import EventLog
from tfhrnn.data.files import save_table
from tfhrnn.datasets import to_recbole, to_rectools
from tfhrnn.errors import ConfigError, RunError

# What the command is for, and an example.
TABLES = (
    "write events or ranked lists as the tables of ranx, RecTools or RecBole",
    "tables --data data --format recbole --out dataset",
)
# Of what there are tables in each format.
FORMATS = {"recbole": ("data",), "rectools": ("data", "lists"), "ranx": ("lists",)}


def add_table_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `tables`."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", metavar="DIR", help="an event log: its events and features")
    source.add_argument(
        "--lists", metavar="FILE", help="ranked lists, as `evaluate --lists` writes them"
    )
    parser.add_argument(
        "--format",
        required=True,
        choices=sorted(FORMATS),
        help="recbole: atomic files; ranx: qrels and run; rectools: interactions, and of lists "
        "recommendations",
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="the folder to write")


def tables(arguments: argparse.Namespace, console: Console) -> dict[str, Any]:
    """Writes the tables and says where they are."""
    kind, out = arguments.format, Path(arguments.out)
    given = "lists" if arguments.data is None else "data"
    if given not in FORMATS[kind]:
        (expected,) = FORMATS[kind]
        raise ConfigError(f"--format {kind}: got --{given}, expected --{expected}")
    if given == "lists":
        from tfhrnn.evaluation.list_tables import write_list_tables

        files = write_list_tables(arguments.lists, out, kind)
    elif kind == "recbole":
        files = sorted(to_recbole(arguments.data, out).iterdir())
    else:
        files = [_rectools(arguments.data, out)]
    for file in files:
        console.print(file, highlight=False, soft_wrap=True)
    return {"files": [str(file) for file in files]}


def _rectools(data: str, out: Path) -> Path:
    if out.exists():
        raise RunError(f"{out}: got a path that exists, expected a new one")
    frame = to_rectools(EventLog.open(data))
    try:
        out.mkdir(parents=True)
    except OSError as error:
        raise RunError(f"{out}: could not be written: {error.strerror}") from error
    save_table(frame, out / "interactions.parquet")
    return out / "interactions.parquet"
