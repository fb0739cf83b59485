"""Options as text are typed by the signature that takes them, or refused in one line."""

from __future__ import annotations

from typing import Any

import pytest

from tfhrnn.errors import ConfigError
from tfhrnn.layers.options import parse_options


def build(
    units: int,
    *,
    heads: int = 2,
    share: float = 0.5,
    style: str = "a",
    fast: bool = True,
    seed: int | None = None,
    **kwargs: Any,
) -> None:
    """Takes one option of each type."""


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", {}),
        (" , ", {}),
        ("heads=4", {"heads": 4}),
        ("share=1, style=b c", {"share": 1.0, "style": "b c"}),
        ("fast=No,heads=-1", {"fast": False, "heads": -1}),
    ],
)
def test_values_take_the_type_of_the_default(text: str, wanted: dict[str, Any]) -> None:
    found = parse_options("tower x", build, text)
    assert found == wanted
    assert [type(value) for value in found.values()] == [type(v) for v in wanted.values()]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("heads", "tower x: got option 'heads', expected NAME=VALUE of: heads, share, style, fast"),
        ("width=3", "tower x: got option 'width=3', expected NAME=VALUE of: "),
        (
            "head=3",
            "tower x: got option 'head=3' (did you mean 'heads'?), expected NAME=VALUE of: h",
        ),
        ("units=3", "got option 'units=3'"),
        ("seed=3", "got option 'seed=3'"),
        ("heads=two", "tower x: heads: got 'two', expected a value like 2"),
        ("heads=2.5", "heads: got '2.5'"),
        ("fast=maybe", "fast: got 'maybe', expected a value like True"),
    ],
)
def test_what_cannot_be_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_options("tower x", build, text)
    assert message in str(caught.value)


def test_who_takes_none_says_so() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_options("loss full_softmax", lambda logits: None, "negatives=5")
    wanted = "loss full_softmax: got option 'negatives=5', but full_softmax takes none"
    assert str(caught.value) == wanted


def test_what_others_set_is_no_option() -> None:
    with pytest.raises(ConfigError, match="expected NAME=VALUE of: share, style, fast"):
        parse_options("tower x", build, "heads=3", taken=["heads"])
