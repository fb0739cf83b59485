"""What a configuration asks of an event log, and the configuration that suits it.

A model can only read what the data have. What was stated and cannot be is an error; what a preset
brings along is switched off, and a line says so.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping

from tfhrnn.config import Config, ModelConfig
from tfhrnn.data.event_log import EventLog
from tfhrnn.errors import ConfigError
from tfhrnn.personalize import own_names
from tfhrnn.presets import PRESETS

_FEEDBACK = "data with feedback (prepare --map feedback=COLUMN)"
_ITEMS = "data with features of items (prepare --items ... --item-features ...)"


def stated_settings(config: Config, settings: Mapping[str, object]) -> frozenset[str]:
    """Settings of the model that were chosen, not brought along by a preset.

    Args:
      config: the whole configuration; what differs from its preset was chosen.
      settings: chosen ones by name, ours or Personalize's, of whatever value.

    >>> from tfhrnn.config import preset
    >>> sorted(stated_settings(preset("best", {"units": 8}), {"layers": 2}))
    ['layers', 'units']
    """
    plain = Config().with_settings(PRESETS.get(config.preset, {})).model
    names = [field.name for field in dataclasses.fields(ModelConfig)]
    changed = [name for name in names if getattr(config.model, name) != getattr(plain, name)]
    return frozenset([*changed, *own_names(settings)])


def suited_config(
    config: Config, log: EventLog, stated: Collection[str]
) -> tuple[Config, list[str]]:
    """A configuration without what the data cannot give, and with the data's thresholds.

    Args:
      config: the one asked for.
      log: the data.
      stated: from `stated_settings`; thresholds among them stay.

    Returns:
      The configuration, and a line for each setting that was switched off.

    Raises:
      ConfigError: one that was stated cannot be had with these data.
    """
    model = config.model
    has_features = log.catalogue.feature_matrix.shape[1] > 0
    own = model.item_statistics or model.item_factors > 0
    # Setting → whether the data have it, its value without, and what it takes.
    needs: dict[str, tuple[bool, object, str]] = {
        "first_item_features": (
            own or (has_features and model.item_features),
            False,
            f"{_ITEMS}, or item_statistics or item_factors with it",
        ),
        "item_features": (has_features, False, _ITEMS),
        "user_features": (
            log.user_matrix.shape[1] > 0,
            False,
            "data with a user table (prepare --users ... --user-features ...)",
        ),
        "feedback": (log.has_feedback, False, _FEEDBACK),
        "negate_below": (log.has_feedback, "", _FEEDBACK),
        "rating": (log.has_feedback, "none", _FEEDBACK),
        "event_types": (
            bool(log.event_types),
            False,
            "data with event types (prepare --map event_type=COLUMN)",
        ),
    }
    weight = config.training.impression_weight
    if weight and not log.most_shown:  # no preset brings it along
        raise ConfigError(
            f"impression_weight: got {weight:g}, expected data with impressions "
            "(prepare --map impressions=COLUMN)"
        )
    off: dict[str, object] = {}
    lines = []
    for name, (there, without, expected) in needs.items():
        value = getattr(model, name)
        if there or value == without:
            continue
        shown = "true" if value is True else repr(value)
        if name in stated:
            raise ConfigError(f"{name}: got {shown}, expected {expected}")
        off[name] = without
        lines.append(
            f"{name}: {shown} in the preset {config.preset}, switched off: it takes {expected}"
        )
    if "thresholds" not in stated:
        off["thresholds"] = log.thresholds
    return config.with_settings(off), lines
