"""The arguments of the commands that ask a trained model."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from tfhrnn.config import RETRIEVAL_NAMES


def add_asking_commands(command: Callable[[str, str, str], argparse.ArgumentParser]) -> None:
    """Adds `recommend`, `recommend-all`, `rank` and `similar`.

    Args:
      command: makes a command of a name, a line of help and an example.
    """
    recommend = command(
        "recommend",
        "the best next items for a history",
        "recommend --run run --history 1,32,47 --gap 3600 -k 10",
    )
    recommend.add_argument("--run", required=True, metavar="DIR", help="a trained run")
    _history_arguments(recommend)
    recommend.add_argument("-k", type=int, default=10, help="how many items (default 10)")
    _wanted_arguments(recommend)
    recommend.add_argument(
        "--rerank",
        type=int,
        metavar="N",
        help="retrieve N, return the k of the highest predicted feedback",
    )

    everyone = command(
        "recommend-all",
        "the best next items for all users of an event log, or for those of a list, as Parquet; "
        "the same command goes on where it was stopped",
        "recommend-all --run run --users all -k 25 --out recs.parquet",
    )
    everyone.set_defaults(further="; the same command goes on")
    everyone.add_argument("--run", required=True, metavar="DIR", help="a trained run")
    everyone.add_argument(
        "--data",
        metavar="DIR",
        help="an event log to read histories from, perhaps with newer events (left out: the one "
        "that the run was trained on)",
    )
    everyone.add_argument(
        "--users",
        default="all",
        metavar="FILE",
        help="all (default), a table with a column of user ids, or a .txt with an id a line; ids "
        "without events are answered as new users",
    )
    everyone.add_argument("--out", required=True, metavar="FILE", help="the Parquet file")
    everyone.add_argument(
        "-k", "--k", type=int, default=25, metavar="K", help="how many items each (default 25)"
    )
    _when_arguments(everyone)
    _wanted_arguments(everyone)
    everyone.add_argument(
        "--retrieval", default="exact", choices=RETRIEVAL_NAMES, help="as in export (default exact)"
    )

    rank = command(
        "rank",
        "given items for a history, by predicted feedback or by log-probability",
        "rank --run run --history 1,32,47 --items 50,181,7 --gap 3600",
    )
    rank.add_argument("--run", required=True, metavar="DIR", help="a trained run")
    _history_arguments(rank)
    rank.add_argument("--items", required=True, help="item ids to rank, as --history")

    similar = command(
        "similar", "the items most similar to some", "similar --run run --items 50,181 -k 5"
    )
    similar.add_argument("--run", required=True, metavar="DIR", help="a trained run")
    similar.add_argument("--items", required=True, help="item ids: a,b,c, or a JSON list")
    similar.add_argument("-k", type=int, default=10, help="how many of each (default 10)")


def _history_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--history",
        default="",
        help="item ids, oldest first: a,b,c, or a JSON list for ids with commas",
    )
    parser.add_argument(
        "--times", help="their Unix seconds, likewise; left out: the data's median gap apart"
    )
    parser.add_argument(
        "--feedback",
        help="the history's feedback, likewise, an empty one unknown: 4,,2.5 (left out: unknown)",
    )
    parser.add_argument(
        "--event-types",
        help="types of the history's events, likewise, an empty one unknown: click,,purchase",
    )
    parser.add_argument(
        "--user", metavar="NAME=VALUE", action="append", default=[], help="a user feature"
    )
    _when_arguments(parser)


def _when_arguments(parser: argparse.ArgumentParser) -> None:
    when = parser.add_mutually_exclusive_group()
    when.add_argument("--gap", type=int, help="seconds since the last event (default 0)")
    when.add_argument("--query-time", type=int, help="Unix seconds of the query")


def _wanted_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--exclude-seen", action="store_true", help="leave out items of the history"
    )
    parser.add_argument("--allow", help="the only item ids to recommend, as --history")
    parser.add_argument("--deny", default="", help="item ids not to recommend, likewise")
    parser.add_argument(
        "--exploration",
        type=float,
        default=0.0,
        metavar="W",
        help="choose by log-probability plus W times Gumbel noise (default 0)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of that noise (default 0)")
    parser.add_argument(
        "--cold-items",
        metavar="FILE",
        help="table of items in no catalogue, with their features, that compete with the others",
    )
    parser.add_argument(
        "--filter",
        metavar="EXPRESSION",
        help="which items may come, in Amazon Personalize's words, such as 'INCLUDE ItemID WHERE "
        'Items.genres IN ("Drama", $GENRE) | EXCLUDE ItemID WHERE Items.year < 1990\'',
    )
    parser.add_argument(
        "--filter-value",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="of a $NAME in the filter or promotion, several times for several values",
    )
    parser.add_argument(
        "--promotion",
        metavar="EXPRESSION",
        help="the items that --percent-promoted-items is about, as --filter",
    )
    parser.add_argument(
        "--percent-promoted-items",
        type=int,
        default=0,
        metavar="PERCENT",
        help="of the places for items of the promotion, spread evenly (default 0)",
    )
    add_rule_arguments(parser)


def add_rule_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what an export decides for all of its answers, and a question for its own."""
    parser.add_argument(
        "--ranking-influence",
        metavar="FACTOR=W",
        action="append",
        default=[],
        help="POPULARITY or FRESHNESS, 0 to 1 (default 0): choose by log-probability plus W times "
        "the log share of events, or less W times log(1 + age in days)",
    )
    parser.add_argument(
        "--exploration-item-age-cut-off",
        type=float,
        metavar="DAYS",
        help="only items of that age or younger explore (left out: all)",
    )
