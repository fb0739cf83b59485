"""`python -m benchmarks NAME [--json FILE]`."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

NAMES = (
    "epoch",
    "memory",
    "prepare",
    "recommend_all",
    "serving",
    "softmax",
    "state",
    "top_k",
    "towers",
    "tuning",
)
_SIZES = {"minutes": "serving", "events": "prepare", "users": "recommend_all"}  # of which


def build_parser() -> argparse.ArgumentParser:
    """The arguments."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measures speed or memory, as ratios in one run.",
        epilog="example: python -m benchmarks softmax --rounds 3 --json softmax.json",
    )
    parser.add_argument("name", choices=NAMES, help="what is measured")
    parser.add_argument("--rounds", type=int, default=5, help="timed rounds of each (default 5)")
    parser.add_argument("--minutes", type=float, help="of serving's soak (default 1)")
    parser.add_argument("--events", type=int, help="of prepare (default 50 million, and a tenth)")
    parser.add_argument("--users", type=int, help="of recommend_all (default 200,000, and a 40th)")
    parser.add_argument("--json", metavar="FILE", help="write the rows as JSON")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Runs one benchmark and prints its rows."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    parser = build_parser()
    parsed = parser.parse_args(arguments)
    sizes = {name: size for name in _SIZES if (size := getattr(parsed, name)) is not None}
    for size in sizes:
        if parsed.name != _SIZES[size]:
            parser.error(f"--{size}: got it for {parsed.name}, expected {_SIZES[size]}")
    module = importlib.import_module(f"benchmarks.{parsed.name}")
    rows = module.run(parsed.rounds, **sizes)
    table = Table(title=parsed.name)
    for column in rows[0]:
        table.add_column(column, justify="left" if column == "what" else "right")
    for row in rows:
        table.add_row(*(f"{v:.3g}" if isinstance(v, float) else str(v) for v in row.values()))
    Console().print(table)
    if parsed.json:
        Path(parsed.json).write_text(json.dumps(rows, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
