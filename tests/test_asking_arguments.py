"""The arguments of the commands that ask a model: defaults, and what excludes what."""

from __future__ import annotations

import argparse
import shlex
from typing import Any

import pytest

from tfhrnn.asking_arguments import add_asking_commands, add_rule_arguments
from tfhrnn.config import RETRIEVAL_NAMES

EXAMPLES: dict[str, str] = {}
ASK = {
    "recommend": ("recommend", "--run", "run"),
    "recommend-all": ("recommend-all", "--run", "run", "--out", "r.parquet"),
    "rank": ("rank", "--run", "run", "--items", "1,2"),
    "similar": ("similar", "--run", "run", "--items", "1,2"),
}


def parser() -> argparse.ArgumentParser:
    whole = argparse.ArgumentParser()
    commands = whole.add_subparsers(dest="command")

    def command(name: str, text: str, example: str) -> argparse.ArgumentParser:
        EXAMPLES[name] = example
        return commands.add_parser(name, help=text)

    add_asking_commands(command)
    return whole


def parsed(*words: str) -> dict[str, Any]:
    return vars(parser().parse_args(words))


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as left:
        parsed(*words)
    assert left.value.code == 2
    return capsys.readouterr().err


def test_every_command_has_an_example_that_it_understands() -> None:
    whole = parser()
    assert set(EXAMPLES) == set(ASK)
    for name, example in EXAMPLES.items():
        assert whole.parse_args(shlex.split(example)).command == name


@pytest.mark.parametrize("name", ASK)
def test_each_needs_a_run(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = [word for word in ASK[name] if word not in ("--run", "run")]
    assert "required: --run" in refused(capsys, *words)


def test_what_is_left_out_asks_for_ten_items_of_nobody() -> None:
    found = parsed(*ASK["recommend"])
    assert (found["history"], found["k"], found["deny"], found["seed"]) == ("", 10, "", 0)
    assert (found["exploration"], found["percent_promoted_items"]) == (0.0, 0)
    assert found["user"] == found["filter_value"] == found["ranking_influence"] == []
    assert found["exclude_seen"] is False
    for name in ("times", "feedback", "event_types", "gap", "query_time", "allow", "cold_items"):
        assert found[name] is None, name
    for name in ("filter", "promotion", "rerank", "exploration_item_age_cut_off"):
        assert found[name] is None, name


def test_all_users_are_asked_for_25_items_out_of_everything() -> None:
    found = parsed(*ASK["recommend-all"])
    assert (found["users"], found["k"], found["retrieval"]) == ("all", 25, "exact")
    assert found["data"] is None and found["further"] == "; the same command goes on"
    assert parsed(*ASK["recommend-all"], "--k", "7")["k"] == 7
    assert parsed(*ASK["recommend-all"], "-k", "7")["k"] == 7


@pytest.mark.parametrize("way", RETRIEVAL_NAMES)
def test_every_retrieval_may_be_asked_for(way: str) -> None:
    assert parsed(*ASK["recommend-all"], "--retrieval", way)["retrieval"] == way


def test_another_retrieval_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    error = refused(capsys, *ASK["recommend-all"], "--retrieval", "scann")
    assert "argument --retrieval: invalid choice: 'scann'" in error


@pytest.mark.parametrize("name", ["recommend", "recommend-all", "rank"])
def test_a_query_has_a_gap_or_a_time(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert parsed(*ASK[name], "--gap", "60")["gap"] == 60
    assert parsed(*ASK[name], "--query-time", "99")["query_time"] == 99
    error = refused(capsys, *ASK[name], "--gap", "60", "--query-time", "99")
    assert "not allowed with argument" in error


def test_what_may_be_given_several_times_is_collected() -> None:
    words = ("--user", "age=3", "--user", "group=a", "--filter-value", "G=x", "--filter-value=G=y")
    found = parsed(*ASK["recommend"], *words)
    assert found["user"] == ["age=3", "group=a"] and found["filter_value"] == ["G=x", "G=y"]
    assert parsed(*ASK["recommend"])["user"] == []  # the default stays empty


@pytest.mark.parametrize("name", ["rank", "similar"])
def test_who_ranks_or_compares_names_items(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "required: --items" in refused(capsys, name, "--run", "run")


@pytest.mark.parametrize(
    ("option", "value", "kind"),
    [("-k", "ten", "int"), ("--exploration", "much", "float"), ("--gap", "1.5", "int")],
)
def test_numbers_that_are_none_are_refused(
    option: str, value: str, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    error = refused(capsys, *ASK["recommend"], option, value)
    assert f"argument {option}: invalid {kind} value: '{value}'" in error


def test_rules_are_those_of_an_export_too() -> None:
    alone = argparse.ArgumentParser()
    add_rule_arguments(alone)
    words = ["--ranking-influence", "POPULARITY=0.5", "--ranking-influence", "FRESHNESS=1"]
    found = vars(alone.parse_args([*words, "--exploration-item-age-cut-off", "2.5"]))
    assert found == {
        "ranking_influence": ["POPULARITY=0.5", "FRESHNESS=1"],
        "exploration_item_age_cut_off": 2.5,
    }
