"""`--search` and `--only` as text."""

from __future__ import annotations

from typing import Any

import pytest

from tfhrnn.errors import ConfigError
from tuning.narrowing import dimensions, searched_names
from tuning.space import SAMPLED_LOSSES, Choice, Range


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("units=64,128,64", Choice("units", (64, 128))),
        ("tied=true,no", Choice("tied", (True, False))),
        ("tower=gru,lstm", Choice("tower", ("gru", "lstm"))),
        ("output_dropout=0,.5", Choice("output_dropout", (0.0, 0.5))),
        ("thresholds=60,3600;1800", Choice("thresholds", ("60,3600", "1800"))),
        ("thresholds=60,3600", Choice("thresholds", ("60,3600",))),
        ("thresholds=proposed:4;", Choice("thresholds", ("proposed:4",))),
        ("tower_options=;a=1,b=2", Choice("tower_options", ("", "a=1,b=2"))),
        ("learning_rate=1e-3..1e-2", Range("learning_rate", 1e-3, 1e-2, log=True)),
        ("learning_rate=1e-3..5e-3", Range("learning_rate", 1e-3, 5e-3)),
        ("output_dropout=0..0.5", Range("output_dropout", 0.0, 0.5)),
        ("units=16..256", Range("units", 16, 256, log=True, whole=True)),
    ],
)
def test_texts_become_dimensions(text: str, expected: Any) -> None:
    (found,) = dimensions([text])
    assert found == expected
    if isinstance(expected, Choice):
        kinds = [type(value) for value in expected.values]
        assert isinstance(found, Choice) and [type(v) for v in found.values] == kinds


def test_the_options_of_a_loss_keep_their_condition() -> None:
    (found,) = dimensions(["negatives=8,16"])
    assert found == Choice("negatives", (8, 16), when=("loss", SAMPLED_LOSSES))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("unit=64", r"--search: no setting named 'unit' \(did you mean 'units'\?\)"),
        ("units", "--search: got 'units', expected NAME=VALUE"),
        ("units=64,many", "--search units: got 'many', expected a whole number"),
        ("tied=perhaps", "--search tied: got 'perhaps', expected true or false"),
        ("learning_rate=nan", "--search learning_rate: got 'nan', expected a number"),
        ("tower=gur", "--search tower: got 'gur', expected one of gru, lstm"),
        ("learning_rate=.1..0.01", r"got '.1..0.01', expected LOW..HIGH, the first smaller"),
        ("epochs=1,2", r"--search epochs: got '1,2', expected one number of epochs"),
        ("watch=ndcg", r"expected the objective \(--objective\)"),
    ],
)
def test_bad_texts_say_what_was_expected(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        dimensions([text])


def test_only_takes_names_of_the_space() -> None:
    assert searched_names("units, layers") == ["units", "layers"]
    with pytest.raises(ConfigError, match=r"--only: got 'layer' \(did you mean 'layers'\?\)"):
        searched_names("layer")
