"""A search space as the command line narrows it: `--fix`, `--search` and `--only`.

units=64,128              a choice
learning_rate=1e-3..1e-2  a range, even in the logarithm from a factor of 10 on
thresholds=60,3600;1800;proposed:4    semicolons where values hold commas
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, get_args, get_origin, get_type_hints

from tfhrnn.arguments import name_value_pairs
from tfhrnn.config import ModelConfig, TrainingConfig
from tfhrnn.errors import ConfigError, did_you_mean
from tuning.space import LOSS_OPTIONS, SPACE, Choice, Dimension, Range, Value

_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_KINDS: dict[str, Any] = {
    **get_type_hints(ModelConfig),
    **get_type_hints(TrainingConfig),
    **dict(zip(LOSS_OPTIONS, (int, str), strict=True)),
}
# The search decides these itself.
OWN: Final = {
    "epochs": "one number of epochs (--epochs)",
    "seed": "one seed (--seed)",
    "watch": "the objective (--objective)",
    "train_on_validation": "it left alone: the best is trained so at last",
}


def dimensions(texts: Sequence[str]) -> list[Dimension]:
    """What `--search` options ask for.

    Args:
      texts: "NAME=VALUES" each.

    Raises:
      ConfigError: no such setting, one that is the search's own, or values that it can't take.

    >>> dimensions(["units=64,128"])[0].values
    (64, 128)
    """
    return [_dimension(name, text) for name, text in name_value_pairs(list(texts), "--search")]


def searched_names(text: str) -> list[str]:
    """What `--only` lists.

    Raises:
      ConfigError: a name that is no dimension of the space.
    """
    known = [dimension.name for dimension in SPACE]
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in known:
            meant = did_you_mean(name, known)
            raise ConfigError(f"--only: got {name!r}{meant}, expected of: {', '.join(known)}")
    return names


def _dimension(name: str, text: str) -> Dimension:
    if name in OWN:
        raise ConfigError(f"--search {name}: got {text!r}, expected {OWN[name]}")
    if name not in _KINDS:
        raise ConfigError(f"--search: no setting named {name!r}{did_you_mean(name, _KINDS)}")
    when = next((d.when for d in SPACE if d.name == name), None)
    kind = _KINDS[name]
    if kind in (int, float) and ".." in text:
        return _range(name, text, kind, when)
    between = ";" if ";" in text or get_origin(kind) is tuple else ","
    parts = text.removesuffix(";").split(between)
    values = tuple(dict.fromkeys(_value(name, part.strip(), kind) for part in parts))
    return Choice(name, values, when=when)


def _range(name: str, text: str, kind: type, when: Any) -> Range:
    low, high = (_value(name, end, kind) for end in text.split("..", 1))
    if isinstance(low, str) or isinstance(high, str) or not low < high:
        raise ConfigError(f"--search {name}: got {text!r}, expected LOW..HIGH, the first smaller")
    log = low > 0 and high / low >= 10
    return Range(name, low, high, log=log, whole=kind is int, when=when)


def _value(name: str, text: str, kind: Any) -> Value:
    """One value, of the type that the setting has."""
    try:
        if get_origin(kind) is tuple or kind is str:
            return text
        if kind is bool:
            return _WORDS[text.lower()]
        if kind in (int, float):
            number = kind(text)
            if not math.isfinite(number):
                raise ValueError
            return number
    except (KeyError, ValueError):
        expected = {bool: "true or false", int: "a whole number"}.get(kind, "a number")
        raise ConfigError(f"--search {name}: got {text!r}, expected {expected}") from None
    if text not in get_args(kind):
        known = ", ".join(get_args(kind))
        raise ConfigError(f"--search {name}: got {text!r}, expected one of {known}")
    return text
