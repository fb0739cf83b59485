"""The option `--log` of the commands that train."""

from __future__ import annotations

import argparse
import dataclasses
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

from tfhrnn.run_folder import RunFolder

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
    arguments: argparse.Namespace, *, chief: bool = True
) -> AbstractContextManager[list[Any]]:
    """Callbacks for what was asked for, open as long as the block; see `metric_logs.logged`.

    The run's folder remembers the runs of others' libraries, so that `--resume` goes on with them.

    Args:
      arguments: with `log`, `resume` and `out`, the run's folder, whose settings are noted.
      chief: of several workers only the chief logs, as only it writes the run.
    """
    if not (arguments.log and chief):
        return nullcontext([])
    from tfhrnn.metric_logs import logged

    run = RunFolder(arguments.out)
    name = run.path.resolve().name
    return logged(
        arguments.log,
        run=name,
        settings=lambda: dataclasses.asdict(run.config),
        known=run.tracker_ids if arguments.resume else {},
        note=run.note_tracker,
    )
