"""The commands that put two systems beside each other on the same targets."""

from __future__ import annotations

import argparse
from typing import Any

from rich.console import Console

from tfhrnn.errors import ConfigError
from tfhrnn.evaluation.detail_tables import print_comparison
from tfhrnn.run_folder import RunFolder
from tfhrnn.startup import start_tensorflow


def compare(arguments: argparse.Namespace, console: Console) -> dict[str, Any]:
    """Two trained runs."""
    if len(arguments.run) != 2:
        raise ConfigError(f"--run: got {len(arguments.run)}, expected two to compare")
    _check_draws(arguments)
    for path in arguments.run:
        RunFolder(path).require()
    start_tensorflow()
    from tfhrnn.experiments.peers import compare_runs

    found = compare_runs(
        *arguments.run, data=arguments.data, samples=arguments.samples, seed=arguments.draw_seed
    )
    print_comparison(found, console)
    return found


def peers(arguments: argparse.Namespace, console: Console) -> dict[str, Any]:
    """A trained run and another system's ranked lists."""
    for option in ("run", "lists"):
        if getattr(arguments, option) is None:
            raise ConfigError(f"--{option}: got none, expected one beside peers")
    _check_draws(arguments)
    RunFolder(arguments.run).require()
    start_tensorflow()
    from tfhrnn.experiments.peers import compare_with_lists

    found = compare_with_lists(
        arguments.run,
        arguments.lists,
        stated_hash=arguments.protocol,
        data=arguments.data,
        samples=arguments.samples,
        seed=arguments.draw_seed,
    )
    print_comparison(found, console)
    return found


def _check_draws(arguments: argparse.Namespace) -> None:
    """Refuses numbers of draws of which no interval can be read, and seeds that can't be."""
    if arguments.samples < 100:
        raise ConfigError(f"--samples: got {arguments.samples}, expected 100 or more")
    if arguments.draw_seed < 0:
        raise ConfigError(f"--draw-seed: got {arguments.draw_seed}, expected 0 or more")
