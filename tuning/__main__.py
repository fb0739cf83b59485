"""`python -m tuning`: the command line of a search."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from tfhrnn.arguments import add_split_arguments, json_target, name_value_pairs, split_rule
from tfhrnn.config import PRESETS
from tfhrnn.data.files import whole_file
from tfhrnn.data.split_rule import SplitRule
from tfhrnn.shell import Parser, exit_code
from tfhrnn.startup import start_tensorflow

_EXAMPLES = """\
The same command goes on with a search that was stopped; a larger --max_trials adds trials to it.
Further examples:
  python -m tuning --data data --only units,layers,learning_rate --fix epochs=8 --out small
  python -m tuning --data data --search tower=gru,lstm --search "learning_rate=1e-3..1e-2" \\
      --search "thresholds=60,3600,86400;1800;proposed:4" --out tuned

example: python -m tuning --data data --tuner hyperband --max_trials 30 --out tuned
"""


def build_parser() -> argparse.ArgumentParser:
    """The arguments."""
    parser = Parser(
        prog="python -m tuning",
        description="Search settings of model, training and data by keras-tuner's oracles, train "
        "the best anew on training and validation users, judge it on the test users and export it.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", required=True, metavar="DIR", help="an event log")
    parser.add_argument("--out", required=True, metavar="DIR", help="the search's folder")
    parser.add_argument(
        "--tuner", default="random", help="random, bayesian or hyperband (default random)"
    )
    parser.add_argument(
        *("--max_trials", "--max-trials"),
        type=int,
        default=20,
        metavar="N",
        help="default 20; a trial that hyperband promotes counts as a new one",
    )
    parser.add_argument(
        "--objective",
        default="val_perplexity",
        help="val_perplexity (default), val_ndcg, or val_rmse of a ranking head",
    )
    parser.add_argument(
        "--preset",
        default="best",
        choices=sorted(PRESETS),
        help="where the search begins: the first trial (default best)",
    )
    parser.add_argument(
        "--fix",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="a setting of every trial, which is not searched; `python -m tfhrnn list` tells them",
    )
    parser.add_argument(
        "--search",
        metavar="NAME=VALUES",
        action="append",
        default=[],
        help="values of a setting, a,b,c or LOW..HIGH, instead of the usual ones or beside the "
        "usual settings; semicolons where values hold commas",
    )
    parser.add_argument(
        "--only", metavar="NAME,...", help="search these of the usual settings alone"
    )
    parser.add_argument("--epochs", type=int, help="of each trial (default: the preset's)")
    parser.add_argument(
        "--seed", type=int, default=0, help="of the search and of each training (default 0)"
    )
    parser.add_argument(
        "--search-only", action="store_true", help="do not train the best anew, judge or export it"
    )
    parser.add_argument(
        "--in-process",
        action="store_true",
        help="train in this process: quicker to start with tiny trials, but memory grows",
    )
    parser.add_argument("--json", metavar="FILE", help="write the result as JSON")
    add_split_arguments(parser)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a search.

    Args:
      arguments: by default those of the process.

    Returns:
      The exit code: 0, 2 for bad input, 130 for Ctrl-C.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    parsed = build_parser().parse_args(arguments)
    return exit_code("tuning", lambda: _run(parsed), "; the same command goes on")


def _run(parsed: argparse.Namespace) -> None:
    target = None if parsed.json is None else json_target(parsed.json)
    fix: dict[str, Any] = dict(name_value_pairs(parsed.fix, "--fix"))
    if parsed.epochs is not None:
        fix["epochs"] = parsed.epochs
    rule = split_rule(parsed) or SplitRule()
    start_tensorflow(_import)
    from tuning.asked import Asked, role_of
    from tuning.narrowing import searched_names
    from tuning.progress import Progress, print_found
    from tuning.search import run_search

    asked = Asked(
        data=parsed.data,
        tuner=parsed.tuner,
        max_trials=parsed.max_trials,
        objective=parsed.objective,
        preset=parsed.preset,
        fix=fix,
        search=parsed.search,
        only=None if parsed.only is None else searched_names(parsed.only),
        seed=parsed.seed,
        split=rule,
        split_seed=parsed.split_seed,
        retrain=not parsed.search_only,
        in_process=parsed.in_process,
    )
    console = Console(markup=False, emoji=False)
    if role_of(os.environ) == "chief":
        console.print("chief: hands trials out to workers, and waits for them", highlight=False)
    with Progress(console, asked.objective, asked.max_trials) as progress:
        found = run_search(asked, Path(parsed.out), progress)
    if found is None:
        console.print(f"this worker trained {progress.ended} trials; the chief has the results")
        return
    print_found(found, console)
    if target is not None:
        with whole_file(target) as temporary:
            text = (found.out / "results.json").read_text(encoding="utf-8")
            temporary.write_text(text, encoding="utf-8")


def _import() -> None:
    import keras_tuner  # noqa: F401  (which loads TensorFlow, and its chatter, too)


if __name__ == "__main__":
    sys.exit(main())
