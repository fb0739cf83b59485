"""Texts of the command line: what they mean, and that a bad one is shown."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfhrnn.arguments import id_list, name_value_pairs, number, split_rule, unix_seconds
from tfhrnn.cli import build_parser
from tfhrnn.data.split_rule import SplitRule
from tfhrnn.errors import ConfigError

NAMES = st.text(min_size=1, max_size=8).filter(lambda text: "=" not in text)


@given(st.lists(st.tuples(NAMES, st.text(max_size=8)), max_size=4))
def test_pairs_are_cut_at_the_first_equals_sign(pairs: list[tuple[str, str]]) -> None:
    # Values may hold further ones, or nothing at all.
    assert name_value_pairs([f"{name}={value}" for name, value in pairs], "--set") == pairs


@pytest.mark.parametrize("text", ["", "units", "=64", "="])
def test_a_pair_without_name_or_equals_sign_is_shown(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        name_value_pairs(["units=64", text], "--set")
    assert str(caught.value) == f"--set: got {text!r}, expected NAME=VALUE"


@given(st.lists(st.text(max_size=8), max_size=5))
def test_any_ids_can_be_written_as_a_json_list(ids: list[str]) -> None:
    assert id_list(json.dumps(ids), "--history") == ids
    assert id_list("  " + json.dumps(ids, ensure_ascii=False), "--history") == ids


@given(st.lists(st.text(min_size=1, max_size=8).filter(lambda text: "," not in text)))
def test_ids_without_commas_can_be_written_with_commas_between(ids: list[str]) -> None:
    text = ",".join(ids)
    if not text.lstrip().startswith("["):
        assert id_list(text, "--history") == ids


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("view,,buy,", ["view", "", "buy", ""]),
        ("", []),
        ('["a, b", null, ""]', ["a, b", "", ""]),
        (",", ["", ""]),
    ],
)
def test_blanks_stay_where_they_mean_something(text: str, expected: list[str]) -> None:
    assert id_list(text, "--event-types", blanks=True) == expected


@pytest.mark.parametrize("text", ["[", '["a" "b"]', "[/b],[bold]", "[a]"])
def test_a_broken_json_list_is_shown(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        id_list(text, "--history")
    assert str(caught.value).startswith(f"--history: got {text!r}, expected a JSON list: ")


@given(st.integers(-(2**63), 2**63 - 1))
def test_times_are_whole_seconds_of_64_bits(seconds: int) -> None:
    assert unix_seconds(str(seconds)) == seconds


@pytest.mark.parametrize("text", ["", "x", "1.5", str(2**63), "9" * 40, "nan"])
def test_a_time_that_is_none_is_shown(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        unix_seconds(text)
    assert str(caught.value) == f"--times: got {text!r}, expected Unix seconds"


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_read_as_they_are_written_and_blanks_are_unknown(value: float) -> None:
    assert number(repr(value), "--feedback") == value
    assert number("", "--feedback") is None and number(" ", "--feedback") is None


@pytest.mark.parametrize("text", ["x", "nan", "inf", "1,5"])
def test_a_number_that_is_none_is_shown(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        number(text, "--feedback")
    expected = "expected a number, or nothing where unknown"
    assert str(caught.value) == f"--feedback: got {text!r}, {expected}"


def asked(*words: str) -> SplitRule | None:
    return split_rule(build_parser().parse_args(["train", "--data", "d", "--out", "o", *words]))


def test_a_split_is_asked_for_by_name_with_a_share_or_a_point() -> None:
    assert asked() is None
    assert asked("--split", "users") == SplitRule()
    assert asked("--split", "leave-one-out") == SplitRule("leave-one-out")
    assert asked("--split", "last", "--split-share", "0.2") == SplitRule("last", 0.2)
    for text, seconds in {
        "891234567": 891_234_567,
        "1970-01-02": 86_400,
        "1970-01-01T02:00:01+02:00": 1,
    }.items():
        rule = asked("--split", "time", "--split-point", text)
        assert rule == SplitRule("time", point=seconds)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--split-share", "0.1"], "--split-share: got no --split beside it"),
        (["--split-point", "5"], "--split-point: got no --split beside it"),
        (["--split", "time", "--split-point", "May"], "--split-point: got 'May', expected Unix"),
        (["--split", "users", "--split-share", "0.1"], "which takes none"),
    ],
)
def test_splits_that_cannot_be_asked_for(words: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        asked(*words)
