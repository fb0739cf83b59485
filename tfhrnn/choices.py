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
    from tfhrnn.layers.sampled_losses import LOSSES
    from tfhrnn.layers.towers import TOWERS

    changes = {
        name: ", ".join(f"{key}={value}" for key, value in settings.items()) or "the defaults"
        for name, settings in PRESETS.items()
    }
    presets = {name: f"{PRESET_LINES[name]} ({changes[name]})" for name in PRESETS}
    return {
        "presets (--preset)": presets,
        "towers (--set tower=NAME)": {name: _first_line(kind) for name, kind in TOWERS.items()},
        "losses (--set loss=NAME)": {name: _first_line(kind) for name, kind in LOSSES.items()},
        "model settings (--set NAME=VALUE)": _attributes(ModelConfig),
        "training settings (--set NAME=VALUE)": _attributes(TrainingConfig),
        "Amazon Personalize's names (--set NAME=VALUE)": {
            name: parameter.line() for name, parameter in HYPERPARAMETERS.items()
        },
    }


def _first_line(documented: Any) -> str:
    return (documented.__doc__ or "").strip().splitlines()[0]


def _attributes(config: type) -> dict[str, str]:
    """Each field's sentence from a configuration's docstring, with its names and its default."""
    text = (config.__doc__ or "").partition("Attributes:")[2]
    found = re.findall(r"^ {6}(\w+): (.+?)(?=^ {6}\w+: |\Z)", text, re.M | re.S)
    defaults = vars(config())
    one_of = {name: f" One of {', '.join(given)}." for name, given in names(config).items()}
    return {
        name: f"{' '.join(line.split())}{one_of.get(name, '')} Default {defaults[name]}."
        for name, line in found
    }
