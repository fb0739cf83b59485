"""Texts of the command line: what they mean, and that a bad one is shown."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfhrnn.arguments import id_list, name_value_pairs, number, unix_seconds
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
