"""What `list` tells is all there is."""

from __future__ import annotations

import dataclasses

from tfhrnn.choices import choices
from tfhrnn.config import LOSS_NAMES, PRESETS, TOWER_NAMES, ModelConfig, TrainingConfig
from tfhrnn.layers.sampled_losses import LOSSES
from tfhrnn.layers.towers import TOWERS
from tfhrnn.personalize import HYPERPARAMETERS


def test_names_known_before_tensorflow_is_loaded_are_those_of_the_registries() -> None:
    assert sorted(TOWER_NAMES) == sorted(TOWERS)
    assert sorted(LOSS_NAMES) == sorted(LOSSES)


def test_every_choice_has_its_line() -> None:
    presets, towers, losses, model, training, personalize = choices().values()
    assert list(personalize) == list(HYPERPARAMETERS)
    assert list(presets) == list(PRESETS)
    assert list(towers) == list(TOWERS) and list(losses) == list(LOSSES)
    for settings, config in ((model, ModelConfig), (training, TrainingConfig)):
        assert list(settings) == [field.name for field in dataclasses.fields(config)]
    for lines in choices().values():
        assert all(len(line) > 8 for line in lines.values())


def test_a_setting_of_several_lines_is_joined_and_tells_its_default() -> None:
    *_, model, training, _ = choices().values()
    assert model["seen_items"].endswith("so that a served state has a bounded size. Default 512.")
    assert training["patience"].endswith("before training stops. Default 5.")
