"""The option `--log` of the commands that train."""

from __future__ import annotations

import argparse
import dataclasses
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Final

LOG_NAMES: Final = ("mlflow", "wandb")  # `metric_logs.TRACKERS`, known before TensorFlow is loaded


def add_log_option(parser: argparse.ArgumentParser) -> None:
    """Adds the option, which may be given several times."""
    parser.add_argument(
        "--log",
        choices=LOG_NAMES,
        action="append",
        default=[],
        help="log metrics there too; metrics.csv and TensorBoard's events in the run always are",
    )


def log_callbacks(
    arguments: argparse.Namespace, recommender: Any
) -> AbstractContextManager[list[Any]]:
    """Callbacks for what was asked for, open as long as the block; see `metric_logs.logged`.

    Args:
      arguments: with `log` and `out`.
      recommender: whose settings are noted when training begins.
    """
    if not arguments.log:
        return nullcontext([])
    from tfhrnn.metric_logs import logged

    run = Path(arguments.out).name
    return logged(arguments.log, run=run, settings=lambda: dataclasses.asdict(recommender.config))
