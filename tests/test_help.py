"""Every `--help` ends with an example that the parser takes."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator

import pytest

import benchmarks.__main__
import serving.flags
import tuning.__main__
from tfhrnn import cli
from tfhrnn.experiments.registry import experiment_names

PARSERS = {
    "tfhrnn": cli.build_parser,
    "serving": serving.flags.build_parser,
    "benchmarks": benchmarks.__main__.build_parser,
    "tuning": tuning.__main__.build_parser,
}


def subparsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    found = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    return {name: one for action in found for name, one in action.choices.items()}


def helps() -> Iterator[tuple[str, str, str]]:
    """Program, command ("" for the program's own help) and the help's text."""
    for program, build in PARSERS.items():
        parser = build()
        yield program, "", parser.format_help()
        for name, one in subparsers(parser).items():
            yield program, name, one.format_help()


HELPS = {
    f"{program} {command}".strip(): (program, command, text) for program, command, text in helps()
}


@pytest.mark.parametrize("name", HELPS)
def test_help_ends_with_an_example_that_can_be_copied(name: str) -> None:
    program, command, text = HELPS[name]
    before, _, example = text.rstrip("\n").rpartition("\nexample: ")
    assert before and "\n" not in example, text  # a line of its own, however long
    words = shlex.split(example)
    assert words[:3] == ["python", "-m", program]
    assert not command or words[3] == command
    PARSERS[program]().parse_args(words[3:])  # leaves the process where it can't


@pytest.mark.parametrize("name", HELPS)
def test_every_argument_says_what_it_is(name: str) -> None:
    program, command, _ = HELPS[name]
    parser = PARSERS[program]()
    parser = subparsers(parser)[command] if command else parser
    named = (a for a in parser._actions if not isinstance(a, argparse._SubParsersAction))
    silent = [action.dest for action in named if not action.help]
    assert silent == []


def test_every_command_is_walked() -> None:
    commands = {command for program, command, _ in HELPS.values() if program == "tfhrnn"}
    assert {"", "quickstart", "train", "experiment", "tables"} <= commands
    assert len(commands) == 1 + len(subparsers(cli.build_parser()))


@pytest.mark.parametrize("name", ["all", "peers", *experiment_names()])
def test_every_experiment_is_one_of_the_command_s(name: str) -> None:
    assert cli.build_parser().parse_args(["experiment", name]).name == name
    assert name in HELPS["tfhrnn experiment"][2]
