"""The arguments of the commands that make event logs: what is taken together, and defaults."""

from __future__ import annotations

import argparse
from typing import Any

import pytest

from tfhrnn.data.columns import ALIASES
from tfhrnn.data_arguments import add_data_commands, reading_arguments

COMMANDS = ("prepare", "propose-thresholds", "diagnose", "history", "export-examples")


def parser() -> tuple[argparse.ArgumentParser, dict[str, tuple[str, str]]]:
    """A parser of the commands, and each one's help and example."""
    whole = argparse.ArgumentParser()
    commands = whole.add_subparsers(dest="command")
    told: dict[str, tuple[str, str]] = {}

    def command(name: str, text: str, example: str) -> argparse.ArgumentParser:
        told[name] = text, example
        return commands.add_parser(name, help=text)

    add_data_commands(command)
    return whole, told


def parsed(*words: str) -> dict[str, Any]:
    return vars(parser()[0].parse_args(words))


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as left:
        parsed(*words)
    assert left.value.code == 2
    return capsys.readouterr().err


def test_every_command_has_an_example_that_it_understands() -> None:
    whole, told = parser()
    assert tuple(told) == COMMANDS
    for name, (_, example) in told.items():
        found = whole.parse_args(
            example.split() if name != "diagnose" else ["diagnose", "--data=d"]
        )
        assert found.command == name and example.startswith(f"{name} ")


def test_what_is_left_out_of_a_preparation() -> None:
    found = parsed("prepare", "--interactions", "r.csv", "--out", "data")
    assert found["source"] == "auto" and not found["keep_duplicates"]
    assert found["event_weights"] == found["event_thresholds"] == found["map"] == []
    for name in ("items", "users", "item_features", "thresholds", "timestamp_unit", "event_types"):
        assert found[name] is None, name


def test_lists_may_be_given_at_once_or_bit_by_bit() -> None:
    base = ("prepare", "--interactions", "r.csv", "--out", "d")
    features = ["tags:multi-hot", "name:text"]
    whole = parsed(*base, "--item-features", *features, "--map", "user_id=who", "item_id=what")
    bits = parsed(
        *base,
        *("--item-features", features[0], "--item-features", features[1]),
        *("--map", "user_id=who", "--map", "item_id=what"),
    )
    assert whole == bits and whole["item_features"] == features
    rules = parsed(*base, "--event-weights", "a=1", "b=0", "--event-thresholds", "4")
    assert rules["event_weights"] == ["a=1", "b=0"] and rules["event_thresholds"] == ["4"]
    # A list of one command is not the next one's default.
    assert parsed(*base)["map"] == []


def test_a_preparation_has_one_source(capsys: pytest.CaptureFixture[str]) -> None:
    assert "one of the arguments" in refused(capsys, "prepare", "--out", "d")
    error = refused(
        capsys, "prepare", "--interactions", "r.csv", "--movielens", "ml-1m", "--out", "d"
    )
    assert "not allowed with argument --interactions" in error
    assert parsed("prepare", "--dataset", "ml-1m", "--out", "d")["movielens"] == "ml-1m"
    assert parsed("prepare", "--examples", "e", "--out", "d")["examples"] == "e"


@pytest.mark.parametrize("name", ["propose-thresholds", "diagnose", "export-examples"])
def test_the_others_need_an_event_log(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "required: --data" in refused(capsys, name)


def test_what_the_others_write_and_count() -> None:
    found = parsed("propose-thresholds", "--data", "d")
    assert (found["levels"], found["out"]) == (4, "gaps.png")
    assert parsed("diagnose", "--data", "d")["out"] == "diagnosis.html"
    found = parsed("export-examples", "--data", "d", "--out", "e", "--files", "3")
    assert found["files"] == 3
    assert parsed("export-examples", "--data", "d", "--out", "e")["files"] is None


def test_numbers_and_units_that_are_none_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    error = refused(capsys, "propose-thresholds", "--data", "d", "--levels", "many")
    assert "argument --levels: invalid int value: 'many'" in error
    base = ("prepare", "--interactions", "r.csv", "--out", "d")
    assert "invalid choice: 'us'" in refused(capsys, *base, "--timestamp-unit", "us")


def test_roles_of_a_table_are_told_in_the_help() -> None:
    alone = argparse.ArgumentParser()
    reading_arguments(alone)
    text = " ".join(alone.format_help().split())
    for role in ALIASES["interactions"]:
        assert role in text
    assert set(vars(alone.parse_args([]))) == {
        *("map", "timestamp_unit", "separator", "keep_duplicates")
    }
