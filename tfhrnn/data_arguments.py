"""The commands that make, look at and hand on event logs: their arguments."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from tfhrnn.data.columns import ALIASES


def add_data_commands(command: Callable[[str, str, str], argparse.ArgumentParser]) -> None:
    """Adds the commands.

    Args:
      command: from a name, a line of help and an example to a new parser.
    """
    prepare = command(
        "prepare",
        "encode a table of interactions, with item and user tables, as an event log",
        "prepare --interactions ratings.csv --items movies.csv "
        "--item-features genres:multi-hot --out data",
    )
    source = prepare.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--interactions",
        metavar="FILE",
        help="CSV or Parquet, or several as one by a pattern in quotes: 'logs/part-*.parquet'",
    )
    source.add_argument(
        "--movielens",
        "--dataset",
        metavar="NAME",
        help="ml-100k, ml-1m, ml-20m, ml-25m, ml-latest-small, or as TensorFlow Datasets has it, "
        "movielens/100k-ratings, instead of a table",
    )
    source.add_argument(
        "--examples",
        metavar="DIR",
        help="TFRecord files of tf.train.Example, as export-examples writes them, or a pattern",
    )
    prepare.add_argument("--source", default="auto", help="where --movielens comes from")
    prepare.add_argument("--items", metavar="FILE", help="item table")
    prepare.add_argument("--users", metavar="FILE", help="user table")
    prepare.add_argument(
        "--item-features",
        metavar="NAME:KIND",
        nargs="+",
        action="extend",
        help="columns of the item table, several separated by spaces, such as tags:multi-hot "
        "name:text; KIND is multi-hot, categorical, numeric, text or text:BUCKETS; without "
        "this option, columns and kinds are chosen by content",
    )
    prepare.add_argument(
        "--user-features",
        metavar="NAME:KIND",
        nargs="+",
        action="extend",
        help="likewise of the user table",
    )
    reading_arguments(prepare)
    _rule_arguments(prepare)
    prepare.add_argument(
        "--thresholds",
        metavar="SECONDS",
        help="lower bounds of the gap levels, such as 60,3600,86400",
    )
    prepare.add_argument(
        "--name",
        help="of the data set, for titles of pages and files (default: that of the file, of what "
        "stands before the * of a pattern, or of --movielens)",
    )
    prepare.add_argument("--out", required=True, metavar="DIR", help="the event log's folder")

    thresholds = command(
        "propose-thresholds",
        "read session thresholds off the gaps of an event log and draw their histogram",
        "propose-thresholds --data data --out gaps.png",
    )
    thresholds.add_argument("--data", required=True, metavar="DIR", help="an event log")
    thresholds.add_argument("--levels", type=int, default=4, help="gap levels wanted (default 4)")
    thresholds.add_argument(
        "--out", default="gaps.png", metavar="FILE", help="the histogram (.png, .svg, .pdf)"
    )

    diagnosis = command(
        "diagnose",
        "what the data say before a model is chosen, with advice: gaps, sessions, repeats, drift, "
        "and how fast popularity ages",
        "diagnose --data data --out report.html --json report.json",
    )
    diagnosis.add_argument("--data", required=True, metavar="DIR", help="an event log")
    diagnosis.add_argument(
        "--out", default="diagnosis.html", metavar="FILE", help="the page (default diagnosis.html)"
    )

    history = command(
        "history",
        "a user's events as a model reads them, and as recommend, rank and REST take them",
        "history --data data --user 32 --last 20",
    )
    history.add_argument("--data", required=True, metavar="DIR", help="an event log")
    history.add_argument("--user", required=True, metavar="ID", help="whose events")
    history.add_argument(
        "--last", type=int, metavar="N", help="only the last N events (left out: all)"
    )

    examples = command(
        "export-examples",
        "write an event log as TFRecord files of tf.train.Example, to train elsewhere; "
        "prepare --examples reads them back",
        "export-examples --data data --out examples",
    )
    examples.add_argument("--data", required=True, metavar="DIR", help="an event log")
    examples.add_argument("--out", required=True, metavar="DIR", help="the files' folder")
    examples.add_argument(
        "--files", type=int, metavar="N", help="of events (default: one for 2 million events)"
    )


def _rule_arguments(parser: argparse.ArgumentParser) -> None:
    """Which rows become events, by type."""
    rules = parser.add_argument_group(
        "types of events", "Personalize's eventType, weight and eventValueThreshold; kept by update"
    )
    rules.add_argument(
        "--event-types",
        metavar="TYPE",
        nargs="+",
        help="the only types to take; others are no events",
    )
    rules.add_argument(
        "--event-weights",
        metavar="TYPE=WEIGHT",
        nargs="+",
        action="extend",
        default=[],
        help="what events count as targets, such as view=0.2 purchase=1; with 0 only history",
    )
    rules.add_argument(
        "--event-thresholds",
        metavar="[TYPE=]VALUE",
        nargs="+",
        action="extend",
        default=[],
        help="the least feedback of a type, such as watch=0.5, or of all others: 4",
    )


def reading_arguments(parser: argparse.ArgumentParser) -> None:
    """How a table of interactions is read."""
    parser.add_argument(
        "--map",
        metavar="ROLE=COLUMN",
        nargs="+",
        action="extend",
        default=[],
        help="such as user_id=who feedback=price; roles: " + ", ".join(ALIASES["interactions"]),
    )
    parser.add_argument(
        "--timestamp-unit", choices=["s", "ms", "iso"], help="left out: inferred and said"
    )
    parser.add_argument("--separator", help="of the interactions as CSV")
    parser.add_argument(
        "--keep-duplicates", action="store_true", help="keep rows that are wholly alike"
    )
