"""Options of a tower or loss written as text, "context=128,heads=4", typed by its signature."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from typing import Any

from tfhrnn.errors import ConfigError, did_you_mean


def options_of(build: Callable[..., Any], taken: Collection[str] = ()) -> dict[str, Any]:
    """What a function takes beside `taken`, with its defaults; None is none.

    >>> def build(units, *, heads=2, share=0.5, style="a", seed=None): ...
    >>> options_of(build, ["style"])
    {'heads': 2, 'share': 0.5}
    """
    return {
        name: parameter.default
        for name, parameter in inspect.signature(build).parameters.items()
        if parameter.default not in (parameter.empty, None) and name not in taken
    }


def parse_options(
    owner: str, build: Callable[..., Any], text: str, *, taken: Collection[str] = ()
) -> dict[str, Any]:
    """Reads options for a function's keyword arguments.

    Args:
      owner: who takes them, for messages.
      build: a class or function; the type of an argument's default is the option's.
      text: "name=value,name=value"; empty for none.
      taken: arguments that others set.

    Returns:
      The options by name.

    Raises:
      ConfigError: no such option, or a value of another type.

    >>> def build(units, *, heads=2, share=0.5, style="a", seed=None): ...
    >>> parse_options("x", build, "heads=4,share=.25", taken=["seed"])
    {'heads': 4, 'share': 0.25}
    """
    known = options_of(build, taken)
    found: dict[str, Any] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = part.partition("=")
        if not known:
            raise ConfigError(f"{owner}: got option {part!r}, but {owner.split()[-1]} takes none")
        if not equals or name not in known:
            meant = "" if name in known else did_you_mean(name, known)
            raise ConfigError(
                f"{owner}: got option {part!r}{meant}, expected NAME=VALUE of: {', '.join(known)}"
            )
        kind = type(known[name])
        try:
            found[name] = _BOOLS[value.lower()] if kind is bool else kind(value)
        except (ValueError, KeyError):
            raise ConfigError(
                f"{owner}: {name}: got {value!r}, expected a value like {known[name]!r}"
            ) from None
    return found


_BOOLS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
