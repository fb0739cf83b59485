"""What there is to choose from: presets, towers, losses and settings, a line each.

TensorFlow is loaded by `choices` alone, so that the command line's help does without.
"""

from __future__ import annotations

import re
from typing import Any, Literal, get_args, get_origin, get_type_hints

from tfhrnn.config import ModelConfig, TrainingConfig
from tfhrnn.personalize import HYPERPARAMETERS
from tfhrnn.presets import PRESET_LINES, PRESETS


def names(config: type) -> dict[str, tuple[str, ...]]:
    """Each setting of a configuration that takes one of a few names, to those.

    >>> names(TrainingConfig)["schedule"]
    ('cosine', 'plateau', 'constant')
    """
    hints = get_type_hints(config).items()
    return {name: get_args(kind) for name, kind in hints if get_origin(kind) is Literal}


def choices() -> dict[str, dict[str, str]]:
    """Kind of choice to name to one line of what it is."""
    from tfhrnn.layers import sampled_losses, towers

    changes = {
        name: ", ".join(f"{key}={value}" for key, value in settings.items()) or "the defaults"
        for name, settings in PRESETS.items()
    }
    presets = {name: f"{PRESET_LINES[name]} ({changes[name]})" for name in PRESETS}
    return {
        "presets (--preset)": presets,
        "towers (--set tower=NAME)": _built(towers.TOWERS, towers.COMMON, dropout="output_dropout"),
        "losses (--set loss=NAME)": _built(sampled_losses.LOSSES, sampled_losses.COMMON),
        "model settings (--set NAME=VALUE)": _attributes(ModelConfig),
        "training settings (--set NAME=VALUE)": _attributes(TrainingConfig),
        "Amazon Personalize's names (--set NAME=VALUE)": {
            name: parameter.line() for name, parameter in HYPERPARAMETERS.items()
        },
    }


def _built(kinds: dict[str, Any], taken: tuple[str, ...], **defaults: str) -> dict[str, str]:
    """Each kind's first line, and the options of its own with their defaults, or those given."""
    from tfhrnn.layers.options import options_of

    lines = {}
    for name, kind in kinds.items():
        options = options_of(kind, taken)
        own = ", ".join(f"{key}={defaults.get(key, value)}" for key, value in options.items())
        lines[name] = (kind.__doc__ or "").strip().splitlines()[0]
        if own:
            lines[name] += f" Options: {own}."
    return lines


def _attributes(config: type) -> dict[str, str]:
    """Each field's sentence from a configuration's docstring, with its names and its default."""
    text = (config.__doc__ or "").partition("Attributes:")[2]
    found = re.findall(r"^ {6}(\w+): (.+?)(?=^ {6}\w+: |\Z)", text, re.M | re.S)
    defaults = vars(config())
    one_of = {name: f" One of {', '.join(given)}." for name, given in names(config).items()}
    shown = {name: "nothing" if value == "" else value for name, value in defaults.items()}
    return {
        name: f"{' '.join(line.split())}{one_of.get(name, '')} Default {shown[name]}."
        for name, line in found
    }
