"""What the command line's texts mean: pairs, lists of ids, times and places."""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

import numpy as np
import polars as pl

from tfhrnn.config import SPLIT_NAMES
from tfhrnn.data.event_rules import ANY, EventRules
from tfhrnn.data.split_rule import SplitRule
from tfhrnn.data.timestamps import iso_seconds
from tfhrnn.errors import ConfigError


def optional_path(text: str | None) -> Path | None:
    """A path, None where none is given."""
    return None if text is None else Path(text)


def name_value_pairs(texts: list[str], option: str) -> list[tuple[str, str]]:
    """Names and values, cut at the first equals sign.

    Args:
      texts: "NAME=VALUE" each; a value may be empty or hold further equals signs.
      option: that gave them, for messages.

    Raises:
      ConfigError: one without a name or an equals sign.
    """
    pairs = []
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise ConfigError(f"{option}: got {text!r}, expected NAME=VALUE")
        pairs.append((name, value))
    return pairs


def id_list(text: str, option: str, *, blanks: bool = False) -> list[str]:
    """A comma-separated list, or a JSON list.

    Args:
      text: such as "1,32,47" or '["a, b", "c"]'.
      option: that gave it, for messages.
      blanks: whether empty parts (null in JSON) stay, as "".

    Raises:
      ConfigError: it looks like a JSON list and is none.
    """
    if text.lstrip().startswith("["):
        try:
            values = json.loads(text)
            return ["" if blanks and value is None else str(value) for value in values]
        except json.JSONDecodeError as error:
            raise ConfigError(f"{option}: got {text!r}, expected a JSON list: {error}") from None
    return [part for part in text.split(",") if part or (blanks and text)]


def number(text: str, option: str) -> float | None:
    """One value of a list of numbers; None for a blank, unknown one.

    Raises:
      ConfigError: no finite number.
    """
    try:
        value = float(text) if text.strip() else None
    except ValueError:
        value = math.nan
    if value is not None and not math.isfinite(value):
        raise ConfigError(f"{option}: got {text!r}, expected a number, or nothing where unknown")
    return value


def unix_seconds(text: str) -> int:
    """A time of `--times`.

    Raises:
      ConfigError: no whole number of 64 bits.
    """
    try:
        return int(np.int64(text))
    except (ValueError, OverflowError):
        raise ConfigError(f"--times: got {text!r}, expected Unix seconds") from None


def add_split_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that `split_rule` reads, and the seed of the split into users."""
    parser.add_argument(
        "--split",
        choices=SPLIT_NAMES,
        help="what is held out: users whole (the default), the last share of each user's events, "
        "the last event of each, or all events from a point of time on",
    )
    parser.add_argument(
        "--split-share", type=float, metavar="SHARE", help="of last and time (default 0.1)"
    )
    parser.add_argument(
        "--split-point", metavar="TIME", help="of time: Unix seconds or a date such as 1998-04-01"
    )
    parser.add_argument(
        "--split-seed", type=int, default=0, help="of the split into users (default 0)"
    )


def event_rules(arguments: argparse.Namespace) -> EventRules:
    """What `--event-types`, `--event-weights` and `--event-thresholds` ask for.

    Raises:
      ConfigError: a value that is no number, or a type given twice.
    """
    weights = name_value_pairs(arguments.event_weights, "--event-weights")
    thresholds = [
        (kind, value) if equals else (ANY, text)
        for text in arguments.event_thresholds
        for kind, equals, value in [text.partition("=")]
    ]
    return EventRules(
        tuple(arguments.event_types or ()),
        _numbers(weights, "--event-weights"),
        _numbers(thresholds, "--event-thresholds"),
    )


def _numbers(pairs: list[tuple[str, str]], option: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, text in pairs:
        value = number(text, option)
        if value is None or name in found:
            expected = "a number" if value is None else f"{name or 'every type'} once"
            raise ConfigError(f"{option}: got {name}={text}, expected {expected}")
        found[name] = value
    return found


def split_rule(arguments: argparse.Namespace) -> SplitRule | None:
    """What `--split` and its options ask for, None where none is given.

    Raises:
      ConfigError: a share or point without a split that takes it, or a point that is no time.
    """
    given, point = arguments.split, arguments.split_point
    if given is None and (point is not None or arguments.split_share is not None):
        option = "--split-share" if point is None else "--split-point"
        raise ConfigError(f"{option}: got no --split beside it, expected --split last or time")
    return None if given is None else SplitRule(given, arguments.split_share, _time_point(point))


def _time_point(text: str | None) -> int | None:
    """Unix seconds of a number or of an ISO 8601 date, which is UTC where it has no zone."""
    if text is None:
        return None
    try:
        return int(np.int64(text))
    except (ValueError, OverflowError):
        pass
    (seconds,) = iso_seconds(pl.Series([text], dtype=pl.String))
    if seconds is None:
        raise ConfigError(f"--split-point: got {text!r}, expected Unix seconds or an ISO 8601 date")
    return int(seconds)


def json_target(path: str) -> Path:
    """The file of `--json`, whose folder is made now.

    Raises:
      ConfigError: it is a folder.
    """
    target = Path(path)
    if target.is_dir():
        raise ConfigError(f"--json: got the folder {path}, expected a file")
    target.parent.mkdir(parents=True, exist_ok=True)
    return target
